"""Fences are small numbers: whoever guesses one has no part in the lease."""

import pytest

from nasfleet.errors import ConflictError
from nasfleet.names import PoolName
from nasfleet_controller.dispatcher import Dispatcher
from nasfleet_controller.trainers import Lease, TrainerProfile

VISION, LANGUAGE = PoolName("vision", "gpu"), PoolName("language", "gpu")
RANK_0 = TrainerProfile("rank-0", "gpu-0", slots=1, pool=VISION)


def dispatcher_after_a_restart(size: int) -> Dispatcher:
    """Return what a controller knows that finds a lease of namespace vision in its store: rank 0, and how many there are."""
    found = Dispatcher(last_fence=5)
    lease = Lease(5, 1, 0, RANK_0.instance_id, 30.0, 0.0)
    lease.size = size
    found.restore(lease, RANK_0, "vision", 0.0)
    return found


def test_a_gang_takes_back_a_member_of_its_namespace_and_nobody_else() -> None:
    found = dispatcher_after_a_restart(size=2)
    found.connect(TrainerProfile("thief", "gpu-1", 1, LANGUAGE), [5], 1.0)
    assert found.leases[5].members == ["rank-0"]
    found.connect(TrainerProfile("rank-1", "gpu-1", 1, VISION), [5], 1.0)
    assert found.leases[5].members == ["rank-0", "rank-1"]


def test_a_lease_is_only_that_of_those_who_hold_it() -> None:
    found = dispatcher_after_a_restart(size=1)
    assert found.lease_of("rank-0", 5) is found.leases[5]
    assert found.lease_of("another", 5) is None
    assert found.lease_of("rank-0", 6) is None


@pytest.mark.parametrize(
    "profile",
    [
        TrainerProfile("rank-0", "gpu-0", 1, LANGUAGE),
        TrainerProfile("rank-0", "gpu-0", 1, PoolName("vision", "cpu")),
        TrainerProfile("rank-0", "gpu-0", 1),
        TrainerProfile("rank-0", "gpu-9", 1, VISION),
    ],
    ids=["another namespace", "another pool", "no pool", "another name"],
)
def test_an_instance_is_taken_back_only_as_what_it_was(profile: TrainerProfile) -> None:
    with pytest.raises(ConflictError, match="another trainer"):
        dispatcher_after_a_restart(size=1).refuse_impostor(profile)


def test_the_trainer_itself_is_taken_back() -> None:
    dispatcher_after_a_restart(size=1).refuse_impostor(TrainerProfile("rank-0", "gpu-0", 1, VISION))

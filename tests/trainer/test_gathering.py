"""Trainers of a gang that do not find each other, or are left alone: nobody's network is to blame."""

from queue import SimpleQueue

import pytest

from nasfleet.measurement import FailureKind
from nasfleet.v1.fleet_pb2 import GangPlace, Rendezvous
from nasfleet_testing.programs import free_address
from nasfleet_trainer.failures import GangBrokenError, classify
from nasfleet_trainer.gathering import gathered


def test_a_rank_that_does_not_reach_rank_0_says_where_it_looked_and_what_to_set() -> None:
    port = int(free_address().rpartition(":")[2])
    place = GangPlace(rank=1, size=2, rendezvous=Rendezvous(host="127.0.0.1", port=port))
    with (
        pytest.raises(
            GangBrokenError, match=rf"rank 1 of 2 does not reach rank 0 at 127\.0\.0\.1 port {port}: .*--gang-host"
        ) as told,
        gathered(place, "cpu", "127.0.0.1", lambda _: None, connecting_seconds=0.5),
    ):
        pass
    assert classify(told.value).kind is FailureKind.GANG_BROKEN


def test_rank_0_waits_for_the_others_no_longer_than_it_should() -> None:
    ports: SimpleQueue[int] = SimpleQueue()
    with (
        pytest.raises(GangBrokenError, match="rank 0 of 2 lost the others"),
        gathered(GangPlace(rank=0, size=2), "cpu", "127.0.0.1", ports.put, gathering_seconds=0.5),
    ):
        pass
    assert ports.get() > 0


def test_what_a_task_raises_is_not_taken_for_the_gangs() -> None:
    with pytest.raises(RuntimeError, match="a bug"), gathered(GangPlace(rank=0, size=1), "cpu", "127.0.0.1", lambda _: None):
        raise RuntimeError("a bug of the task")

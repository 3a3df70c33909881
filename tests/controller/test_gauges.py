"""What a scrape reads off the state of the controller and off its disk."""

from pathlib import Path

from nasfleet.names import PoolName
from nasfleet_controller.gauges import DiskCollector, _of_trainers
from nasfleet_controller.trainers import SILENT_SECONDS, Lease, Standing, Trainer, TrainerProfile

POOL = PoolName("default", "p")


def trainer(number: int, *, slots: int = 1, heard_at: float = 0.0, connected: bool = True, started: int = 0) -> Trainer:
    """Return a trainer of the pool that holds leases of which some are started."""
    profile = TrainerProfile(f"i{number}", f"t{number}", slots=slots, pool=POOL)
    found = Trainer(profile, number, Standing(None, {}), heard_at, 0.0, 0.0, connected=connected)
    for fence in range(2):
        found.leases[fence] = Lease(fence, 1, fence, profile.instance_id, 30.0, 0.0, 0.0 if fence < started else None)
    return found


def test_trainers_are_silent_after_three_heartbeats_unless_they_have_left() -> None:
    now = SILENT_SECONDS + 1
    trainers = [trainer(0), trainer(1, heard_at=2.0), trainer(2, connected=False)]
    assert values(trainers, now)["nasfleet_trainers_silent"] == 1


def test_slots_are_those_of_connected_trainers_and_used_while_a_child_is_in_training() -> None:
    trainers = [trainer(0, slots=2, started=1), trainer(1, slots=3), trainer(2, slots=5, connected=False, started=2)]
    found = values(trainers, 1.0)
    assert (found["nasfleet_slots"], found["nasfleet_slots_training"]) == (5, 1)


def test_the_size_of_the_disk_is_told_and_nothing_of_one_that_is_not_there(tmp_path: Path) -> None:
    size, free = DiskCollector(tmp_path).collect()
    assert size.samples[0].value > free.samples[0].value > 0
    assert list(DiskCollector(tmp_path / "gone").collect()) == []


def values(trainers: list[Trainer], now: float) -> dict[str, float]:
    """Return the figures of the pool that have no other label."""
    samples = [sample for family in _of_trainers(trainers, now) for sample in family.samples]
    return {sample.name: sample.value for sample in samples if sample.labels == {"pool": str(POOL)}}

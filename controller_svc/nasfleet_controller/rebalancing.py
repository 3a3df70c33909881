"""Which leases are wanted back: those that wait behind a child in training while another trainer could begin them. Pure.

A lease is given ahead of time so that no trainer waits between two children. Once there are more trainers than trials that
wait, such a lease only holds its trial up. Its trainer is asked for it; if the training has begun there meanwhile, it stays.
A trial that has moved begins at once unless its new trainer is full again by then; it waits there then, and may move once more.
"""

from collections.abc import Collection, Iterable, Mapping

from nasfleet_controller.free_slots import FreeSlots
from nasfleet_controller.placing import Demand
from nasfleet_controller.trainers import Lease, Trainer

PATIENCE_SECONDS = 2.0  # behind a child that trains for less, a lease begins about as soon as it could have moved


def wanted_back(
    trainers: Iterable[Trainer], demands: Mapping[int, Demand], now: float, booked: Collection[str] = ()
) -> list[Lease]:
    """Return the leases to ask for now, given that nothing else is there for the trainers with a free slot.

    Args:
        trainers: the whole fleet.
        demands: those of the searches that run, by id.
        now: the time, in seconds.
        booked: trainers whose free slots are kept for gangs.
    """
    trainers = list(trainers)
    if not (slots := FreeSlots((trainer for trainer in trainers if trainer.profile.instance_id not in booked), now)):
        return []
    waiting = [lease for trainer in trainers for lease in _ahead_of_time(trainer, now)]
    waiting.sort(key=lambda lease: not lease.wanted_back)  # what was asked for already will need its slot first
    chosen = []
    for lease in waiting:
        demand = demands.get(lease.search_id)
        if demand is not None and next(slots.suiting(demand), None) and not lease.wanted_back:
            chosen.append(lease)
    return chosen


def _ahead_of_time(trainer: Trainer, now: float) -> list[Lease]:
    """Return the leases of a trainer that have waited for long, the last given first, at most as many as it has no slot for."""
    if not trainer.connected:
        return []
    excess = max(0, len(trainer.leases) - trainer.profile.slots)
    latest = sorted((lease for lease in trainer.leases.values() if lease.started_at is None), key=lambda lease: -lease.fence)
    return [lease for lease in latest[:excess] if now - lease.granted_at >= PATIENCE_SECONDS]

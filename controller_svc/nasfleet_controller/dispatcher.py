"""Who works on what: trainers, their leases and fences, and which trainer gets the next trial. Pure: `now` comes in.

`now` is a monotonic clock's, in seconds: a lease must not end because somebody set the time. A lease lasts as long as its
trainer was heard of within the search's lease time; what it protects is decided by its fence, never by the clock.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

HEARTBEAT_SECONDS = 5.0
SILENT_SECONDS = 3 * HEARTBEAT_SECONDS
UNABLE_BACKOFF_SECONDS = 30.0
PREFETCH_PER_SLOT = 1


class TrainerState(Enum):
    """What a trainer does; the names are those of `nasfleet.v1.TrainerState`."""

    IDLE = auto()
    BUSY = auto()
    DRAINING = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class TrainerProfile:
    """What a trainer says of itself when it connects."""

    instance_id: str
    name: str
    slots: int
    pool: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    device_memory_bytes: int | None = None


@dataclass(slots=True)
class Lease:
    """The right of one trainer to work on one trial, and what was heard of it.

    Attributes:
        lease_seconds: how long it outlives its trainer's last word.
        started_at: when the training began; None while the trial waits for a slot.
        epoch: the last epoch reported, 0 before the first; `value` is the figure of merit then.
    """

    fence: int
    search_id: int
    number: int
    instance_id: str
    lease_seconds: float
    started_at: float | None = None
    epoch: int = 0
    value: float | None = None


@dataclass(slots=True)
class Trainer:
    """A trainer process that is connected or still holds leases; it had a free slot last since `free_since`."""

    profile: TrainerProfile
    heard_at: float
    free_since: float
    connected: bool = True
    draining: bool = False
    measured: int = 0
    leases: dict[int, Lease] = field(default_factory=dict)
    unable_until: dict[int, float] = field(default_factory=dict)

    @property
    def state(self) -> TrainerState:
        """What it does, as people are shown it."""
        if not self.connected:
            return TrainerState.LOST
        if self.draining:
            return TrainerState.DRAINING
        return TrainerState.BUSY if self.leases else TrainerState.IDLE

    def takes_work(self, now: float) -> bool:
        """Return whether it may be given anything at all; one that has gone silent may not, though it holds what it has."""
        return self.connected and not self.draining and now - self.heard_at <= SILENT_SECONDS

    def spare(self, per_slot: int) -> bool:
        """Return whether it holds fewer than `per_slot` leases per slot."""
        return len(self.leases) < self.profile.slots * per_slot


@dataclass(slots=True)
class Demand:
    """What one search asks of the fleet: `available` more leases of so many seconds, beside the `running` ones it has."""

    search_id: int
    available: int
    running: int
    weight: float
    labels: Mapping[str, str]
    lease_seconds: float = math.inf

    @property
    def share(self) -> float:
        """Leases for each unit of weight; the search with the smallest is served first."""
        return self.running / self.weight


@dataclass(frozen=True, slots=True)
class Placement:
    """A trainer for the next trial of a search."""

    search_id: int
    instance_id: str


class Dispatcher:
    """The fleet as the controller sees it."""

    def __init__(self, last_fence: int) -> None:
        self.last_fence = last_fence
        self.trainers: dict[str, Trainer] = {}
        self.leases: dict[int, Lease] = {}

    def connect(self, profile: TrainerProfile, held: Sequence[int], now: float) -> tuple[list[Lease], list[int]]:
        """Take in a trainer, or take it back after a broken stream.

        Returns:
            Its leases that it no longer works on, to be ended by the caller, and the fences that it works on in vain.
        """
        known = self.trainers.get(profile.instance_id)
        if known is None:
            self.trainers[profile.instance_id] = Trainer(profile, now, now)
            return [], sorted(held)
        known.profile, known.heard_at, known.connected = profile, now, True
        dropped = [lease for fence, lease in known.leases.items() if fence not in held]
        return dropped, sorted(set(held) - known.leases.keys())

    def disconnect(self, instance_id: str) -> None:
        """Take note that a stream ended; its leases stay until they expire or the trainer is back."""
        trainer = self.trainers[instance_id]
        trainer.connected = False
        self._forget_if_gone(trainer)

    def restore(self, lease: Lease, profile: TrainerProfile, now: float) -> None:
        """Take in a lease that was open before a restart, with one lease time of grace."""
        trainer = self.trainers.setdefault(profile.instance_id, Trainer(profile, now, now, connected=False))
        trainer.leases[lease.fence] = self.leases[lease.fence] = lease

    def hear(self, instance_id: str, now: float) -> None:
        """Renew all leases of a trainer."""
        self.trainers[instance_id].heard_at = now

    def grant(self, placement: Placement, number: int, lease_seconds: float) -> Lease:
        """Give out a lease under the next fence."""
        self.last_fence += 1
        lease = Lease(self.last_fence, placement.search_id, number, placement.instance_id, lease_seconds)
        self.trainers[placement.instance_id].leases[lease.fence] = self.leases[lease.fence] = lease
        return lease

    def end(self, fence: int, now: float) -> Lease:
        """Void a lease."""
        lease = self.leases.pop(fence)
        trainer = self.trainers[lease.instance_id]
        if not trainer.spare(1):
            trainer.free_since = now
        del trainer.leases[fence]
        self._forget_if_gone(trainer)
        return lease

    def forgive(self, now: float) -> None:
        """Renew every lease: the controller stood still, and what its trainers said meanwhile waits to be heard."""
        for trainer in self.trainers.values():
            trainer.heard_at = now

    def expired(self, now: float) -> list[Lease]:
        """Return the leases whose trainers have been silent for too long."""
        return [
            lease for lease in self.leases.values() if now - self.trainers[lease.instance_id].heard_at > lease.lease_seconds
        ]

    def mark_unable(self, lease: Lease, now: float) -> None:
        """Give a trainer nothing of a search for a while, for it said that it cannot run it."""
        self.trainers[lease.instance_id].unable_until[lease.search_id] = now + UNABLE_BACKOFF_SECONDS

    def place(self, demands: Sequence[Demand], now: float) -> Iterator[Placement]:
        """Yield a trainer for each next trial; the caller grants it before it asks for another.

        Searches are served by weight. Trainers with a free slot come first, in the order in which they became free; after
        them one trial for each slot is given ahead of time, so that no trainer waits between two children.
        """
        for per_slot in (1, 1 + PREFETCH_PER_SLOT):
            spare = {
                instance_id: trainer
                for instance_id, trainer in self.trainers.items()
                if trainer.takes_work(now) and trainer.spare(per_slot)
            }
            waiting = [demand for demand in demands if demand.available > 0]
            while spare and waiting:
                demand = min(waiting, key=lambda candidate: candidate.share)
                chosen = next((name for name, trainer in spare.items() if _suits(trainer, demand, now)), None)
                if chosen is None:
                    waiting.remove(demand)
                    continue
                yield Placement(demand.search_id, chosen)
                demand.available -= 1
                demand.running += 1
                if demand.available <= 0:
                    waiting.remove(demand)
                if not spare[chosen].spare(per_slot):
                    del spare[chosen]

    def _forget_if_gone(self, trainer: Trainer) -> None:
        if not trainer.connected and not trainer.leases:
            del self.trainers[trainer.profile.instance_id]


def _suits(trainer: Trainer, demand: Demand, now: float) -> bool:
    """Return whether a lease makes sense: one that would expire at once is none."""
    labels = trainer.profile.labels
    if now - trainer.heard_at > demand.lease_seconds:
        return False
    return trainer.unable_until.get(demand.search_id, now) <= now and all(
        labels.get(key) == value for key, value in demand.labels.items()
    )

"""Trainers as the controller sees them, and the leases that they hold. Times are a monotonic clock's, in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from nasfleet.names import PoolName

HEARTBEAT_SECONDS = 5.0
SILENT_SECONDS = 3 * HEARTBEAT_SECONDS


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
    pool: PoolName | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    device_memory_bytes: int | None = None
    lowers_spaces: bool = False
    gang_host: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows for a trainer from its pool.

    Attributes:
        namespace: whose searches it serves; None for those of all.
        labels: what a search's selector is matched with.
        cordoned: whether it gets no further trials.
    """

    namespace: str | None
    labels: Mapping[str, str]
    cordoned: bool = False


@dataclass(slots=True)
class Lease:
    """The right of one trainer, or of one gang, to work on one trial, and what was heard of it.

    Attributes:
        lease_seconds: how long it outlives its trainer's last word.
        granted_at: when it was given.
        started_at: when the training began; None while the trial waits for a slot.
        epoch: the last epoch reported, 0 before the first; `value` is the figure of merit then.
        wanted_back: whether its trainer was asked for it, since another could begin it now.
        size: how many trainers hold it; after a restart of the controller `others` come back one by one.
        others: the further members of a gang beside `instance_id`, which is rank 0; in the order of their ranks when granted.
        meeting: where the gang meets, once rank 0 has said it; the others are told of the trial then.
    """

    fence: int
    search_id: int
    number: int
    instance_id: str
    lease_seconds: float
    granted_at: float
    started_at: float | None = None
    epoch: int = 0
    value: float | None = None
    wanted_back: bool = False
    size: int = 1
    others: list[str] = field(default_factory=list)
    meeting: tuple[str, int] | None = None

    @property
    def members(self) -> list[str]:
        """All trainers that hold it, rank 0 first."""
        return [self.instance_id, *self.others]

    @property
    def is_whole(self) -> bool:
        """Whether all members are known; after a restart only rank 0 is, until the others are back."""
        return 1 + len(self.others) == self.size

    def is_told_to(self, instance_id: str) -> bool:
        """Return whether a member knows that it holds this: others than rank 0 are told when they can join it."""
        return instance_id == self.instance_id or self.meeting is not None


@dataclass(slots=True)
class Trainer:
    """A trainer process that is connected or still holds leases.

    Attributes:
        rank: its place in the order in which trainers came.
        standing: what its pool makes of it.
        free_since: since when it has had a free slot, or last had one.
        idle_since: since when it has held nothing, or last did.
        failed_lowerings: by search, how often in a row it could not lower its space.
    """

    profile: TrainerProfile
    rank: int
    standing: Standing
    heard_at: float
    free_since: float
    idle_since: float
    connected: bool = True
    draining: bool = False
    measured: int = 0
    leases: dict[int, Lease] = field(default_factory=dict)
    unable_until: dict[int, float] = field(default_factory=dict)
    failed_lowerings: dict[int, int] = field(default_factory=dict)

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
        available = self.connected and not self.draining and not self.standing.cordoned
        return available and now - self.heard_at <= SILENT_SECONDS

    def spare(self, per_slot: int) -> bool:
        """Return whether it holds fewer than `per_slot` leases per slot."""
        return len(self.leases) < self.profile.slots * per_slot

    def has_room(self, per_slot: int) -> bool:
        """Return whether it may be given more: nothing ahead of time while a gang has a slot of which it was not told yet."""
        told = all(lease.is_told_to(self.profile.instance_id) for lease in self.leases.values())
        return self.spare(per_slot if told else 1)

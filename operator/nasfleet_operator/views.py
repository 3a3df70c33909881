"""The controller's view of a pool's trainers and of a search, as values of one moment. Times: Unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from nasfleet.catalogue import SearchSpec


class TrainerState(Enum):
    """What a trainer does; the names are those of `nasfleet.v1.TrainerState`, but UNKNOWN is what only a newer one knows."""

    UNKNOWN = auto()
    IDLE = auto()
    BUSY = auto()
    DRAINING = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerView:
    """A trainer as the controller sees it; its name is that of its pod. `idle_seconds` is absent while it holds a lease."""

    name: str
    state: TrainerState
    leases: int = 0
    idle_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool as the controller was told of it last, and how many slots its searches could use; see `nasfleet.v1.Pool`."""

    labels: Mapping[str, str]
    service_account: str
    wanted_size: int
    cordoned: frozenset[str] = frozenset()
    wanted_slots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """The part of the fleet that belongs to one pool; `pool` is absent until it is declared."""

    pool: PoolView | None = None
    trainers: tuple[TrainerView, ...] = ()


class SearchState(Enum):
    """Where a search is in its life; the names are those of `nasfleet.v1.SearchState`."""

    RUNNING = auto()
    SUSPENDED = auto()
    COMPLETED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCounts:
    """How many trials are where; the fields are those of `nasfleet.v1.TrialCounts`."""

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    lost: int = 0
    distinct: int = 0

    @property
    def settled(self) -> int:
        """Trials that are done for good."""
        return self.succeeded + self.failed + self.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class BestTrial:
    """The trial with the highest reward so far; `architecture` is the hash that all spellings of its network share."""

    number: int
    reward: float
    architecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchView:
    """A search as the controller has it; the message says why it is in its state or what it waits for.

    `trials_per_second` counts those that settled within the last minute.
    """

    uid: str
    spec: SearchSpec
    state: SearchState
    message: str = ""
    counts: TrialCounts = TrialCounts()
    best: BestTrial | None = None
    trainer_seconds: float = 0.0
    trials_per_second: float = 0.0
    created_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class UnreadableSearch:
    """A search that a newer controller tells of in a way that is unknown here; the message says in which."""

    uid: str
    message: str


SearchSeen: TypeAlias = SearchView | UnreadableSearch
"""What a controller may have under the name of a search."""

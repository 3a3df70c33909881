"""What plans are made from: resources, pods and the controller's view of both, as values of one moment. Times: Unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Any

from nasfleet.catalogue import SearchSpec, TrainerPoolSpec
from nasfleet_operator.plan import Identity


class Truth(StrEnum):
    """The status of a condition; the values are those of Kubernetes."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a resource, which has had this status since `changed_at`."""

    type: str
    status: Truth
    reason: str
    message: str
    observed_generation: int
    changed_at: float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A declaration that the API server let through but that is none; the message says what to correct."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResource:
    """A TrainerPool as the API server has it."""

    identity: Identity
    generation: int
    deleted_at: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    declared: TrainerPoolSpec | Unreadable
    status: Mapping[str, Any] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResource:
    """An ArchitectureSearch as the API server has it; `finalized` says whether our finalizer is on it."""

    identity: Identity
    generation: int
    deleted_at: float | None = None
    finalized: bool = False
    declared: SearchSpec | Unreadable
    status: Mapping[str, Any] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How a container's process ended."""

    reason: str
    exit_code: int
    ended_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of a pod: what it waits for, if it waits, how it ended, if it has, and how it ended the last time."""

    name: str
    waiting_reason: str = ""
    waiting_message: str = ""
    ended: Termination | None = None
    ended_before: Termination | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCondition:
    """One condition of a pod; unlike ours it may come without a reason."""

    status: Truth
    reason: str = ""
    message: str = ""
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of a pool.

    Attributes:
        phase: "Pending", "Running", "Succeeded", "Failed" or "Unknown".
        reason: why it failed as a whole ("Evicted"), else empty.
        node: where it was put, else empty.
        ready: whether its probes say so.
        gated: whether something keeps it from being scheduled on purpose, as Kueue does.
        deleted_at: when it was told to go; None if it was not.
        deletion_cost: 0 unless it says otherwise.
        conditions: by their type.
    """

    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    node: str = ""
    ready: bool = False
    gated: bool = False
    created_at: float
    deleted_at: float | None = None
    deletion_cost: int = 0
    conditions: Mapping[str, PodCondition] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()

    @property
    def lives(self) -> bool:
        """Whether it counts as one of its Deployment's pods: it has not ended and was not told to go."""
        return self.deleted_at is None and self.phase not in {"Succeeded", "Failed"}


class LossKind(StrEnum):
    """Why a pod went that nobody wanted to go; the values are reasons of conditions and events."""

    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_LOST = "NodeLost"
    DRAINED = "Drained"


@dataclass(frozen=True, slots=True)
class PodLoss:
    """A pod that went, or that goes, though nobody scaled down."""

    pod: str
    uid: str
    kind: LossKind
    at: float


class TrainerState(Enum):
    """What a trainer does; the names are those of `nasfleet.v1.TrainerState`."""

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
    """A search as the controller has it; the message says why it is in its state or what it waits for."""

    uid: str
    spec: SearchSpec
    state: SearchState
    message: str = ""
    counts: TrialCounts = TrialCounts()
    best: BestTrial | None = None
    trainer_seconds: float = 0.0
    created_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolObserved:
    """All that the plan of a pool depends on.

    Attributes:
        deployment: the Deployment of the pool's computed name, whoever made it.
        budget: the PodDisruptionBudget of that name, likewise.
        pods: those that carry the pool's label.
        lost: pods that are no more, lost within `Settings.recent_seconds`; see `pod_losses.loss_of`.
        fleet: None if the controller cannot be reached.
        announced: names of the events that are known to be there.
        refusal: the API server's message, if it refused what was applied last for this generation.
    """

    pool: PoolResource
    deployment: Mapping[str, Any] | None = None
    budget: Mapping[str, Any] | None = None
    pods: tuple[Pod, ...] = ()
    lost: tuple[PodLoss, ...] = ()
    fleet: FleetView | None = None
    announced: frozenset[str] = frozenset()
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchObserved:
    """All that the plan of a search depends on.

    Attributes:
        at_controller: the search that the controller has under this name, whoever's it is; None if there is none.
        reachable: whether the controller answers; if not, `at_controller` says nothing.
        refusal: the controller's message, if a dry run says that it would refuse this generation.
        announced: names of the events that are known to be there.
    """

    search: SearchResource
    at_controller: SearchView | None = None
    reachable: bool = True
    refusal: str | None = None
    announced: frozenset[str] = frozenset()

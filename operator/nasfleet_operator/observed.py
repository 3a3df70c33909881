"""What plans are made from: resources, pods and the controller's view of both, as values of one moment. Times: Unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nasfleet.catalogue import SearchSpec, TrainerPoolSpec
from nasfleet_operator.applications import Application
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.plan import Identity
from nasfleet_operator.views import FleetView, SearchSeen


class Truth(StrEnum):
    """The status of a condition; the values are those of Kubernetes."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a resource, which has had this status since `changed_at`, and this reason too since `updated_at`."""

    type: str
    status: Truth
    reason: str
    message: str
    observed_generation: int
    changed_at: float
    updated_at: float


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
        replica_set: name of the ReplicaSet that controls it, else empty.
        phase: "Pending", "Running", "Succeeded", "Failed" or "Unknown".
        reason: why it failed as a whole ("Evicted"), else empty.
        ready: whether its probes say so.
        gated: whether something keeps it from being scheduled on purpose, as Kueue does.
        deleted_at: when it was told to go; None if it was not.
        deletion_cost: 0 unless it says otherwise.
        conditions: by their type.
    """

    name: str
    uid: str
    replica_set: str = ""
    phase: str = "Pending"
    reason: str = ""
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


@dataclass(frozen=True, slots=True)
class PodLoss:
    """A pod that went, or that goes, though nobody scaled down."""

    pod: str
    uid: str
    kind: FailureKind
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolObserved:
    """All that the plan of a pool depends on.

    Attributes:
        deployment: the Deployment of the pool's computed name, whoever made it.
        budget: the PodDisruptionBudget of that name, likewise.
        trust: the ConfigMap of that name, likewise.
        certificates: in PEM, what trainers are to know the controller by; empty for plain text.
        pods: those that carry the pool's label.
        lost: pods that are no more, lost within `Settings.recent_seconds`; see `pod_losses.loss_of`.
        fleet: None if the controller cannot be reached.
        announced: names of the events that are known to be there.
        refusals: why the API server or the controller refused this generation with these labels, with their message, if they
            did within `Settings.retry_seconds`.
        applied: by the kind of object, how it was applied last.
    """

    pool: PoolResource
    deployment: Mapping[str, Any] | None = None
    budget: Mapping[str, Any] | None = None
    trust: Mapping[str, Any] | None = None
    certificates: str = ""
    pods: tuple[Pod, ...] = ()
    lost: tuple[PodLoss, ...] = ()
    fleet: FleetView | None = None
    announced: frozenset[str] = frozenset()
    refusals: Mapping[FailureKind, str] = field(default_factory=dict)
    applied: Mapping[str, Application] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchObserved:
    """All that the plan of a search depends on.

    Attributes:
        at_controller: the search that the controller has under this name, whoever's it is; None if there is none.
        reachable: whether the controller answers; if not, `at_controller` says nothing.
        refusal: the controller's message, if it has just refused in a dry run what the plan would declare.
        announced: names of the events that are known to be there.
    """

    search: SearchResource
    at_controller: SearchSeen | None = None
    reachable: bool = True
    refusal: str | None = None
    announced: frozenset[str] = frozenset()

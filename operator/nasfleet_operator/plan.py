"""A plan: the effects that one pass over one resource shall have, in their order.

Every effect may be carried out twice, and a plan may be cut short after any of them: the next pass plans what is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nasfleet.catalogue import SearchSpec
from nasfleet.names import PoolName, SearchName


@dataclass(frozen=True, slots=True)
class Identity:
    """One object of the API server."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class EventKind(StrEnum):
    """What kind of event people are told of; the values are those of Kubernetes."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class DeclarePool:
    """Tell the controller what a pool is, which of its trainers get no further trials and whose pods are no more."""

    name: PoolName
    labels: Mapping[str, str]
    service_account: str
    wanted_size: int
    cordoned: frozenset[str]
    gone: frozenset[str]


@dataclass(frozen=True, slots=True)
class ForgetPool:
    """Have the controller forget what a pool is; that it does not know it is success."""

    name: PoolName


@dataclass(frozen=True, slots=True)
class ApplyObject:
    """Apply a manifest on the server's side, by force on the fields that it has.

    Attributes:
        manifest: the object.
        because: where the object that is there differs, "spec.replicas"; empty if there is none.
    """

    manifest: Mapping[str, Any]
    because: str = ""


@dataclass(frozen=True, slots=True)
class SetDeletionCost:
    """Say how dear a pod is: of several, those that cost least are deleted first. That it is gone is success."""

    namespace: str
    pod: str
    cost: int


@dataclass(frozen=True, slots=True)
class SetReplicas:
    """Write a pool's spec.replicas by its scale subresource, unless it is no longer what the plan was made from."""

    pool: Identity
    before: int
    replicas: int


@dataclass(frozen=True, slots=True)
class DeclareSearch:
    """Make a search of the controller be as declared."""

    name: SearchName
    uid: str
    spec: SearchSpec


@dataclass(frozen=True, slots=True)
class ForgetSearch:
    """End a search of the controller and delete its trials; that it is gone is success."""

    name: SearchName


@dataclass(frozen=True, slots=True)
class SetFinalizer:
    """Put our finalizer on a search, or take it off; others' stay."""

    target: Identity
    present: bool


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Replace the status of a resource as a whole; at most one in a plan, after all that it tells of."""

    target: Identity
    status: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Announce:
    """Make an event under a computed name; that there is one of this name is success. Only after the status."""

    name: str
    regarding: Identity
    kind: EventKind
    reason: str
    message: str


Effect = (
    DeclarePool
    | ForgetPool
    | ApplyObject
    | SetDeletionCost
    | SetReplicas
    | DeclareSearch
    | ForgetSearch
    | SetFinalizer
    | WriteStatus
    | Announce
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Effects in their order; `again_in` is after how many seconds to look again though nothing changes, if at all."""

    effects: tuple[Effect, ...] = ()
    again_in: float | None = None

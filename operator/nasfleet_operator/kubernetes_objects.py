"""Kubernetes' objects, as its API and kopf give them, read into values; here alone is known how they are laid out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from nasfleet.catalogue import InvalidParametersError
from nasfleet.document import pool_from_data, search_from_data
from nasfleet_operator.observed import (
    Condition,
    Container,
    Pod,
    PodCondition,
    PoolResource,
    SearchResource,
    Termination,
    Truth,
    Unreadable,
)
from nasfleet_operator.plan import Identity

FINALIZER = "nasfleet.dev/search"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"

_TELLING = frozenset({"PodScheduled", "DisruptionTarget", "TerminationTarget"})
"""Conditions of pods that plans read; the others would only make passes when they change."""
_TRUTHS = {truth.value: truth for truth in Truth}


@lru_cache(maxsize=4096)  # pods that are made together have the same few times
def read_time(text: str) -> float:
    """Return a time of Kubernetes, "2026-01-31T12:00:00Z", in Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


def write_time(at: float) -> str:
    """Return Unix seconds as Kubernetes writes them, to the second."""
    return datetime.fromtimestamp(int(at), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_identity(raw: Mapping[str, Any]) -> Identity:
    """Return which object this is."""
    about = raw["metadata"]
    return Identity(raw["apiVersion"], raw["kind"], about["namespace"], about["name"], about["uid"])


def read_pool(raw: Mapping[str, Any]) -> PoolResource:
    """Return a TrainerPool; what is wrong with its spec is part of the value."""
    try:
        declared = pool_from_data(raw).spec
    except InvalidParametersError as error:
        return PoolResource(**_resource(raw), labels=_labels(raw), declared=Unreadable(str(error)))
    return PoolResource(**_resource(raw), labels=_labels(raw), declared=declared)


def read_search(raw: Mapping[str, Any]) -> SearchResource:
    """Return an ArchitectureSearch; what is wrong with its spec is part of the value."""
    finalized = FINALIZER in raw["metadata"].get("finalizers", ())
    try:
        declared = search_from_data(raw).spec
    except InvalidParametersError as error:
        return SearchResource(**_resource(raw), finalized=finalized, declared=Unreadable(str(error)))
    return SearchResource(**_resource(raw), finalized=finalized, declared=declared)


def read_pod(raw: Mapping[str, Any]) -> Pod:
    """Return a pod."""
    about, spec, status = raw["metadata"], raw.get("spec", {}), raw.get("status", {})
    conditions = {entry["type"]: entry for entry in status.get("conditions", ())}
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return Pod(
        name=about["name"],
        uid=about["uid"],
        replica_set=_replica_set(about),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        ready=conditions.get("Ready", {}).get("status") == Truth.TRUE,
        gated=bool(spec.get("schedulingGates")),
        created_at=read_time(about["creationTimestamp"]),
        deleted_at=_deleted_at(about),
        deletion_cost=_deletion_cost(about),
        conditions={type_: _pod_condition(entry) for type_, entry in conditions.items() if type_ in _TELLING},
        containers=tuple(map(_container, containers)),
    )


def read_condition(raw: Mapping[str, Any]) -> Condition:
    """Return one entry of a status' conditions."""
    return Condition(
        type=raw["type"],
        status=_truth(raw["status"]),
        reason=raw["reason"],
        message=raw["message"],
        observed_generation=raw.get("observedGeneration", 0),
        changed_at=read_time(raw["lastTransitionTime"]),
        # What was written before there was this field had one time for both.
        updated_at=read_time(raw.get("lastUpdateTime") or raw["lastTransitionTime"]),
    )


def _truth(text: str) -> Truth:
    # Whoever writes a condition, of a pod above all, may write what is none of the three.
    return _TRUTHS.get(text, Truth.UNKNOWN)


def _resource(raw: Mapping[str, Any]) -> dict[str, Any]:
    about, status = raw["metadata"], raw.get("status", {})
    return {
        "identity": read_identity(raw),
        "generation": about["generation"],
        "deleted_at": _deleted_at(about),
        "status": status,
        "conditions": tuple(map(read_condition, status.get("conditions", ()))),
    }


def _labels(raw: Mapping[str, Any]) -> dict[str, str]:
    return dict(raw["metadata"].get("labels") or {})


def _replica_set(about: Mapping[str, Any]) -> str:
    owners = (owner for owner in about.get("ownerReferences", ()) if owner.get("controller") and owner["kind"] == "ReplicaSet")
    return next((str(owner["name"]) for owner in owners), "")


def _deleted_at(about: Mapping[str, Any]) -> float | None:
    text = about.get("deletionTimestamp")
    # Of a pod it is when its grace period ends, not when that began.
    return None if text is None else read_time(text) - (about.get("deletionGracePeriodSeconds") or 0)


def _deletion_cost(about: Mapping[str, Any]) -> int:
    text = (about.get("annotations") or {}).get(DELETION_COST, "0")
    # Kubernetes itself takes what is no number for 0.
    return int(text) if text.removeprefix("-").isdecimal() else 0


def _pod_condition(raw: Mapping[str, Any]) -> PodCondition:
    changed = raw.get("lastTransitionTime")
    return PodCondition(
        status=_truth(raw["status"]),
        reason=raw.get("reason") or "",
        message=raw.get("message") or "",
        changed_at=0.0 if changed is None else read_time(changed),
    )


def _container(raw: Mapping[str, Any]) -> Container:
    state = raw.get("state") or {}
    waiting = state.get("waiting") or {}
    return Container(
        name=raw["name"],
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        ended=_termination(state.get("terminated")),
        ended_before=_termination((raw.get("lastState") or {}).get("terminated")),
        restarts=raw.get("restartCount", 0),
    )


def _termination(raw: Mapping[str, Any] | None) -> Termination | None:
    if not raw:
        return None
    ended = raw.get("finishedAt")
    return Termination(
        reason=raw.get("reason", ""),
        exit_code=raw["exitCode"],
        ended_at=0.0 if ended is None else read_time(ended),
    )

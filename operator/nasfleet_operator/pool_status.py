"""What is told of a pool: its conditions, from how many pods there are, what is wrong with them and which were lost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nasfleet_operator.conditions import Verdict, shortened, with_short_values
from nasfleet_operator.failure_kinds import SEVERITY, FailureKind
from nasfleet_operator.observed import Condition, PodLoss, Truth
from nasfleet_operator.plan import EventKind
from nasfleet_operator.pod_problems import Problem

NAMED_PODS = 3
"""Pods that a message names; it counts the others."""

_DETAIL_BYTES = 300
_BLOCKING = frozenset(
    {
        FailureKind.INVALID_SPEC,
        FailureKind.NAME_TAKEN,
        FailureKind.TEMPLATE_REFUSED,
        FailureKind.OPERATOR_FORBIDDEN,
        FailureKind.DECLARATION_REFUSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How far the Deployment is; `settled` if its controller has seen all that it should be."""

    total: int = 0
    ready: int = 0
    updated: int = 0
    settled: bool = False

    @classmethod
    def of(cls, deployment: Mapping[str, Any], *, as_desired: bool) -> "Rollout":
        """Return how far a Deployment is."""
        status = deployment.get("status", {})
        return cls(
            total=status.get("replicas", 0),
            ready=status.get("readyReplicas", 0),
            updated=status.get("updatedReplicas", 0),
            settled=as_desired and status.get("observedGeneration") == deployment["metadata"].get("generation"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSight:
    """A pool as it is to be told of; `gated` pods wait for their queue."""

    wanted: int
    suspended: bool
    rollout: Rollout
    gated: int
    problems: tuple[Problem, ...]
    losses: tuple[PodLoss, ...]


def pool_verdicts(sight: PoolSight) -> tuple[Verdict, ...]:
    """Return the conditions of a pool."""
    blocks = {problem.kind for problem in sight.problems} & _BLOCKING
    blocked = min(blocks, key=SEVERITY.__getitem__, default=None)
    return _ready(sight, blocked), _progressing(sight, blocked), _suspended(sight), _degraded(sight), _disrupted(sight)


def worth_telling(condition: Condition) -> EventKind | None:
    """Return which kind of event a pool's condition is worth: what is wrong, and what begins."""
    if condition.status is not Truth.TRUE:
        return None
    return EventKind.WARNING if condition.type in {"Degraded", "Disrupted"} else EventKind.NORMAL


def _ready(sight: PoolSight, blocked: FailureKind | None) -> Verdict:
    message = f"{sight.rollout.ready} of {sight.wanted} trainers are ready"
    if sight.gated:
        message += f"; {sight.gated} wait for their queue to admit them"
    if blocked is not None:
        return Verdict("Ready", Truth.FALSE, blocked, f"{message}; see the condition Degraded")
    if sight.suspended:
        return Verdict("Ready", Truth.FALSE, "Suspended", "the pool is suspended")
    if sight.wanted == 0:
        return Verdict("Ready", Truth.TRUE, "ScaledToZero", "no trainers are wanted")
    if sight.rollout.ready >= sight.wanted:
        return Verdict("Ready", Truth.TRUE, "TrainersReady", message)
    return Verdict("Ready", Truth.FALSE, "TrainersMissing", message)


def _progressing(sight: PoolSight, blocked: FailureKind | None) -> Verdict:
    rollout, wanted = sight.rollout, sight.wanted
    message = f"pods: {rollout.total} there, {wanted} wanted, {rollout.updated} as the spec says now"
    if blocked is not None:
        return Verdict("Progressing", Truth.FALSE, blocked, "nothing is changed until this is corrected")
    if rollout.total > wanted:
        return Verdict("Progressing", Truth.TRUE, "ScalingDown", message)
    if rollout.total < wanted or (rollout.updated == wanted and rollout.ready < wanted):
        return Verdict("Progressing", Truth.TRUE, "ScalingUp", message)
    if rollout.updated < wanted or not rollout.settled:
        return Verdict("Progressing", Truth.TRUE, "RollingOut", message)
    return Verdict("Progressing", Truth.FALSE, "AsDesired", message)


def _suspended(sight: PoolSight) -> Verdict:
    if sight.suspended:
        return Verdict("Suspended", Truth.TRUE, "Suspended", "spec.suspend is true: all trainers go; spec.replicas is kept")
    return Verdict("Suspended", Truth.FALSE, "NotSuspended")


def _degraded(sight: PoolSight) -> Verdict:
    if not sight.problems:
        return Verdict("Degraded", Truth.FALSE, "NothingWrong")
    pods: dict[FailureKind, list[str]] = defaultdict(list)
    details: dict[FailureKind, str] = {}
    for problem in sight.problems:
        pods[problem.kind] += [problem.pod] if problem.pod else []
        details.setdefault(problem.kind, problem.detail)
    kinds = sorted(pods, key=SEVERITY.__getitem__)
    message = " ".join(_sentence(kind, pods[kind], details[kind]) for kind in kinds)
    return Verdict("Degraded", Truth.TRUE, kinds[0], message)


def _disrupted(sight: PoolSight) -> Verdict:
    if not sight.losses:
        return Verdict("Disrupted", Truth.FALSE, "NothingLost")
    pods: dict[FailureKind, list[str]] = defaultdict(list)
    for loss in sight.losses:
        pods[loss.kind].append(loss.pod)
    kinds = sorted(pods, key=SEVERITY.__getitem__)
    return Verdict("Disrupted", Truth.TRUE, kinds[0], " ".join(_sentence(kind, pods[kind], "") for kind in kinds))


def _sentence(kind: FailureKind, pods: list[str], detail: str) -> str:
    subject = f"{_counted(pods)} {kind.happened}" if pods else kind.happened
    said = f": {shortened(with_short_values(detail), _DETAIL_BYTES)}" if detail else ""
    return f"{subject[0].upper()}{subject[1:]}{said.rstrip('.')}. {kind.advice}"


def _counted(pods: Iterable[str]) -> str:
    names = sorted(pods)
    shown = ", ".join(names[:NAMED_PODS])
    more = ", ..." if len(names) > NAMED_PODS else ""
    return f"{len(names)} pod{'s' if len(names) > 1 else ''} ({shown}{more})"

"""Why a pod went that nobody wanted to go: told by the pod itself, in its conditions and its reason."""

from collections.abc import Iterable, Mapping

from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.observed import Pod, PodLoss, Truth

_BY_DISRUPTION: Mapping[str, FailureKind] = {
    "PreemptionByScheduler": FailureKind.PREEMPTED,
    "DeletionByTaintManager": FailureKind.NODE_LOST,
    "DeletionByPodGC": FailureKind.NODE_LOST,
    "EvictionByEvictionAPI": FailureKind.DRAINED,
    # Kubelet: the node is short of something, or shuts down.
    "TerminationByKubelet": FailureKind.EVICTED,
}
_BY_REASON: Mapping[str, FailureKind] = {
    "Evicted": FailureKind.EVICTED,
    "NodeLost": FailureKind.NODE_LOST,
    "NodeShutdown": FailureKind.NODE_LOST,
    "Shutdown": FailureKind.NODE_LOST,
    "Terminated": FailureKind.NODE_LOST,
    "Preempting": FailureKind.PREEMPTED,
    "Preempted": FailureKind.PREEMPTED,
}


def loss_of(pod: Pod) -> PodLoss | None:
    """Return how a pod was lost or is being lost; None if it lives, or went because somebody scaled down."""
    if pod.lives:
        return None
    disruption = pod.conditions.get("DisruptionTarget")
    if disruption is not None and disruption.status is Truth.TRUE and disruption.reason in _BY_DISRUPTION:
        # Kubelet evicts and shuts down under one reason of the condition; the pod's own says which it was.
        kind = _BY_REASON.get(pod.reason) or _BY_DISRUPTION[disruption.reason]
        return PodLoss(pod.name, pod.uid, kind, disruption.changed_at)
    # Kueue deletes what it preempts and says so by a condition of its own.
    stopped = pod.conditions.get("TerminationTarget")
    if stopped is not None and stopped.status is Truth.TRUE:
        return PodLoss(pod.name, pod.uid, FailureKind.PREEMPTED, stopped.changed_at)
    if pod.reason in _BY_REASON:
        return PodLoss(pod.name, pod.uid, _BY_REASON[pod.reason], _ended_at(pod))
    return None


def recent_losses(pods: Iterable[Pod], lost: Iterable[PodLoss], since: float) -> tuple[PodLoss, ...]:
    """Return what was lost after `since`, latest first, each pod once, be it still there or not."""
    present = (loss for pod in pods if (loss := loss_of(pod)) is not None)
    by_uid = {loss.uid: loss for loss in (*present, *lost) if loss.at > since}
    return tuple(sorted(by_uid.values(), key=lambda loss: (-loss.at, loss.pod)))


def _ended_at(pod: Pod) -> float:
    ends = [container.ended.ended_at for container in pod.containers if container.ended is not None]
    return max(ends, default=pod.deleted_at or pod.created_at)

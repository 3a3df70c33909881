"""Why pods of a pool do not run: told by their containers, by the scheduler, and by what the Deployment could not make."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.observed import Container, Pod, Truth

_BY_WAITING: Mapping[str, FailureKind] = {
    "ErrImagePull": FailureKind.IMAGE_PULL_FAILED,
    "ImagePullBackOff": FailureKind.IMAGE_PULL_FAILED,
    "InvalidImageName": FailureKind.IMAGE_PULL_FAILED,
    "ErrImageNeverPull": FailureKind.IMAGE_PULL_FAILED,
    "ImageInspectError": FailureKind.IMAGE_PULL_FAILED,
    "RegistryUnavailable": FailureKind.IMAGE_PULL_FAILED,
    "CreateContainerConfigError": FailureKind.CONFIG_ERROR,
    "CreateContainerError": FailureKind.CONFIG_ERROR,
    "RunContainerError": FailureKind.CONFIG_ERROR,
    "CrashLoopBackOff": FailureKind.CRASH_LOOPING,
}
_BY_REFUSAL: Mapping[str, FailureKind] = {
    "exceeded quota": FailureKind.QUOTA_EXCEEDED,
    "no priorityclass with name": FailureKind.CLASS_MISSING,
    'runtimeclass "': FailureKind.CLASS_MISSING,
    "serviceaccount": FailureKind.SERVICE_ACCOUNT_MISSING,
    "service account": FailureKind.SERVICE_ACCOUNT_MISSING,
}
_CLAIM = "persistentvolumeclaim"
_NOTICED_SECONDS = 60.0  # a scheduler that is there takes a second, and one that is replaced far less than a minute
_CRASHES = 2  # one crash is none of a loop; from the second one kubelet waits before the next start


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: with one pod, or with the pool as a whole if `pod` is empty; `detail` is what Kubernetes says."""

    kind: FailureKind
    pod: str = ""
    detail: str = ""


def problem_of(pod: Pod, since: float, now: float) -> Problem | None:
    """Return what keeps a pod from its work.

    What happened after `since` counts on: a lack of memory though it runs again by now, crashes as long as it is not ready,
    since between two of them a container runs or has just ended, and waits for nothing.
    """
    if not pod.lives:
        return None
    for container in pod.containers:
        if any(end.reason == "OOMKilled" and (not pod.ready or end.ended_at > since) for end in _ends(container)):
            return Problem(FailureKind.OUT_OF_MEMORY, pod.name)
        if (kind := _BY_WAITING.get(container.waiting_reason)) is not None:
            return Problem(kind, pod.name, container.waiting_message)
        if not pod.ready and container.restarts >= _CRASHES and any(end.ended_at > since for end in _ends(container)):
            return Problem(FailureKind.CRASH_LOOPING, pod.name)
    return _scheduling_problem(pod, now)


def noticed_in(pod: Pod, now: float) -> float | None:
    """Return in how many seconds it will be a problem that no scheduler has looked at a pod, 0 if it is one; None if never."""
    if not pod.lives or pod.phase != "Pending" or pod.gated or "PodScheduled" in pod.conditions:
        return None
    return max(0.0, pod.created_at + _NOTICED_SECONDS - now)


def refused_pods(deployment: Mapping[str, Any]) -> Problem | None:
    """Return why a Deployment cannot make its pods, if it says so."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == Truth.TRUE:
            message = condition.get("message", "")
            kinds = (kind for words, kind in _BY_REFUSAL.items() if words in message.lower())
            return Problem(next(kinds, FailureKind.POD_FORBIDDEN), detail=message)
    return None


def _scheduling_problem(pod: Pod, now: float) -> Problem | None:
    if noticed_in(pod, now) == 0:
        return Problem(FailureKind.UNNOTICED, pod.name)
    scheduled = pod.conditions.get("PodScheduled")
    if scheduled is None or scheduled.status is not Truth.FALSE or scheduled.reason != "Unschedulable":
        return None
    waits_for_claim = _CLAIM in scheduled.message.lower()
    kind = FailureKind.CLAIM_UNAVAILABLE if waits_for_claim else FailureKind.UNSCHEDULABLE
    return Problem(kind, pod.name, scheduled.message)


def _ends(container: Container) -> Iterator[Any]:
    yield from (end for end in (container.ended, container.ended_before) if end is not None)

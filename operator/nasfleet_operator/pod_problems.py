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
    "serviceaccount": FailureKind.SERVICE_ACCOUNT_MISSING,
    "service account": FailureKind.SERVICE_ACCOUNT_MISSING,
}
_CRASHES = 2  # one crash is none of a loop; from the second one kubelet waits before the next start


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: with one pod, or with the pool as a whole if `pod` is empty; `detail` is what Kubernetes says."""

    kind: FailureKind
    pod: str = ""
    detail: str = ""


def problem_of(pod: Pod, since: float) -> Problem | None:
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
    scheduled = pod.conditions.get("PodScheduled")
    if scheduled is not None and scheduled.status is Truth.FALSE and scheduled.reason == "Unschedulable":
        return Problem(FailureKind.UNSCHEDULABLE, pod.name, scheduled.message)
    return None


def refused_pods(deployment: Mapping[str, Any]) -> Problem | None:
    """Return why a Deployment cannot make its pods, if it says so."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == Truth.TRUE:
            message = condition.get("message", "")
            kinds = (kind for words, kind in _BY_REFUSAL.items() if words in message.lower())
            return Problem(next(kinds, FailureKind.POD_FORBIDDEN), detail=message)
    return None


def _ends(container: Container) -> Iterator[Any]:
    yield from (end for end in (container.ended, container.ended_before) if end is not None)

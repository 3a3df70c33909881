"""How many trainers a pool shall have: up at once with what searches could use, down only over trainers that stay idle."""

import math
from collections.abc import Iterator, Mapping, Sequence

from nasfleet.catalogue import Autoscaling
from nasfleet_operator.observed import Pod
from nasfleet_operator.views import TrainerView


def autoscale(
    limits: Autoscaling,
    current: int,
    slots: int,
    wanted_slots: int,
    idle_seconds: Sequence[float],
    pod_count: int,
) -> int:
    """Return the number of trainers to have.

    Args:
        limits: the pool's autoscaling.
        current: trainers wanted so far.
        slots: slots of each.
        wanted_slots: slots that running searches could use; see `nasfleet.v1.Pool`.
        idle_seconds: of each pod that has nothing to do, for how long.
        pod_count: pods that there are; fewer or more than `current` while a change of it is carried out.
    """
    needed = math.ceil(wanted_slots / slots)
    # What is on its way out already must not make room for more to go, so the pods count, not what is wanted.
    kept = pod_count - sum(seconds >= limits.idle_seconds for seconds in idle_seconds)
    return clamp(limits, max(needed, min(current, kept)))


def clamp(limits: Autoscaling, replicas: int) -> int:
    """Return the number within the limits that is nearest."""
    return max(limits.min_replicas, min(limits.max_replicas, replicas))


def idle_times(pods: Sequence[Pod], trainers: Mapping[str, TrainerView], now: float) -> Iterator[float]:
    """Yield for how long each pod without work has had none; one that never became a trainer, since it was made."""
    for pod in pods:
        trainer = trainers.get(pod.name)
        if trainer is None:
            yield now - pod.created_at
        elif trainer.idle_seconds is not None:
            yield trainer.idle_seconds


def seconds_to_next(limits: Autoscaling, idle_seconds: Sequence[float]) -> float | None:
    """Return in how many seconds the next pod will have been idle for long enough to go; None if none is on that way."""
    waits = (limits.idle_seconds - seconds for seconds in idle_seconds if seconds < limits.idle_seconds)
    return min(waits, default=None)

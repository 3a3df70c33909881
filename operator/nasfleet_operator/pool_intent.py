"""What a pool shall be, decided from what was observed: how many pods, and the very objects that make them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.autoscaling import autoscale, clamp, idle_times, seconds_to_next
from nasfleet_operator.deployment import belongs_to, deployment, disruption_budget, object_name, trust
from nasfleet_operator.observed import Pod, PoolObserved
from nasfleet_operator.settings import Settings
from nasfleet_operator.views import TrainerState, TrainerView


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolIntent:
    """A pool as it shall be.

    Attributes:
        replicas: what its spec.replicas shall say.
        wanted: pods that shall be there; none while it is suspended, whatever spec.replicas says.
        pods: its pods that live.
        trainers: by name, which is that of their pod.
        gone: trainers that hold leases though their pods are no more.
        deployment: manifest.
        budget: manifest of the PodDisruptionBudget.
        trust: manifest of the ConfigMap; None for plain text.
        again_in: seconds until another trainer has been idle for long enough to go, if the pool waits for that.
    """

    replicas: int
    wanted: int
    pods: tuple[Pod, ...]
    trainers: Mapping[str, TrainerView]
    gone: frozenset[str]
    deployment: Mapping[str, Any]
    budget: Mapping[str, Any]
    trust: Mapping[str, Any] | None
    again_in: float | None


def intend(observed: PoolObserved, spec: TrainerPoolSpec, settings: Settings, now: float) -> PoolIntent:
    """Return what a pool shall be."""
    pods, trainers = living_pods(observed), trainers_by_name(observed)
    replicas, again_in = _replicas(observed, spec, pods, trainers, now)
    wanted = 0 if spec.suspend else replicas
    return PoolIntent(
        replicas=replicas,
        wanted=wanted,
        pods=pods,
        trainers=trainers,
        gone=gone_trainers(observed.pods, trainers),
        deployment=deployment(observed.pool, spec, wanted, settings, encrypted=bool(observed.certificates)),
        budget=disruption_budget(observed.pool, spec),
        trust=trust(observed.pool, observed.certificates) if observed.certificates else None,
        again_in=again_in,
    )


def own_pods(observed: PoolObserved) -> tuple[Pod, ...]:
    """Return the pods that the pool's own Deployment made or will adopt; others may carry the pool's label too."""
    pool, found = observed.pool.identity, observed.deployment
    if found is not None and not belongs_to(pool, found):
        return ()
    prefix = f"{object_name(pool)}-"
    return tuple(pod for pod in observed.pods if pod.replica_set.startswith(prefix))


def living_pods(observed: PoolObserved) -> tuple[Pod, ...]:
    """Return those of the pool's own pods that its Deployment counts."""
    return tuple(pod for pod in own_pods(observed) if pod.lives)


def trainers_by_name(observed: PoolObserved) -> dict[str, TrainerView]:
    """Return the pool's trainers; of a pod whose container was started again, the process that holds more leases."""
    trainers = () if observed.fleet is None else observed.fleet.trainers
    return {trainer.name: trainer for trainer in sorted(trainers, key=lambda trainer: trainer.leases)}


def gone_trainers(pods: Sequence[Pod], trainers: Mapping[str, TrainerView]) -> frozenset[str]:
    """Return the trainers that are neither connected nor have a pod that could bring them back, and yet hold leases."""
    present = {pod.name for pod in pods if pod.phase not in {"Succeeded", "Failed"}}
    lost = (name for name, trainer in trainers.items() if trainer.leases and trainer.state is TrainerState.LOST)
    return frozenset(name for name in lost if name not in present)


def _replicas(
    observed: PoolObserved, spec: TrainerPoolSpec, pods: Sequence[Pod], trainers: Mapping[str, TrainerView], now: float
) -> tuple[int, float | None]:
    limits, fleet = spec.autoscaling, observed.fleet
    if limits is None or spec.suspend:
        return spec.replicas, None
    if fleet is None or fleet.pool is None:
        return clamp(limits, spec.replicas), None
    idle = tuple(idle_times(pods, trainers, now))
    replicas = autoscale(limits, spec.replicas, spec.slots, fleet.pool.wanted_slots, idle, len(pods))
    return replicas, seconds_to_next(limits, idle)

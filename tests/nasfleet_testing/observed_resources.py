"""Pools, pods, trainers and searches as tests need them: in order, but for what a test says."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from nasfleet.catalogue import (
    Accuracy,
    Budget,
    ChoiceDecision,
    Choices,
    Random,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
    TrainerPoolSpec,
)
from nasfleet_operator.deployment import deployment, disruption_budget, trust
from nasfleet_operator.observed import (
    Pod,
    PoolObserved,
    PoolResource,
    SearchResource,
    Unreadable,
)
from nasfleet_operator.plan import Identity
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_operator.settings import Settings
from nasfleet_operator.views import (
    FleetView,
    PoolView,
    SearchState,
    SearchView,
    TrainerState,
    TrainerView,
)
from nasfleet_testing.planned_worlds import NOW, carry_out_on_pool, stored

SETTINGS = Settings(controller="controller.nasfleet:50051", trainer_image="example.com/nasfleet/trainer:1.0")
POOL = Identity("nasfleet.dev/v1alpha1", "TrainerPool", "research", "gpu", "pool-1")
SEARCH = Identity("nasfleet.dev/v1alpha1", "ArchitectureSearch", "research", "digits", "search-1")
SPACE = SearchSpaceSection(space=Choices(decisions=(ChoiceDecision(name="width", options=(1, 2)),)))


def pod(number: int = 0, **about: Any) -> Pod:
    """Return a pod that works, or one that differs from it."""
    fields = {"phase": "Running", "ready": True, "replica_set": "gpu-trainers-5d8f", "created_at": NOW - 900}
    return Pod(name=f"gpu-trainers-5d8f-{number}", uid=f"pod-{number}", **(fields | about))


def idle(number: int, seconds: float = 5.0) -> TrainerView:
    return TrainerView(name=f"gpu-trainers-5d8f-{number}", state=TrainerState.IDLE, idle_seconds=seconds)


def busy(number: int, state: TrainerState = TrainerState.BUSY) -> TrainerView:
    return TrainerView(name=f"gpu-trainers-5d8f-{number}", state=state, leases=1)


def pool(spec: TrainerPoolSpec | Unreadable | None = None, **about: Any) -> PoolResource:
    return PoolResource(identity=POOL, generation=1, labels={"gpu": "h200"}, declared=spec or TrainerPoolSpec(), **about)


def settled_pool(spec: TrainerPoolSpec, count: int, **about: Any) -> PoolObserved:
    """Return a pool that has become what it should be, its trainers idle, and whatever is said to be otherwise."""
    resource = pool(spec)
    objects = deployed(resource, spec, count)
    view = PoolView(labels=resource.labels, service_account=SETTINGS.service_account, wanted_size=count)
    fleet = FleetView(pool=view, trainers=tuple(map(idle, range(count))))
    observed = PoolObserved(pool=resource, **objects, pods=tuple(map(pod, range(count))), fleet=fleet)
    observed = carry_out_on_pool(plan_pool(observed, SETTINGS, NOW - 3600).effects, observed)
    return replace(observed, **about)


def deployed(
    resource: PoolResource, spec: TrainerPoolSpec, replicas: int, certificates: str = ""
) -> dict[str, Mapping[str, Any]]:
    """Return the objects of a pool, rolled out."""
    found = stored(deployment(resource, spec, replicas, SETTINGS, encrypted=bool(certificates)), None)
    counts = {"replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas, "observedGeneration": 1}
    found["status"] = counts
    made = {"deployment": found, "budget": stored(disruption_budget(resource, spec), None)}
    return made | {"trust": stored(trust(resource, certificates), None)} if certificates else made


def failing_creation(found: Mapping[str, Any] | None, message: str) -> dict[str, Any]:
    """Return a Deployment that cannot make its pods."""
    assert found is not None
    failing = deepcopy(dict(found))
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    failing.setdefault("status", {})["conditions"] = [condition]
    return failing


def search_spec(**changes: Any) -> SearchSpec:
    fields: dict[str, Any] = {
        "search_space": SPACE,
        "strategy": Random(),
        "task": Synthetic(),
        "reward": Accuracy(),
        "budget": Budget(trials=200),
    }
    return SearchSpec(**(fields | changes))


def search(declared: SearchSpec | Unreadable | None = None, **about: Any) -> SearchResource:
    return SearchResource(identity=SEARCH, generation=1, declared=declared or search_spec(), **about)


def view(state: SearchState = SearchState.RUNNING, **about: Any) -> SearchView:
    fields: dict[str, Any] = {"uid": SEARCH.uid, "spec": search_spec(), "created_at": NOW - 60}
    return SearchView(state=state, **(fields | about))

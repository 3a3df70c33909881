"""A small model of what plans act on: each effect carried out on what is observed, as Kubernetes and the controller would."""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from nasfleet.catalogue import SearchSpec, TrainerPoolSpec
from nasfleet.catalogue.known_decisions import keeping_decisions
from nasfleet_operator.kubernetes_objects import read_condition
from nasfleet_operator.observed import PoolObserved, SearchObserved
from nasfleet_operator.plan import (
    Announce,
    ApplyObject,
    DeclarePool,
    DeclareSearch,
    Effect,
    ForgetPool,
    ForgetSearch,
    SetDeletionCost,
    SetFinalizer,
    SetReplicas,
    WriteStatus,
)
from nasfleet_operator.views import FleetView, PoolView, SearchSeen, SearchState, SearchView

NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Gone:
    """A search that is no more."""


def carry_out_on_pool(effects: Iterable[Effect], observed: PoolObserved) -> PoolObserved:
    for effect in effects:
        observed = _on_pool(effect, observed)
    return observed


def carry_out_on_search(effects: Iterable[Effect], observed: SearchObserved | Gone) -> SearchObserved | Gone:
    for effect in effects:
        observed = observed if isinstance(observed, Gone) else _on_search(effect, observed)
    return observed


def stored(manifest: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an object as the API server has it after an apply: with defaults, and with what others wrote."""
    made = deepcopy(dict(manifest))
    if "spec" in made:
        made["spec"].setdefault("progressDeadlineSeconds", 600)
    was = before or {"metadata": {"generation": 0}}
    moved = before is None or before.get("spec") != made.get("spec")
    made["metadata"] |= {"uid": "object-1", "generation": was["metadata"].get("generation", 0) + moved}
    return made | ({"status": before["status"]} if before is not None and "status" in before else {})


def _on_pool(effect: Effect, observed: PoolObserved) -> PoolObserved:  # noqa: C901, PLR0911 - one return for each effect
    pool, fleet = observed.pool, observed.fleet
    match effect:
        case SetReplicas(before=before, replicas=replicas):
            assert isinstance(pool.declared, TrainerPoolSpec)
            assert pool.declared.replicas == before
            declared = replace(pool.declared, replicas=replicas)
            return replace(observed, pool=replace(pool, declared=declared, generation=pool.generation + 1))
        case DeclarePool():
            assert fleet is not None
            return replace(observed, fleet=_declared_pool(effect, fleet))
        case SetDeletionCost(pod=name, cost=cost):
            pods = tuple(replace(pod, deletion_cost=cost) if pod.name == name else pod for pod in observed.pods)
            return replace(observed, pods=pods)
        case ApplyObject(manifest={"kind": "Deployment"} as manifest):
            return replace(observed, deployment=stored(manifest, observed.deployment))
        case ApplyObject(manifest={"kind": "ConfigMap"} as manifest):
            return replace(observed, trust=stored(manifest, observed.trust))
        case ApplyObject(manifest=manifest):
            return replace(observed, budget=stored(manifest, observed.budget))
        case WriteStatus(status=status):
            return replace(observed, pool=replace(pool, **_written(status)))
        case Announce(name=name):
            return replace(observed, announced=observed.announced | {name})
        case ForgetPool():
            assert fleet is not None
            return replace(observed, fleet=replace(fleet, pool=None))
        case DeclareSearch() | ForgetSearch() | SetFinalizer():
            raise AssertionError(f"{effect} is none of a pool's")


def _declared_pool(effect: DeclarePool, fleet: FleetView) -> FleetView:
    pool = PoolView(
        labels=dict(effect.labels),
        service_account=effect.service_account,
        wanted_size=effect.wanted_size,
        cordoned=effect.cordoned,
        wanted_slots=0 if fleet.pool is None else fleet.pool.wanted_slots,
    )
    return replace(fleet, pool=pool, trainers=tuple(one for one in fleet.trainers if one.name not in effect.gone))


def _on_search(effect: Effect, observed: SearchObserved) -> SearchObserved | Gone:
    search = observed.search
    match effect:
        case SetFinalizer(present=present):
            if not present and search.deleted_at is not None:
                return Gone()
            return replace(observed, search=replace(search, finalized=present))
        case DeclareSearch(uid=uid, spec=spec):
            assert observed.reachable
            return replace(observed, at_controller=ensured(observed.at_controller, uid, spec))
        case ForgetSearch():
            assert observed.reachable
            return replace(observed, at_controller=None)
        case WriteStatus(status=status):
            return replace(observed, search=replace(search, **_written(status)))
        case Announce(name=name):
            return replace(observed, announced=observed.announced | {name})
        case _:
            raise AssertionError(f"{effect} is none of a search's")


def ensured(view: SearchSeen | None, uid: str, spec: SearchSpec) -> SearchView:
    state = SearchState.SUSPENDED if spec.suspend else SearchState.RUNNING
    if view is None:
        return SearchView(uid=uid, spec=spec, state=state, created_at=NOW)
    assert isinstance(view, SearchView)
    assert view.uid == uid
    return replace(
        view, spec=keeping_decisions(spec, view.spec), state=view.state if spec.suspend is view.spec.suspend else state
    )


def _written(status: Mapping[str, Any]) -> dict[str, Any]:
    data = json.loads(json.dumps(status))
    return {"status": data, "conditions": tuple(map(read_condition, data["conditions"]))}

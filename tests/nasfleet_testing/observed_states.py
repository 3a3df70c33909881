"""Observed states by the thousand: pools and searches in every condition that a pass may find them in."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from nasfleet.catalogue import Autoscaling, PluginSpace, SearchSpaceSection, TrainerPoolSpec
from nasfleet.spaces.decision import Choice
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.observed import (
    Container,
    Pod,
    PodCondition,
    PodLoss,
    PoolObserved,
    PoolResource,
    SearchObserved,
    Termination,
    Truth,
    Unreadable,
)
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_operator.search_planning import plan_search
from nasfleet_operator.views import (
    BestTrial,
    FleetView,
    PoolView,
    SearchState,
    SearchView,
    TrainerState,
    TrialCounts,
    UnreadableSearch,
)
from nasfleet_testing.observed_resources import (
    SEARCH,
    SETTINGS,
    SPACE,
    busy,
    deployed,
    failing_creation,
    idle,
    pod,
    pool,
    search,
    search_spec,
)
from nasfleet_testing.planned_worlds import NOW, carry_out_on_pool, carry_out_on_search

_UNLOWERED, _LOWERED = (
    SearchSpaceSection(space=PluginSpace(object="my.spaces:space", decisions=decisions))
    for decisions in ((), (Choice("depth", "depth", (1, 2, 3)),))
)
_CERTIFICATES = "-----BEGIN CERTIFICATE-----"
_counts = st.integers(0, 6)
_ages = st.sampled_from((0.0, 3.0, 30.0, 700.0))
_specs = st.builds(
    TrainerPoolSpec,
    replicas=_counts,
    suspend=st.sampled_from((False, False, False, True)),
    slots=st.integers(1, 3),
    gpus=st.integers(0, 2),
    autoscaling=st.none()
    | st.builds(Autoscaling, min_replicas=st.integers(0, 2), max_replicas=st.integers(2, 5), idle_seconds=st.just(60)),
    template=st.sampled_from(({}, {"spec": {"hostNetwork": False, "containers": [{"name": "trainer", "env": []}]}})),
)
_pod_conditions = st.dictionaries(
    st.sampled_from(("PodScheduled", "DisruptionTarget", "TerminationTarget")),
    st.builds(
        PodCondition,
        status=st.sampled_from(Truth),
        reason=st.sampled_from(("Unschedulable", "SchedulingGated", "PreemptionByScheduler", "EvictionByEvictionAPI", "")),
        message=st.text(max_size=20),
        changed_at=_ages.map(lambda age: NOW - age),
    ),
    max_size=2,
)
_terminations = st.none() | st.builds(
    Termination,
    reason=st.sampled_from(("OOMKilled", "Error")),
    exit_code=st.just(137),
    ended_at=_ages.map(lambda age: NOW - age),
)
_containers = st.builds(
    Container,
    name=st.just("trainer"),
    waiting_reason=st.sampled_from(("", "", "ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError")),
    ended_before=_terminations,
)


@st.composite
def _pods(draw: st.DrawFn) -> tuple[Pod, ...]:
    fields = st.fixed_dictionaries(
        {
            "phase": st.sampled_from(("Running", "Running", "Running", "Pending", "Failed", "Succeeded")),
            "reason": st.sampled_from(("", "", "Evicted")),
            "ready": st.sampled_from((True, True, False)),
            "gated": st.sampled_from((False, False, True)),
            "replica_set": st.sampled_from(("gpu-trainers-5d8f",) * 4 + ("gpu-trainers-77aa", "another-5d8f", "")),
            "created_at": _ages.map(lambda age: NOW - age),
            "deleted_at": st.sampled_from((None, None, None, NOW - 5)),
            "deletion_cost": st.integers(-3, 3),
            "conditions": _pod_conditions,
            "containers": st.tuples(_containers),
        }
    )
    return tuple(pod(number, **about) for number, about in enumerate(draw(st.lists(fields, max_size=8))))


@st.composite
def _fleets(draw: st.DrawFn, resource: PoolResource) -> FleetView | None:
    if draw(st.sampled_from((True, False, False, False))):
        return None
    numbers = draw(st.lists(st.integers(0, 9), unique=True, max_size=8))
    kinds = st.sampled_from(
        (idle(0), idle(0, 500.0), busy(0), busy(0), busy(0, TrainerState.DRAINING), busy(0, TrainerState.LOST))
    )
    trainers = tuple(replace(draw(kinds), name=f"gpu-trainers-5d8f-{number}") for number in numbers)
    views = st.builds(
        PoolView,
        labels=st.sampled_from((resource.labels, {})),
        service_account=st.just(SETTINGS.service_account),
        wanted_size=_counts,
        cordoned=st.frozensets(st.sampled_from(("gpu-trainers-5d8f-0", "gpu-trainers-5d8f-1"))),
        wanted_slots=st.integers(0, 20),
    )
    # The first declaration of an autoscaled pool tells how much is wanted: that is news, and no law holds across news.
    declared = isinstance(resource.declared, TrainerPoolSpec) and resource.declared.autoscaling is not None
    return FleetView(pool=draw(views if declared else st.none() | views), trainers=trainers)


@st.composite
def _objects(draw: st.DrawFn, resource: PoolResource) -> dict[str, Any]:
    certificates = draw(st.sampled_from(("", _CERTIFICATES)))
    spec = resource.declared if isinstance(resource.declared, TrainerPoolSpec) else TrainerPoolSpec()
    if draw(st.sampled_from((True, False, False, False))):
        return {"certificates": certificates}
    earlier = draw(st.sampled_from(("", certificates, "those of before")))
    found = deployed(resource, draw(st.sampled_from((spec, replace(spec, slots=7)))), draw(_counts), earlier)
    changed = deepcopy(dict(found["deployment"]))
    match draw(st.sampled_from(("kept", "kept", "kept", "foreign", "drifted", "deleted", "failing"))):
        case "foreign":
            changed["metadata"]["ownerReferences"] = []
        case "drifted":
            changed["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/other:1"
        case "deleted":
            changed["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        case "failing":
            changed = failing_creation(changed, draw(st.sampled_from(('pods "x" is forbidden: exceeded quota: gpus', "no"))))
        case _:
            pass
    kept = {name: draw(st.sampled_from((None, there))) for name, there in found.items() if name != "deployment"}
    return {"deployment": changed, "certificates": certificates, **kept}


@st.composite
def shrinking_pools(draw: st.DrawFn) -> PoolObserved:
    """Generate pools that have to let some of their trainers go, but not all; some have begun to."""
    working = draw(st.lists(st.sampled_from((True, False, None)), min_size=2, max_size=8))
    spec = TrainerPoolSpec(replicas=draw(st.integers(1, len(working) - 1)))
    ready, costs = st.sampled_from((True, True, True, False)), st.integers(-2, 2)
    pods = tuple(pod(number, ready=draw(ready), deletion_cost=draw(costs)) for number in range(len(working)))
    trainers = [(busy if at_work else idle)(number) for number, at_work in enumerate(working) if at_work is not None]
    resource = pool(spec)
    objects = deployed(resource, spec, draw(st.sampled_from((spec.replicas, len(working)))))
    return PoolObserved(pool=resource, **objects, pods=pods, fleet=FleetView(trainers=tuple(trainers)))


_UNDECLARABLE = {FailureKind.DECLARATION_REFUSED: "1025 labels"}


@st.composite
def pools_observed(draw: st.DrawFn) -> PoolObserved:
    """Generate pools as a pass may find them; half of them have a status of an earlier and different moment."""
    if draw(st.sampled_from((True, False, False))):
        return draw(shrinking_pools())
    declared = draw(st.one_of(_specs, _specs, _specs, _specs, st.just(Unreadable("spec.gpus is -1: give 0 to 64"))))
    resource = pool(declared)
    states = st.builds(
        lambda objects, pods, fleet, lost, refusals: PoolObserved(
            pool=resource, **objects, pods=pods, fleet=fleet, lost=lost, refusals=refusals
        ),
        _objects(resource),
        _pods(),
        _fleets(resource),
        st.lists(
            st.builds(
                PodLoss,
                st.just("lost"),
                st.just("gone-1"),
                st.sampled_from((FailureKind.EVICTED, FailureKind.PREEMPTED)),
                _ages.map(lambda age: NOW - age),
            ),
            max_size=2,
        ).map(tuple),
        st.sampled_from(({}, {}, {}, {FailureKind.TEMPLATE_REFUSED: "spec.template is wrong"}, _UNDECLARABLE)),
    )
    state = draw(states)
    if draw(st.booleans()):
        earlier = draw(states)
        done = carry_out_on_pool(plan_pool(earlier, SETTINGS, NOW - draw(_ages)).effects, earlier)
        state = replace(state, pool=replace(state.pool, status=done.pool.status, conditions=done.pool.conditions))
    return state


@st.composite
def searches_observed(draw: st.DrawFn) -> SearchObserved:
    """Generate searches as a pass may find them."""
    # A resource never has decisions of its own space, the controller has them once a trainer has found them.
    declared_space, known_spaces = draw(
        st.sampled_from(((SPACE, (SPACE,)), (_UNLOWERED, (_UNLOWERED, _LOWERED)), (SPACE, (_UNLOWERED, _LOWERED))))
    )
    about = {"suspend": st.booleans(), "parallelism": st.sampled_from((8, 9)), "seed": st.sampled_from((0, 0, 0, 1))}
    declarations = st.builds(search_spec, search_space=st.just(declared_space), **about)
    specs = st.builds(search_spec, search_space=st.sampled_from(known_spaces), **about)
    declared = draw(st.one_of(declarations, declarations, declarations, st.just(Unreadable("spec.budget is missing: give it"))))
    views = st.builds(
        SearchView,
        uid=st.sampled_from((SEARCH.uid,) * 4 + ("search-0",)),
        spec=specs,
        state=st.sampled_from(SearchState),
        message=st.sampled_from(("", "all 200 trials are settled")),
        counts=st.builds(TrialCounts, queued=st.integers(0, 2), running=st.integers(0, 2), succeeded=st.integers(0, 200)),
        best=st.none()
        | st.builds(BestTrial, number=st.integers(0, 9), reward=st.floats(-1, 1), architecture=st.just("0" * 16)),
        trainer_seconds=st.floats(0, 1e6),
        trials_per_second=st.sampled_from((0.0, 2.5)),
        created_at=st.just(NOW - 60),
        ended_at=st.none() | st.just(NOW - 1),
    )
    states = st.builds(
        SearchObserved,
        search=st.builds(search, st.just(declared), finalized=st.booleans()),
        at_controller=st.none() | views | views.map(lambda view: UnreadableSearch(view.uid, "spec.strategy is missing")),
        reachable=st.sampled_from((True, True, True, False)),
        refusal=st.sampled_from((None, None, None, None, "another search is named digits")),
    )
    state: SearchObserved = draw(states)
    if draw(st.booleans()):
        earlier = draw(states)
        done = carry_out_on_search(plan_search(earlier, SETTINGS, NOW - draw(_ages)).effects, earlier)
        assert isinstance(done, SearchObserved)
        state = replace(state, search=replace(state.search, status=done.search.status, conditions=done.search.conditions))
    deleted_at = draw(st.sampled_from((None, None, None, NOW - 1, NOW - 100)))
    return replace(state, search=replace(state.search, deleted_at=deleted_at))

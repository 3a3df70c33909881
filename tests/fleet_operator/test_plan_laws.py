"""Laws of planning, over thousands of observed states. Each plan is carried out on a model of Kubernetes and the controller."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet.names import PoolName
from nasfleet_operator.deployment import belongs_to
from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import PoolObserved, SearchObserved
from nasfleet_operator.plan import (
    Announce,
    ApplyObject,
    DeclarePool,
    DeclareSearch,
    Effect,
    ForgetPool,
    ForgetSearch,
    Plan,
    SetDeletionCost,
    SetFinalizer,
    SetReplicas,
    WriteStatus,
)
from nasfleet_operator.pool_planning import plan_absent_pool, plan_pool
from nasfleet_operator.search_planning import plan_search
from nasfleet_operator.views import FleetView, TrainerState
from nasfleet_testing.observed_resources import POOL, SEARCH, SETTINGS, pool
from nasfleet_testing.observed_states import pools_observed, searches_observed, shrinking_pools
from nasfleet_testing.planned_worlds import NOW, Gone, carry_out_on_pool, carry_out_on_search

# The machine may be busy, and laws are not about its speed.
many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The two laws that all others rest on.
thousand = settings(many, max_examples=1000)


def pool_plan(observed: PoolObserved) -> Plan:
    return plan_pool(observed, SETTINGS, NOW)


def search_plan(observed: SearchObserved | Gone) -> Plan:
    return Plan() if isinstance(observed, Gone) else plan_search(observed, SETTINGS, NOW)


@thousand
@given(pools_observed())
def test_after_the_plan_of_a_pool_is_carried_out_the_next_plan_is_empty(observed: PoolObserved) -> None:
    after = carried_out(observed)
    assert pool_plan(after).effects == ()


def carried_out(observed: PoolObserved) -> PoolObserved:
    """Return a pool after its plan; one that it gave another size, which is declared anew thereby, after that plan too."""
    plan = pool_plan(observed)
    after = carry_out_on_pool(plan.effects, observed)
    return carried_out(after) if any(isinstance(effect, SetReplicas) for effect in plan.effects) else after


@thousand
@given(searches_observed())
def test_after_the_plan_of_a_search_is_carried_out_the_next_plan_is_empty(observed: SearchObserved) -> None:
    after = carry_out_on_search(search_plan(observed).effects, observed)
    assert search_plan(after).effects == ()


def ends(observed: Any, plan: Callable[[Any], Plan], carry_out: Callable[[Sequence[Effect], Any], Any]) -> list[Any]:
    """Return the end states of all ways to be interrupted: after each effect, and again on the way from there."""
    effects = plan(observed).effects
    whole = carry_out(effects, observed)
    interrupted = [carry_out(effects[:done], observed) for done in range(1, len(effects))]
    return [whole, *(carry_out(plan(half).effects, half) for half in interrupted)]


@thousand
@given(pools_observed())
def test_wherever_the_plan_of_a_pool_is_interrupted_the_next_one_leads_to_the_same_end(observed: PoolObserved) -> None:
    whole, *others = ends(observed, pool_plan, carry_out_on_pool)
    assert all(other == whole for other in others)


@thousand
@given(searches_observed())
def test_wherever_the_plan_of_a_search_is_interrupted_the_next_one_leads_to_the_same_end(observed: SearchObserved) -> None:
    whole, *others = ends(observed, search_plan, carry_out_on_search)
    assert all(other == whole for other in others)


_ORDER: tuple[type[Any], ...] = (
    SetReplicas,
    DeclarePool,
    SetDeletionCost,
    ApplyObject,
    SetFinalizer,
    DeclareSearch,
    ForgetSearch,
    WriteStatus,
    Announce,
)


@many
@given(st.one_of(pools_observed().map(pool_plan), searches_observed().map(search_plan)))
def test_the_status_is_written_once_after_what_it_tells_of_and_people_are_told_last(plan: Plan) -> None:
    # The end of a search's finalizer is the end of the search: what there is to tell is told before.
    effects = [effect for effect in plan.effects if not (isinstance(effect, SetFinalizer) and not effect.present)]
    ranks = [_ORDER.index(type(effect)) for effect in effects]
    assert ranks == sorted(ranks)
    assert ranks.count(_ORDER.index(WriteStatus)) <= 1
    assert plan.effects[len(effects) :] == tuple(effect for effect in plan.effects if effect not in effects)


@many
@given(st.one_of(pools_observed(), searches_observed()))
def test_a_condition_has_a_transition_if_its_status_is_another_and_an_update_if_its_reason_is(
    observed: PoolObserved | SearchObserved,
) -> None:
    is_pool = isinstance(observed, PoolObserved)
    plan, resource = (pool_plan(observed), observed.pool) if is_pool else (search_plan(observed), observed.search)
    before = {condition.type: condition for condition in resource.conditions}
    for status in (effect.status for effect in plan.effects if isinstance(effect, WriteStatus)):
        for one in status["conditions"]:
            was = before.get(one["type"])
            stays = was is not None and was.status == one["status"]
            assert one["lastTransitionTime"] == write_time(was.changed_at if was is not None and stays else NOW)
            stays = stays and was is not None and was.reason == one["reason"]
            assert one["lastUpdateTime"] == write_time(was.updated_at if was is not None and stays else NOW)


@many
@given(st.one_of(pools_observed().map(pool_plan), searches_observed().map(search_plan)))
def test_whatever_is_told_is_a_sentence(plan: Plan) -> None:
    told = [effect.message for effect in plan.effects if isinstance(effect, Announce)]
    for status in (effect.status for effect in plan.effects if isinstance(effect, WriteStatus)):
        told += [entry["message"] for entry in status["conditions"] if entry["status"] == "True"]
    assert all(len(message.split()) >= 3 for message in told), told


@many
@given(shrinking_pools())
def test_no_busy_pod_is_cheaper_than_an_idle_one_when_a_pool_shrinks(observed: PoolObserved) -> None:
    after = carry_out_on_pool(pool_plan(observed).effects, observed)
    working = names_at_work(after)
    # Of those that are not ready Kubernetes takes the first, whatever they cost.
    idle = [pod.deletion_cost for pod in after.pods if pod.name not in working]
    busy = [pod.deletion_cost for pod in after.pods if pod.name in working and pod.ready]
    assert not idle or not busy or max(idle) < min(busy)


@many
@given(shrinking_pools())
def test_no_trainer_at_work_goes_while_an_idle_one_stays(observed: PoolObserved) -> None:
    after = carry_out_on_pool(pool_plan(observed).effects, observed)
    assert after.deployment is not None
    # As a ReplicaSet does: those that are not ready first, then the cheapest.
    order = sorted(after.pods, key=lambda pod: (pod.ready, pod.deletion_cost))
    gone, kept = order[: -after.deployment["spec"]["replicas"]], order[-after.deployment["spec"]["replicas"] :]
    working = names_at_work(after)
    assert not any(pod.ready and pod.name in working for pod in gone) or all(pod.name in working for pod in kept)


def names_at_work(observed: PoolObserved) -> set[str]:
    return set() if observed.fleet is None else {trainer.name for trainer in observed.fleet.trainers if trainer.leases}


@many
@given(pools_observed())
def test_no_more_costs_are_written_than_there_are_idle_or_busy_pods(observed: PoolObserved) -> None:
    plan = pool_plan(observed)
    priced = [effect for effect in plan.effects if isinstance(effect, SetDeletionCost)]
    working = names_at_work(observed)
    living = [pod for pod in observed.pods if pod.lives and pod.replica_set.startswith("gpu-trainers-")]
    busy = sum(pod.name in working and pod.ready for pod in living)
    assert len(priced) <= min(busy, len(living) - busy)
    wanted = [effect.manifest["spec"]["replicas"] for effect in plan.effects if _is_deployment(effect)]
    assert not (priced and wanted == [0])


@many
@given(pools_observed())
def test_an_autoscaled_pool_stays_within_its_limits(observed: PoolObserved) -> None:
    spec = observed.pool.declared
    if not isinstance(spec, TrainerPoolSpec) or spec.autoscaling is None:
        return
    for effect in pool_plan(observed).effects:
        replicas = [effect.replicas] if isinstance(effect, SetReplicas) else []
        replicas += [effect.manifest["spec"]["replicas"]] if _is_deployment(effect) else []
        for count in replicas:
            assert count == 0 if spec.suspend else spec.autoscaling.min_replicas <= count <= spec.autoscaling.max_replicas


@many
@given(pools_observed())
def test_nothing_is_touched_that_is_not_the_pools(observed: PoolObserved) -> None:
    found = observed.deployment
    foreign = found is not None and not belongs_to(POOL, found)
    own = {pod.name for pod in observed.pods if pod.replica_set.startswith("gpu-trainers-") and not foreign}
    for effect in pool_plan(observed).effects:
        match effect:
            case ApplyObject(manifest=manifest):
                assert not foreign
                assert (manifest["metadata"]["namespace"], manifest["metadata"]["name"]) == ("research", "gpu-trainers")
                assert belongs_to(POOL, manifest)
            case SetDeletionCost(namespace=namespace, pod=name):
                assert namespace == "research"
                assert name in own
            case SetReplicas(pool=target):
                assert target == POOL
            case WriteStatus(target=target) | Announce(regarding=target):
                assert target == POOL
            case DeclarePool(name=name, cordoned=cordoned):
                assert str(name) == "namespaces/research/pools/gpu"
                assert cordoned <= own
            case _:
                raise AssertionError(f"{effect} is none of a pool's")


@many
@given(searches_observed())
def test_nothing_is_touched_that_is_not_the_searchs(observed: SearchObserved) -> None:
    there = observed.at_controller
    for effect in search_plan(observed).effects:
        match effect:
            case DeclareSearch(name=name, uid=uid):
                assert (str(name), uid) == ("namespaces/research/searches/digits", SEARCH.uid)
                assert there is None or there.uid == uid
            case ForgetSearch(name=name):
                assert str(name) == "namespaces/research/searches/digits"
                assert there is not None
                assert there.uid == SEARCH.uid
            case SetFinalizer(target=target) | WriteStatus(target=target) | Announce(regarding=target):
                assert target == SEARCH
            case _:
                raise AssertionError(f"{effect} is none of a search's")


@many
@given(pools_observed())
def test_no_trainer_at_work_is_cordoned_or_given_up_and_none_is_gone_that_has_a_pod(observed: PoolObserved) -> None:
    trainers = observed.fleet.trainers if observed.fleet is not None else ()
    working = {trainer.name for trainer in trainers if trainer.leases}
    connected = {trainer.name for trainer in trainers if trainer.state is not TrainerState.LOST}
    ready = {pod.name for pod in observed.pods if pod.ready}
    present = {pod.name for pod in observed.pods if pod.phase not in {"Failed", "Succeeded"}}
    for effect in pool_plan(observed).effects:
        if isinstance(effect, DeclarePool):
            assert not effect.cordoned & working & ready
            assert not effect.gone & (connected | present)


@many
@given(pools_observed())
def test_a_pool_that_is_no_more_is_forgotten_once_when_none_of_its_trainers_is_connected(observed: PoolObserved) -> None:
    name, fleet = PoolName("research", "gpu"), observed.fleet
    plan = plan_absent_pool(name, fleet)
    connected = fleet is not None and any(trainer.state is not TrainerState.LOST for trainer in fleet.trainers)
    known = fleet is not None and fleet.pool is not None
    assert plan.effects == ((ForgetPool(name),) if known and not connected else ())
    after = carry_out_on_pool(plan.effects, observed)
    assert plan_absent_pool(name, after.fleet) == Plan()


@many
@given(searches_observed())
def test_the_controller_has_no_search_without_our_finalizer(observed: SearchObserved) -> None:
    after = observed
    for effect in search_plan(observed).effects:
        if isinstance(effect, DeclareSearch):
            assert after.search.finalized
        carried = carry_out_on_search((effect,), after)
        if isinstance(carried, Gone):
            assert not after.reachable or after.at_controller is None or after.at_controller.uid != SEARCH.uid
            return
        after = carried


_anything = st.recursive(
    st.none() | st.integers(-1, 2) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("name", "spec", "env", "a")), inner, max_size=2)
    ),
    max_leaves=6,
)
_templates = st.dictionaries(
    st.sampled_from(("metadata", "spec")),
    # What is no map there is refused before.
    st.dictionaries(st.sampled_from(("containers", "volumes", "tolerations", "serviceAccountName", "name", "a")), _anything),
)


@many
@given(_templates)
def test_a_template_may_be_any_nonsense_for_the_api_server_to_refuse(template: dict[str, Any]) -> None:
    observed = PoolObserved(pool=pool(TrainerPoolSpec(template=template)), fleet=FleetView())
    after = carry_out_on_pool(pool_plan(observed).effects, observed)
    assert pool_plan(after).effects == ()


def _is_deployment(effect: Effect) -> bool:
    return isinstance(effect, ApplyObject) and effect.manifest["kind"] == "Deployment"


def test_the_laws_see_what_they_are_about() -> None:
    """The generated states reach each kind of effect, or the laws above would hold of nothing."""
    seen: set[type[Any]] = set()

    @settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.one_of(pools_observed().map(pool_plan), searches_observed().map(search_plan)))
    def collect(plan: Plan) -> None:
        seen.update(type(effect) for effect in plan.effects)

    collect()
    assert seen == set(_ORDER)

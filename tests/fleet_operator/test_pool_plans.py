"""What is planned for a pool, case by case."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from nasfleet.catalogue import Autoscaling, TrainerPoolSpec
from nasfleet.names import PoolName
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import Container, PoolObserved
from nasfleet_operator.plan import (
    ApplyObject,
    DeclarePool,
    ForgetPool,
    Plan,
    SetDeletionCost,
    SetReplicas,
)
from nasfleet_operator.pool_planning import plan_absent_pool, plan_pool
from nasfleet_operator.views import FleetView, PoolView, TrainerState, TrainerView
from nasfleet_testing.observed_resources import SETTINGS, busy, idle, pod, pool, settled_pool
from nasfleet_testing.planned_worlds import NOW, carry_out_on_pool

FOUR = TrainerPoolSpec(replicas=4)


def plan(observed: PoolObserved) -> Plan:
    return plan_pool(observed, SETTINGS, NOW)


def kinds(planned: Plan) -> list[str]:
    return [type(effect).__name__ for effect in planned.effects]


def only(planned: Plan, kind: type[Any]) -> Any:
    [found] = [effect for effect in planned.effects if isinstance(effect, kind)]
    return found


def condition(observed: PoolObserved, name: str) -> tuple[str, str, str]:
    """Return status, reason and message of a condition after the plan."""
    after = carry_out_on_pool(plan(observed).effects, observed)
    [found] = [entry for entry in after.pool.conditions if entry.type == name]
    return found.status.value, found.reason, found.message


def fleet(observed: PoolObserved, *trainers: TrainerView) -> FleetView:
    assert observed.fleet is not None
    return replace(observed.fleet, trainers=trainers)


def resized(observed: PoolObserved, spec: TrainerPoolSpec) -> PoolObserved:
    return replace(observed, pool=replace(observed.pool, declared=spec, generation=2))


def wanting(observed: PoolObserved, slots: int, *trainers: TrainerView) -> PoolObserved:
    """Return the same with searches that could use so many slots."""
    view = fleet(observed, *trainers)
    assert view.pool is not None
    return replace(observed, fleet=replace(view, pool=replace(view.pool, wanted_slots=slots)))


def test_a_new_pool_is_declared_and_made_and_told_of() -> None:
    observed = PoolObserved(pool=pool(FOUR), fleet=FleetView())
    assert kinds(plan(observed)) == ["DeclarePool", "ApplyObject", "ApplyObject", "WriteStatus", "Announce"]
    declared = only(plan(observed), DeclarePool)
    assert (str(declared.name), declared.wanted_size, declared.labels) == ("namespaces/research/pools/gpu", 4, {"gpu": "h200"})
    assert declared.service_account == "nasfleet-trainer"
    assert condition(observed, "Ready") == ("False", "TrainersMissing", "0 of 4 trainers are ready")


def test_a_pool_that_is_as_it_should_be_needs_nothing() -> None:
    assert plan(settled_pool(FOUR, 4)) == Plan()


def test_a_pool_that_is_being_deleted_is_left_to_kubernetes() -> None:
    assert plan(PoolObserved(pool=pool(FOUR, deleted_at=NOW), fleet=FleetView())) == Plan()


def test_a_pool_that_shrinks_cordons_its_idle_trainers_makes_them_cheap_and_only_then_shrinks() -> None:
    observed = settled_pool(FOUR, 4)
    observed = resized(replace(observed, fleet=fleet(observed, idle(0), busy(1), busy(2), busy(3))), replace(FOUR, replicas=2))
    planned = plan(observed)
    assert kinds(planned)[:3] == ["DeclarePool", "SetDeletionCost", "ApplyObject"]
    assert only(planned, DeclarePool).cordoned == {pod(0).name}
    assert only(planned, SetDeletionCost) == SetDeletionCost("research", pod(0).name, -1)
    assert only(planned, ApplyObject).manifest["spec"]["replicas"] == 2


def test_a_pool_that_shrinks_writes_no_costs_if_all_trainers_are_alike_or_all_go() -> None:
    observed = settled_pool(FOUR, 4)
    assert "SetDeletionCost" not in kinds(plan(resized(observed, replace(FOUR, replicas=1))))
    mixed = replace(observed, fleet=fleet(observed, idle(0), busy(1)))
    assert "SetDeletionCost" not in kinds(plan(resized(mixed, replace(FOUR, replicas=0))))


def test_the_cordon_stays_until_no_more_pods_are_there_than_wanted() -> None:
    two = replace(FOUR, replicas=2)
    observed = resized(settled_pool(FOUR, 4), two)
    observed = carry_out_on_pool(plan(observed).effects, observed)
    assert observed.fleet is not None
    assert observed.fleet.pool is not None
    assert len(observed.fleet.pool.cordoned) == 4
    assert "DeclarePool" not in kinds(plan(observed))
    leaving = [replace(one, deleted_at=NOW) if number < 2 else one for number, one in enumerate(observed.pods)]
    assert only(plan(replace(observed, pods=tuple(leaving))), DeclarePool).cordoned == frozenset()


def test_a_suspended_pool_has_no_pods_and_keeps_its_replicas() -> None:
    observed = resized(settled_pool(FOUR, 4), replace(FOUR, suspend=True))
    planned = plan(observed)
    assert only(planned, ApplyObject).manifest["spec"]["replicas"] == 0
    assert "SetReplicas" not in kinds(planned)
    assert condition(observed, "Suspended")[:2] == ("True", "Suspended")
    assert condition(observed, "Ready")[:2] == ("False", "Suspended")


def test_trainers_whose_pods_are_no_more_give_their_leases_back() -> None:
    observed = settled_pool(FOUR, 4)
    lost = [busy(number, TrainerState.LOST) for number in (0, 1, 7)]
    observed = replace(
        observed,
        fleet=fleet(observed, *lost, busy(8), idle(2)),
        pods=(pod(0), pod(1, phase="Failed"), pod(2), pod(3)),
    )
    # 0 may come back, for its pod is there; 8 is connected, whatever became of its pod.
    assert only(plan(observed), DeclarePool).gone == {pod(1).name, pod(7).name}


def test_relabelling_tells_the_controller_and_restarts_nothing() -> None:
    observed = settled_pool(FOUR, 4)
    observed = replace(observed, pool=replace(observed.pool, labels={"gpu": "b300"}))
    assert kinds(plan(observed)) == ["DeclarePool"]


def test_a_controller_that_forgot_its_cordons_is_told_again() -> None:
    observed = resized(settled_pool(FOUR, 4), replace(FOUR, replicas=3))
    observed = carry_out_on_pool(plan(observed).effects, observed)
    assert observed.fleet is not None
    assert observed.fleet.pool is not None
    forgotten = replace(observed.fleet, pool=replace(observed.fleet.pool, cordoned=frozenset()))
    assert kinds(plan(replace(observed, fleet=forgotten))) == ["DeclarePool"]


def test_drift_is_repaired() -> None:
    observed = settled_pool(FOUR, 4)
    drifted = deepcopy(dict(observed.deployment or {}))
    drifted["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/other:1"
    assert "ApplyObject" in kinds(plan(replace(observed, deployment=drifted)))
    assert "ApplyObject" in kinds(plan(replace(observed, budget=None)))


def test_an_object_that_is_being_deleted_is_waited_for() -> None:
    observed = settled_pool(FOUR, 4)
    leaving = deepcopy(dict(observed.deployment or {}))
    leaving["metadata"]["deletionTimestamp"] = write_time(NOW)
    leaving["spec"]["replicas"] = 0
    assert "ApplyObject" not in kinds(plan(replace(observed, deployment=leaving)))


def test_autoscaling_goes_from_zero_up_at_once_and_down_over_idle_time() -> None:
    spec = TrainerPoolSpec(replicas=0, autoscaling=Autoscaling(max_replicas=3, idle_seconds=60))
    observed = wanting(settled_pool(spec, 0), 9)
    assert only(plan(observed), SetReplicas).replicas == 3
    assert kinds(plan(observed)) == ["SetReplicas"]  # somebody else may have declared another size meanwhile
    declared = carry_out_on_pool(plan(observed).effects, observed)
    assert only(plan(declared), ApplyObject).manifest["spec"]["replicas"] == 3
    full = settled_pool(replace(spec, replicas=3), 3)
    waiting = wanting(full, 0, idle(0, 45.0), idle(1, 20.0), busy(2))
    assert ("SetReplicas" in kinds(plan(waiting)), plan(waiting).again_in) == (False, 15.0)
    late = wanting(full, 0, idle(0, 60.0), idle(1, 20.0), busy(2))
    assert only(plan(late), SetReplicas).replicas == 2


def test_autoscaling_rests_while_the_pool_is_suspended_or_nobody_knows_the_demand() -> None:
    spec = TrainerPoolSpec(replicas=2, autoscaling=Autoscaling(max_replicas=3, idle_seconds=0))
    observed = wanting(settled_pool(spec, 2), 9)
    assert "SetReplicas" not in kinds(plan(resized(observed, replace(spec, suspend=True))))
    assert "SetReplicas" not in kinds(plan(replace(observed, fleet=None)))


def test_a_manual_scale_beyond_the_limits_of_autoscaling_is_undone() -> None:
    spec = TrainerPoolSpec(replicas=9, autoscaling=Autoscaling(max_replicas=3))
    observed = replace(settled_pool(replace(spec, replicas=3), 3), fleet=None)
    assert only(plan(resized(observed, spec)), SetReplicas).replicas == 3


def test_nothing_is_taken_from_somebody_else_who_has_the_name() -> None:
    observed = settled_pool(FOUR, 4)
    foreign = deepcopy(dict(observed.deployment or {}))
    foreign["metadata"]["ownerReferences"] = []
    observed = resized(replace(observed, deployment=foreign), replace(FOUR, replicas=1))
    assert "ApplyObject" not in kinds(plan(observed))
    assert "SetDeletionCost" not in kinds(plan(observed))
    assert condition(observed, "Ready")[:2] == ("False", "NameTaken")
    assert "Deployment gpu-trainers" in condition(observed, "Degraded")[2]


def test_what_was_refused_is_not_tried_again_at_once() -> None:
    observed = resized(replace(settled_pool(FOUR, 4), refusals={FailureKind.TEMPLATE_REFUSED: "no"}), replace(FOUR, replicas=1))
    assert "ApplyObject" not in kinds(plan(observed))
    assert plan(observed).again_in == SETTINGS.retry_seconds


def test_pods_that_only_carry_the_label_are_not_counted_priced_or_cordoned() -> None:
    observed = settled_pool(FOUR, 4)
    strangers = tuple(pod(number, replica_set=name) for number, name in ((4, "another-5d8f"), (5, "")))
    observed = replace(
        observed,
        pods=(*observed.pods, *strangers),
        fleet=fleet(observed, busy(0), busy(1), busy(2), busy(3), idle(4), idle(5)),
    )
    assert {"DeclarePool", "SetDeletionCost"}.isdisjoint(kinds(plan(observed)))
    assert only(plan(resized(observed, replace(FOUR, replicas=2))), DeclarePool).cordoned == frozenset()


def test_pods_of_somebody_elses_deployment_are_not_told_of() -> None:
    observed = settled_pool(FOUR, 4)
    foreign = deepcopy(dict(observed.deployment or {}))
    foreign["metadata"]["ownerReferences"] = []
    crashing = pod(0, ready=False, containers=(Container(name="trainer", waiting_reason="CrashLoopBackOff"),))
    observed = replace(observed, deployment=foreign, pods=(crashing,))
    assert "end again and again" not in condition(observed, "Degraded")[2]


def test_a_pool_that_is_no_more_is_forgotten_by_the_controller_if_that_answers_and_knows_it() -> None:
    name = PoolName("research", "gpu")
    declared = FleetView(pool=PoolView(labels={}, service_account="", wanted_size=1))
    assert plan_absent_pool(name, declared) == Plan((ForgetPool(name),))
    assert plan_absent_pool(name, FleetView()) == plan_absent_pool(name, None) == Plan()
    # Without its declaration they would count as of no labels and not cordoned, and be given trials that die with them.
    assert plan_absent_pool(name, replace(declared, trainers=(idle(0),))) == Plan()
    assert plan_absent_pool(name, replace(declared, trainers=(busy(0, TrainerState.LOST),))) == Plan((ForgetPool(name),))


def test_a_pool_that_the_controller_refused_stays_as_it_was_and_is_not_declared_again_at_once() -> None:
    observed = resized(
        replace(settled_pool(FOUR, 4), refusals={FailureKind.DECLARATION_REFUSED: "1025 labels"}), replace(FOUR, replicas=1)
    )
    assert {"DeclarePool", "SetDeletionCost", "ApplyObject"}.isdisjoint(kinds(plan(observed)))
    assert plan(observed).again_in == SETTINGS.retry_seconds

"""What people are told of a pool: conditions, numbers and events."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import Condition, Container, PodCondition, PodLoss, PoolObserved, Truth, Unreadable
from nasfleet_operator.plan import (
    Announce,
    EventKind,
    Plan,
    WriteStatus,
)
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_operator.views import FleetView, TrainerView
from nasfleet_testing.observed_resources import SETTINGS, busy, failing_creation, pod, pool, settled_pool
from nasfleet_testing.planned_worlds import NOW, carry_out_on_pool

LARGEST_STATUS_BYTES = 6 * 1024
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


def failing(number: int, reason: str, message: str = "") -> Any:
    return pod(number, ready=False, containers=(Container(name="trainer", waiting_reason=reason, waiting_message=message),))


def unschedulable(number: int) -> Any:
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    because = PodCondition(status=Truth.FALSE, reason="Unschedulable", message=message, changed_at=NOW)
    return pod(number, phase="Pending", ready=False, conditions={"PodScheduled": because})


def test_what_is_wrong_is_counted_named_and_explained_the_worst_first() -> None:
    observed = replace(
        settled_pool(FOUR, 4),
        pods=(unschedulable(0), failing(1, "ImagePullBackOff", "not found"), unschedulable(2), pod(3)),
    )
    status, reason, message = condition(observed, "Degraded")
    assert (status, reason) == ("True", "ImagePullFailed")
    assert message == (
        "1 pod (gpu-trainers-5d8f-1) cannot pull the image: not found. "
        "Check spec.image, and imagePullSecrets in spec.template. "
        "2 pods (gpu-trainers-5d8f-0, gpu-trainers-5d8f-2) fit on no node: "
        "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. "
        "Add nodes of that kind or free GPUs, or lower spec.replicas; check nodeSelector, tolerations and gpuResource."
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"fleet": None}, "ControllerUnavailable", id="no controller"),
        pytest.param({"refusals": {FailureKind.TEMPLATE_REFUSED: "Invalid value"}}, "TemplateRefused", id="template refused"),
        pytest.param({"refusals": {FailureKind.OPERATOR_FORBIDDEN: "may not"}}, "OperatorForbidden", id="no right"),
        pytest.param(
            {"refusals": {FailureKind.DECLARATION_REFUSED: "1025 labels"}}, "DeclarationRefused", id="declaration refused"
        ),
        pytest.param({"budget": {"metadata": {"name": "gpu-trainers"}}}, "NameTaken", id="name taken"),
        pytest.param({"pool": pool(Unreadable("spec.gpus is -1: give 0 to 64"))}, "InvalidSpec", id="spec wrong"),
    ],
)
def test_what_is_wrong_with_the_pool_itself_is_told_too(change: dict[str, Any], reason: str) -> None:
    observed = replace(settled_pool(FOUR, 4), **change)
    assert condition(observed, "Degraded")[:2] == ("True", reason)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("forbidden: exceeded quota: gpus", "QuotaExceeded"),
        ('error looking up service account a/b: serviceaccount "b" not found', "ServiceAccountMissing"),
        ('violates PodSecurity "restricted:latest"', "PodForbidden"),
    ],
)
def test_why_pods_cannot_be_made_is_told(message: str, reason: str) -> None:
    observed = settled_pool(FOUR, 4)
    observed = replace(observed, deployment=failing_creation(observed.deployment, message))
    assert condition(observed, "Degraded")[:2] == ("True", reason)
    assert message in condition(observed, "Degraded")[2]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('"2Gi"', '"2Gi"'),
        (
            '{"app.kubernetes.io/component":"trainer","app.kubernetes.io/instance":"v19",' * 9 + '"nasfleet.dev/pool":"other"}',
            '{"app.kubernetes.io/component"...","nasfleet.dev/pool":"other"}',
        ),
    ],
)
def test_of_a_refusal_the_reason_is_told_however_long_the_value(value: str, shown: str) -> None:
    said = (
        'Deployment.apps "gpu-trainers" is invalid: spec.template.metadata.labels: Invalid value: {}: `selector` does not match'
    )
    refusals = {FailureKind.TEMPLATE_REFUSED: said.replace("{}", value)}
    _, reason, message = condition(replace(settled_pool(FOUR, 4), refusals=refusals), "Degraded")
    assert reason == "TemplateRefused"
    assert said.replace("{}", shown) in message


def test_a_pool_whose_spec_is_wrong_stays_as_it_was() -> None:
    observed = replace(settled_pool(FOUR, 4), pool=pool(Unreadable("spec.gpus is -1: give 0 to 64")))
    assert kinds(plan(observed)) == ["WriteStatus", "Announce"]
    assert "spec.gpus is -1" in condition(observed, "Degraded")[2]


def test_pods_that_were_lost_are_told_of_with_a_warning() -> None:
    losses = tuple(PodLoss(f"gpu-{number}", f"uid-{number}", FailureKind.PREEMPTED, NOW - 30) for number in range(5))
    observed = replace(settled_pool(FOUR, 4), lost=losses)
    status, reason, message = condition(observed, "Disrupted")
    assert (status, reason) == ("True", "Preempted")
    assert message.startswith("5 pods (gpu-0, gpu-1, gpu-2, ...) gave way to pods of higher priority.")
    told = only(plan(observed), Announce)
    assert (told.kind, told.reason) == (EventKind.WARNING, "Preempted")


def test_an_event_that_is_there_is_not_planned_again_and_old_news_is_none() -> None:
    observed = replace(settled_pool(FOUR, 4), fleet=None)
    after = carry_out_on_pool(plan(observed).effects[:-1], observed)
    assert kinds(plan(after)) == ["Announce"]
    name = only(plan(after), Announce).name
    assert kinds(plan(replace(after, announced=frozenset({name})))) == []
    assert plan_pool(after, SETTINGS, NOW + SETTINGS.announce_seconds + 1).effects == ()


def test_numbers_alone_are_written_every_ten_seconds_and_what_happened_at_once() -> None:
    observed = settled_pool(FOUR, 4)
    status = {**observed.pool.status, "lastUpdateTime": write_time(NOW - 4)}
    observed = replace(observed, pool=replace(observed.pool, status=status), fleet=fleet(observed, busy(0)))
    assert plan(observed) == Plan((), again_in=6.0)
    later = plan_pool(observed, SETTINGS, NOW + 6)
    assert only(later, WriteStatus).status["busyTrainers"] == 1
    assert kinds(plan(replace(observed, pods=(failing(0, "CrashLoopBackOff"), *observed.pods[1:])))) == [
        "WriteStatus",
        "Announce",
    ]


def test_a_clock_that_was_set_back_keeps_no_status_from_being_written() -> None:
    observed = settled_pool(FOUR, 4)
    status = {**observed.pool.status, "lastUpdateTime": write_time(NOW + 3600)}
    observed = replace(observed, pool=replace(observed.pool, status=status), fleet=fleet(observed, busy(0)))
    assert kinds(plan(observed)) == ["WriteStatus"]


def test_pods_that_wait_for_their_queue_are_no_error() -> None:
    gated = PodCondition(status=Truth.FALSE, reason="SchedulingGated", changed_at=NOW)
    pods = tuple(
        pod(number, phase="Pending", ready=False, gated=True, conditions={"PodScheduled": gated}) for number in range(4)
    )
    observed = settled_pool(FOUR, 4)
    waiting = deepcopy(dict(observed.deployment or {}))
    waiting["status"]["readyReplicas"] = 0
    observed = replace(observed, pods=pods, deployment=waiting)
    assert condition(observed, "Degraded")[0] == "False"
    assert condition(observed, "Ready")[2] == "0 of 4 trainers are ready; 4 wait for their queue to admit them"


def test_a_status_says_what_scaling_and_printing_need() -> None:
    status = settled_pool(FOUR, 4).pool.status
    numbers = {name: status[name] for name in ("replicas", "readyReplicas", "updatedReplicas", "idleTrainers", "busyTrainers")}
    assert numbers == {"replicas": 4, "readyReplicas": 4, "updatedReplicas": 4, "idleTrainers": 4, "busyTrainers": 0}
    assert status["selector"] == "app.kubernetes.io/managed-by=nasfleet-operator,nasfleet.dev/pool=gpu"
    assert [entry["type"] for entry in status["conditions"]] == ["Ready", "Progressing", "Suspended", "Degraded", "Disrupted"]


def test_a_status_stays_small_with_a_thousand_pods_that_all_fail_loudly() -> None:
    reasons = ("ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError", "ErrImagePull")
    pods = tuple(
        replace(failing(number, reasons[number % 4], "ü" * 5000), name=f"gpu-trainers-5d8f-{'x' * 200}-{number}")
        for number in range(1000)
    )
    losses = tuple(PodLoss(f"{'y' * 200}-{number}", f"{number}", FailureKind.EVICTED, NOW - 1) for number in range(1000))
    observed = replace(
        settled_pool(FOUR, 4), pods=pods, lost=losses, refusals={FailureKind.TEMPLATE_REFUSED: "z" * 100_000}, fleet=None
    )
    status = only(plan(observed), WriteStatus).status
    assert len(json.dumps(status, ensure_ascii=False).encode()) < LARGEST_STATUS_BYTES
    assert all(len(effect.message.encode()) <= 1024 for effect in plan(observed).effects if isinstance(effect, Announce))


def test_another_wording_of_the_same_trouble_can_wait_like_a_number() -> None:
    observed = replace(settled_pool(FOUR, 4), pods=(failing(0, "ImagePullBackOff", "not found"),))
    told = carry_out_on_pool(plan(observed).effects, observed)
    reworded = replace(told, pods=(failing(0, "ImagePullBackOff", "Back-off pulling image"),))
    assert plan_pool(reworded, SETTINGS, NOW + 4).effects == ()
    assert kinds(plan_pool(reworded, SETTINGS, NOW + 10)) == ["WriteStatus"]


def test_the_same_trouble_a_second_time_is_another_event() -> None:
    observed = settled_pool(FOUR, 4)
    away = replace(observed, fleet=None)
    first = plan(away)
    back = carry_out_on_pool(first.effects, away)
    back = replace(back, fleet=observed.fleet)
    back = carry_out_on_pool(plan_pool(back, SETTINGS, NOW + 20).effects, back)
    second = plan_pool(replace(back, fleet=None), SETTINGS, NOW + 40)
    assert only(second, Announce).reason == only(first, Announce).reason == "ControllerUnavailable"
    assert only(second, Announce).name != only(first, Announce).name


def degraded(observed: PoolObserved) -> Condition:
    [found] = [entry for entry in observed.pool.conditions if entry.type == "Degraded"]
    return found


def changing_reason() -> tuple[PoolObserved, float]:
    """Return a pool that has been degraded for long, and now is for another reason; and since when it has been."""
    since = NOW - 3000
    observed = replace(settled_pool(FOUR, 4), pods=(failing(0, "CrashLoopBackOff"), *map(pod, range(1, 4))))
    crashing = carry_out_on_pool(plan_pool(observed, SETTINGS, since).effects, observed)
    assert degraded(crashing).reason == "CrashLooping"
    return replace(crashing, pods=(failing(0, "ImagePullBackOff"), *observed.pods[1:])), since


def test_another_reason_is_no_transition_as_long_as_the_status_stays() -> None:
    observed, since = changing_reason()
    found = degraded(carry_out_on_pool(plan(observed).effects, observed))
    assert (found.reason, found.changed_at, found.updated_at) == ("ImagePullFailed", since, NOW)


def test_another_reason_under_the_same_status_is_told_once_also_after_a_kill() -> None:
    observed, _ = changing_reason()
    assert kinds(plan(observed)) == ["WriteStatus", "Announce"]
    told = only(plan(observed), Announce)
    assert told.reason == "ImagePullFailed"
    killed = carry_out_on_pool(plan(observed).effects[:-1], observed)
    assert plan_pool(killed, SETTINGS, NOW + 60).effects == (told,)
    assert plan_pool(replace(killed, announced=killed.announced | {told.name}), SETTINGS, NOW + 60).effects == ()
    assert plan_pool(killed, SETTINGS, NOW + SETTINGS.announce_seconds + 1).effects == ()

"""Each way in which pods fail is told apart, with what to do about it."""

from dataclasses import replace
from typing import Any

import pytest

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.observed import Container, Pod, PodCondition, PodLoss, Termination, Truth
from nasfleet_operator.pod_losses import loss_of, recent_losses
from nasfleet_operator.pod_problems import noticed_in, problem_of, refused_pods
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_testing.observed_resources import SETTINGS, failing_creation, pod, settled_pool
from nasfleet_testing.planned_worlds import NOW

RECENT = NOW - 600


def condition(reason: str, status: Truth = Truth.TRUE, message: str = "") -> PodCondition:
    return PodCondition(status=status, reason=reason, message=message, changed_at=NOW - 20)


def disrupted(why: str, **about: Any) -> Pod:
    return pod(deleted_at=NOW - 10, conditions={"DisruptionTarget": condition(why)}, **about)


def waiting(reason: str, message: str = "") -> Pod:
    return pod(ready=False, containers=(Container(name="trainer", waiting_reason=reason, waiting_message=message),))


def killed(*, ready: bool, ago: float) -> Pod:
    end = Termination(reason="OOMKilled", exit_code=137, ended_at=NOW - ago)
    return pod(ready=ready, containers=(Container(name="trainer", waiting_reason="", ended_before=end),))


def crashed(*, restarts: int, ago: float, ready: bool = False, now: bool = False) -> Pod:
    end = Termination(reason="Error", exit_code=1, ended_at=NOW - ago)
    ends = {"ended": end} if now else {"ended_before": end}
    return pod(ready=ready, containers=(Container(name="trainer", restarts=restarts, **ends),))


def unscheduled(reason: str, message: str = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", **about: Any) -> Pod:
    because = condition(reason, Truth.FALSE, message)
    return pod(phase="Pending", ready=False, conditions={"PodScheduled": because}, **about)


@pytest.mark.parametrize(
    ("gone", "kind"),
    [
        pytest.param(disrupted("PreemptionByScheduler"), FailureKind.PREEMPTED, id="preempted"),
        pytest.param(disrupted("DeletionByTaintManager"), FailureKind.NODE_LOST, id="node lost"),
        pytest.param(disrupted("DeletionByPodGC"), FailureKind.NODE_LOST, id="its node is no more"),
        pytest.param(disrupted("EvictionByEvictionAPI"), FailureKind.DRAINED, id="drained"),
        pytest.param(disrupted("TerminationByKubelet"), FailureKind.EVICTED, id="evicted, by its condition"),
        pytest.param(disrupted("TerminationByKubelet", reason="Terminated"), FailureKind.NODE_LOST, id="node shut down"),
        pytest.param(pod(phase="Failed", reason="Evicted"), FailureKind.EVICTED, id="evicted, by its reason"),
        pytest.param(pod(phase="Failed", reason="Preempting"), FailureKind.PREEMPTED, id="preempted by kubelet"),
        pytest.param(
            pod(deleted_at=NOW, conditions={"TerminationTarget": condition("StoppedByKueue")}),
            FailureKind.PREEMPTED,
            id="preempted by Kueue",
        ),
    ],
)
def test_a_lost_pod_says_how_it_was_lost(gone: Pod, kind: FailureKind) -> None:
    loss = loss_of(gone)
    assert loss is not None
    assert loss.kind is kind
    assert RECENT < loss.at <= NOW or gone.reason


@pytest.mark.parametrize(
    "unharmed",
    [
        pytest.param(pod(), id="one that works"),
        pytest.param(pod(deleted_at=NOW), id="one that was scaled down"),
        pytest.param(
            pod(deleted_at=NOW, conditions={"DisruptionTarget": condition("", Truth.FALSE)}), id="a condition not true"
        ),
        pytest.param(pod(conditions={"DisruptionTarget": condition("EvictionByEvictionAPI")}), id="one that still lives"),
        pytest.param(pod(phase="Succeeded"), id="one that ended"),
    ],
)
def test_no_other_pod_counts_as_lost(unharmed: Pod) -> None:
    assert loss_of(unharmed) is None


def test_each_lost_pod_counts_once_and_for_ten_minutes() -> None:
    here = disrupted("PreemptionByScheduler")
    seen = loss_of(here)
    assert seen is not None
    old = PodLoss("old", "pod-7", FailureKind.EVICTED, RECENT - 1)
    gone = PodLoss("gone", "pod-8", FailureKind.EVICTED, NOW - 1)
    assert [loss.pod for loss in recent_losses([here], [seen, old, gone], RECENT)] == ["gone", here.name]


@pytest.mark.parametrize(
    ("failing", "kind"),
    [
        *(
            pytest.param(waiting(reason), FailureKind.IMAGE_PULL_FAILED, id=reason)
            for reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
        ),
        pytest.param(waiting("CreateContainerConfigError"), FailureKind.CONFIG_ERROR, id="config"),
        pytest.param(waiting("CrashLoopBackOff"), FailureKind.CRASH_LOOPING, id="crashing"),
        pytest.param(crashed(restarts=2, ago=30), FailureKind.CRASH_LOOPING, id="between two crashes"),
        pytest.param(crashed(restarts=2, ago=0, now=True), FailureKind.CRASH_LOOPING, id="just crashed"),
        pytest.param(killed(ready=False, ago=3000), FailureKind.OUT_OF_MEMORY, id="out of memory, not back yet"),
        pytest.param(killed(ready=True, ago=30), FailureKind.OUT_OF_MEMORY, id="out of memory, and back"),
        pytest.param(unscheduled("Unschedulable"), FailureKind.UNSCHEDULABLE, id="fits nowhere"),
        *(
            pytest.param(unscheduled("Unschedulable", message), FailureKind.CLAIM_UNAVAILABLE, id=message)
            for message in (
                '0/3 nodes are available: persistentvolumeclaim "data" not found. not found',
                "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            )
        ),
        pytest.param(pod(phase="Pending", ready=False, created_at=NOW - 60), FailureKind.UNNOTICED, id="nobody looks"),
    ],
)
def test_a_pod_says_what_keeps_it_from_its_work(failing: Pod, kind: FailureKind) -> None:
    problem = problem_of(failing, RECENT, NOW)
    assert problem is not None
    assert (problem.kind, problem.pod) == (kind, failing.name)


@pytest.mark.parametrize(
    "fine",
    [
        pytest.param(pod(), id="one that works"),
        pytest.param(waiting("ContainerCreating"), id="one that starts"),
        pytest.param(crashed(restarts=1, ago=30), id="one that crashed once and starts again"),
        pytest.param(crashed(restarts=9, ago=30, ready=True), id="one that works after crashes"),
        pytest.param(crashed(restarts=9, ago=3000), id="one whose crashes are long ago"),
        pytest.param(unscheduled("SchedulingGated", gated=True), id="one that waits for its queue"),
        pytest.param(killed(ready=True, ago=3000), id="one that ran out of memory long ago"),
        pytest.param(unscheduled("Unschedulable", deleted_at=NOW), id="one that goes"),
        pytest.param(pod(phase="Pending", ready=False, created_at=NOW - 59), id="one that was just made"),
        pytest.param(pod(phase="Pending", ready=False, gated=True), id="one that is held back"),
        pytest.param(pod(phase="Pending", ready=False, deleted_at=NOW), id="one that goes unnoticed"),
        pytest.param(pod(phase="Pending", ready=False, conditions={"PodScheduled": condition("")}), id="one that has a node"),
    ],
)
def test_no_other_pod_is_a_problem(fine: Pod) -> None:
    assert problem_of(fine, RECENT, NOW) is None


def test_what_the_scheduler_says_is_passed_on() -> None:
    problem = problem_of(unscheduled("Unschedulable"), RECENT, NOW)
    assert problem is not None
    assert "Insufficient nvidia.com/gpu" in problem.detail


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('pods "gpu-1" is forbidden: exceeded quota: gpus, requested: 1, used: 8, limited: 8', FailureKind.QUOTA_EXCEEDED),
        (
            'pods "gpu-1" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
            FailureKind.SERVICE_ACCOUNT_MISSING,
        ),
        ('pods "gpu-1" is forbidden: violates PodSecurity "restricted:latest": hostNetwork', FailureKind.POD_FORBIDDEN),
        ('admission webhook "x" denied the request', FailureKind.POD_FORBIDDEN),
        ('pods "serviceaccount-1" is forbidden: no PriorityClass with name fast was found', FailureKind.CLASS_MISSING),
        ('pods "gpu-1" is forbidden: pod rejected: RuntimeClass "nvidia" not found', FailureKind.CLASS_MISSING),
    ],
)
def test_a_deployment_says_why_it_cannot_make_pods(message: str, kind: FailureKind) -> None:
    problem = refused_pods(failing_creation({"metadata": {}}, message))
    assert problem is not None
    assert (problem.kind, problem.detail) == (kind, message)


def test_a_deployment_that_makes_its_pods_has_no_problem() -> None:
    assert refused_pods({"status": {"conditions": [{"type": "ReplicaFailure", "status": "False"}]}}) is None
    assert refused_pods({"metadata": {}}) is None


def test_a_pool_is_looked_at_again_when_a_pod_has_been_unnoticed_for_a_minute() -> None:
    pods = (pod(0, phase="Pending", ready=False, created_at=NOW - 48), pod(1))
    observed = replace(settled_pool(TrainerPoolSpec(replicas=2), 2), pods=pods)
    assert [noticed_in(one, NOW) for one in pods] == [12.0, None]
    assert plan_pool(observed, SETTINGS, NOW).again_in == 12.0


def test_every_kind_of_failure_says_what_happened_and_what_to_do() -> None:
    for kind in FailureKind:
        assert kind.happened[0].islower() or kind.happened.startswith("the ")
        assert kind.advice.endswith(".")
        assert len(kind.advice) < 160

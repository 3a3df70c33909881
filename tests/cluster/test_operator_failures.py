"""Kinds of failure are told apart: what happens to pods on a real control plane, and what conditions and events say of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.fake_nodes import FakeNodes
from nasfleet_testing.operators import Namespace, operator, pool, search
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller
from nasfleet_testing.stand_in_kubelet import StandInKubelet, stand_in_kubelet


@pytest.fixture(scope="module", autouse=True)
def running(control_plane: ControlPlane, operator_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("failures")
    with (
        controller(folder / "controller") as served,
        operator(control_plane, operator_account, served.address, folder / "operator.log"),
    ):
        yield served.address


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Namespace:
    space = Namespace(control_plane, namespace)
    space.kubectl("create", "serviceaccount", "nasfleet-trainer")
    return space


@pytest.fixture
def node(control_plane: ControlPlane) -> Iterator[StandInKubelet]:
    with stand_in_kubelet(control_plane, "failing", gpus=4) as one:
        yield one


def reasons(space: Namespace, name: str) -> set[str]:
    return {event["reason"] for event in space.get("events") if event["involvedObject"]["name"] == name}


def only_pod(space: Namespace) -> str:
    (pod,) = space.pods()
    return f"{space.name}/{pod['metadata']['name']}"


def test_a_drained_node_disrupts_and_the_pods_are_made_elsewhere(
    space: Namespace, control_plane: ControlPlane, fake_nodes: FakeNodes
) -> None:
    fake_nodes(2, gpus=4)
    space.apply(pool("gpus", replicas=4, maxUnavailable="100%"))
    space.eventually_status("trainerpool", "gpus", readyReplicas=4)
    drained = space.pods()[0]["spec"]["nodeName"]
    control_plane.do("drain", drained, "--force", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=30s")
    space.eventually_condition("trainerpool", "gpus", "Disrupted", "True", "Drained")
    space.eventually_status("trainerpool", "gpus", readyReplicas=4)
    assert drained not in {pod["spec"]["nodeName"] for pod in space.pods()}
    eventually(lambda: "Drained" in reasons(space, "gpus"), "an event")


def test_a_pool_that_makes_room_for_a_dearer_one_says_that_it_was_preempted(
    space: Namespace, control_plane: ControlPlane, fake_nodes: FakeNodes
) -> None:
    fake_nodes(1, gpus=2)
    name = f"urgent-{space.name}"
    control_plane.do("create", "priorityclass", name, "--value=1000")
    space.apply(pool("patient", replicas=2))
    space.eventually_status("trainerpool", "patient", readyReplicas=2)
    space.apply(pool("urgent", replicas=1, priorityClassName=name))
    space.eventually_status("trainerpool", "urgent", readyReplicas=1)
    space.eventually_condition("trainerpool", "patient", "Disrupted", "True", "Preempted")
    space.eventually_condition("trainerpool", "patient", "Degraded", "True", "Unschedulable")
    control_plane.do("delete", "priorityclass", name)


def test_a_quota_is_named_and_respected(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1, gpus=4)
    space.kubectl("create", "quota", "few", "--hard=pods=1")
    space.apply(pool("gpus", replicas=3))
    degraded = space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "QuotaExceeded")
    assert "few" in degraded["message"]
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)
    space.kubectl("delete", "quota", "few")
    space.eventually_status("trainerpool", "gpus", readyReplicas=3)
    space.eventually_condition("trainerpool", "gpus", "Degraded", "False")


def test_a_quota_of_deployments_is_named_as_such_and_not_as_a_wrong_template(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1)
    space.kubectl("create", "quota", "none", "--hard=count/deployments.apps=0")
    space.apply(pool("gpus"))
    degraded = space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "QuotaExceeded")
    assert "count/deployments.apps=0" in degraded["message"]
    space.kubectl("delete", "quota", "none")
    space.kubectl("label", "trainerpool/gpus", "again=now")  # rather than after a minute
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)


def test_a_trainer_out_of_memory_and_one_that_was_evicted_are_told_apart(space: Namespace, node: StandInKubelet) -> None:
    space.apply(pool("gpus"))
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)
    node.kill(only_pod(space), "OOMKilled")
    space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "OutOfMemory")
    assert space.condition("trainerpool", "gpus", "Disrupted")["status"] == "False"
    node.evict(only_pod(space))
    space.eventually_condition("trainerpool", "gpus", "Disrupted", "True", "Evicted")
    eventually(lambda: {"OutOfMemory", "Evicted"} <= reasons(space, "gpus"), "events of both")


def test_pods_that_a_taint_drives_away_went_with_their_node(
    space: Namespace, control_plane: ControlPlane, fake_nodes: FakeNodes
) -> None:
    fake_nodes(2, gpus=2)
    space.apply(pool("gpus", replicas=2))
    space.eventually_status("trainerpool", "gpus", readyReplicas=2)
    control_plane.do("taint", "node", space.pods()[0]["spec"]["nodeName"], "example.org/broken=yes:NoExecute")
    space.eventually_condition("trainerpool", "gpus", "Disrupted", "True", "NodeLost")
    space.eventually_status("trainerpool", "gpus", readyReplicas=2)


def test_a_pool_that_the_controller_refuses_says_so_and_is_as_declared_once_it_is_corrected(
    space: Namespace, fake_nodes: FakeNodes
) -> None:
    fake_nodes(1)
    too_long = {"spec": {"serviceAccountName": "a" * 254}}
    space.apply(pool("gpus", {f"label-{number}": "" for number in range(1024)}, template=too_long))
    degraded = space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "DeclarationRefused")
    assert f"service_account of pool namespaces/{space.name}/pools/gpus has 254 characters" in degraded["message"]
    eventually(lambda: "DeclarationRefused" in reasons(space, "gpus"), "an event")
    assert space.get("deployment") == []
    space.kubectl("patch", "trainerpool/gpus", "--type=merge", "--patch", '{"spec":{"template":null}}')
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)


def test_a_search_is_told_that_the_trainers_of_its_pool_have_no_gpu(space: Namespace, node: StandInKubelet) -> None:
    env = [{"name": "CUDA_VISIBLE_DEVICES", "value": ""}]  # hides what this machine may have
    space.apply(pool("gpus", template={"spec": {"containers": [{"name": "trainer", "env": env}]}}))
    space.apply(search("digits", task={"imageClassification": {"dataset": "digits", "epochs": 1}}))
    ready = space.eventually_condition("architecturesearch", "digits", "Ready", "False", "WaitingForTrainers")
    told = "this trainer was told to use cuda, but torch finds no GPU: install the driver"
    eventually(lambda: told in space.condition("architecturesearch", "digits", "Ready")["message"], f"{told}: {ready}")
    status = space.get("architecturesearch", "digits")["status"]
    assert status["trials"]["succeeded"] == status["trials"]["failed"] == 0

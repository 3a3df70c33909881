"""Pools on a real control plane, under the operator's own role: from the declaration to the pods and back to the status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.fake_nodes import FakeNodes
from nasfleet_testing.operators import Namespace, operator, pool
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
KIND = "nvidia.com/gpu.product"


@pytest.fixture(scope="module", autouse=True)
def running(control_plane: ControlPlane, operator_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("pools")
    with (
        controller(folder / "controller") as served,
        operator(control_plane, operator_account, served.address, folder / "operator.log") as one,
    ):
        yield
        log = one.process.log
    assert "pass_failed" not in log, log


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Namespace:
    space = Namespace(control_plane, namespace)
    space.kubectl("create", "serviceaccount", "nasfleet-trainer")
    return space


def nodes_of(space: Namespace, name: str) -> list[str]:
    return [pod["spec"]["nodeName"] for pod in space.pods() if pod["metadata"]["labels"]["nasfleet.dev/pool"] == name]


def test_kubectl_scales_a_pool_and_its_status_counts_the_pods(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1, gpus=8)
    space.apply(pool("gpus"))
    space.eventually_status("trainerpool", "gpus", replicas=1, readyReplicas=1)
    space.kubectl("scale", "trainerpool/gpus", "--replicas=5")
    space.eventually_status("trainerpool", "gpus", replicas=5, readyReplicas=5)
    space.apply(pool("gpus"))  # says nothing of replicas, so it does not undo the scaling
    assert space.get("trainerpool", "gpus")["spec"]["replicas"] == 5
    space.kubectl("scale", "trainerpool/gpus", "--replicas=0")
    space.eventually_status("trainerpool", "gpus", replicas=0, readyReplicas=0)
    assert space.condition("trainerpool", "gpus", "Ready")["reason"] == "ScaledToZero"
    eventually(lambda: space.get("pods") == [], "no pods")


def test_a_deleted_pool_takes_its_objects_along(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1)
    space.apply(pool("gpus", replicas=2))
    space.eventually_status("trainerpool", "gpus", readyReplicas=2)
    assert len(space.get("poddisruptionbudget")) == 1
    space.kubectl("delete", "trainerpool", "gpus", "--timeout=10s")
    eventually(lambda: not any(space.get(kind) for kind in ("deployment", "poddisruptionbudget", "pods")), "nothing left")


def test_a_horizontal_autoscaler_reads_and_writes_the_scale(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1)
    space.apply(pool("gpus"))
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)
    target = {"apiVersion": "nasfleet.dev/v1alpha1", "kind": "TrainerPool", "name": "gpus"}
    autoscaler = {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 5}
    about = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "gpus"}}
    space.apply(about | {"spec": autoscaler})
    space.eventually_status("trainerpool", "gpus", replicas=3, readyReplicas=3)
    eventually(lambda: space.get("hpa", "gpus")["status"].get("currentReplicas") == 3, "an autoscaler that sees three")


def test_a_pool_and_its_pods_carry_nothing_of_the_operator_but_what_is_documented(
    space: Namespace, fake_nodes: FakeNodes
) -> None:
    fake_nodes(1)
    space.apply(pool("gpus", replicas=2))
    space.eventually_status("trainerpool", "gpus", readyReplicas=2)
    space.kubectl("scale", "trainerpool/gpus", "--replicas=1")
    space.eventually_status("trainerpool", "gpus", replicas=1)
    found = space.get("trainerpool", "gpus")["metadata"]
    assert "finalizers" not in found
    assert found["annotations"].keys() == {LAST_APPLIED}
    for pod in space.get("pods"):
        assert "finalizers" not in pod["metadata"]
        assert pod["metadata"].get("annotations", {}).keys() <= {DELETION_COST}
        assert not any("kopf" in key for key in pod["metadata"]["labels"])


def test_pods_land_on_nodes_of_their_kind_and_never_on_those_without_gpus(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(2, gpus=0)
    large, small = fake_nodes(2, gpus=2, kind="h200"), fake_nodes(2, gpus=4, kind="l4")
    space.apply(pool("large", replicas=4, nodeSelector={KIND: "h200"}), pool("small", replicas=6, nodeSelector={KIND: "l4"}))
    space.eventually_status("trainerpool", "large", readyReplicas=4)
    space.eventually_status("trainerpool", "small", readyReplicas=6)
    assert set(nodes_of(space, "large")) == set(large)
    assert set(nodes_of(space, "small")) == set(small)


def test_without_a_free_gpu_the_condition_says_so_and_goes_when_there_is_one(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1, gpus=2)
    space.apply(pool("gpus", replicas=3))
    degraded = space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "Unschedulable")
    assert "1 pod" in degraded["message"]
    assert "nvidia.com/gpu" in degraded["message"]
    fake_nodes(1, gpus=2)
    space.eventually_condition("trainerpool", "gpus", "Degraded", "False")
    space.eventually_status("trainerpool", "gpus", readyReplicas=3)
    eventually(lambda: "Unschedulable" in {event["reason"] for event in space.get("events")}, "an event")


@pytest.mark.parametrize(
    ("field", "wrong", "right"), [("imagePullPolicy", "Sometimes", "Always"), ("tty", "yes", True), ("tti", True, None)]
)
def test_a_template_that_the_api_server_refuses_is_told_of_and_mended_by_the_next_change(
    space: Namespace, fake_nodes: FakeNodes, field: str, wrong: object, right: object
) -> None:
    fake_nodes(1)
    space.apply(pool("gpus", template={"spec": {"containers": [{"name": "trainer", field: wrong}]}}))
    degraded = space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "TemplateRefused")
    assert field in degraded["message"]
    mended = {} if right is None else {field: right}
    space.apply(pool("gpus", template={"spec": {"containers": [{"name": "trainer", **mended}]}}))
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)


def test_a_null_in_the_template_removes_a_field_if_it_is_applied_server_side(space: Namespace) -> None:
    changed = pool("gpus", template={"spec": {"containers": [{"name": "trainer", "startupProbe": None, "tty": True}]}})

    def container() -> dict[str, Any]:
        found = space.get("deployment", "gpus-trainers") or {"spec": {"template": {"spec": {"containers": [{}]}}}}
        one: dict[str, Any] = found["spec"]["template"]["spec"]["containers"][0]
        return one

    space.apply(changed)
    eventually(lambda: container().get("tty"), "the template without its null")
    assert "startupProbe" in container()
    space.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=json.dumps(changed))
    eventually(lambda: "startupProbe" not in container(), "the probe removed")


def test_a_deployment_of_somebody_else_is_not_taken_over(space: Namespace) -> None:
    space.kubectl("create", "deployment", "gpus-trainers", "--image=web", "--replicas=0")
    space.apply(pool("gpus"))
    space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "NameTaken")
    found = space.get("deployment", "gpus-trainers")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "web"
    assert "ownerReferences" not in found["metadata"]


def test_what_somebody_changes_in_the_deployment_is_put_right(space: Namespace, fake_nodes: FakeNodes) -> None:
    fake_nodes(1)
    space.apply(pool("gpus"))
    space.eventually_status("trainerpool", "gpus", readyReplicas=1)
    space.kubectl("set", "image", "deployment/gpus-trainers", "trainer=other:1")

    def image() -> str:
        found = space.get("deployment", "gpus-trainers")
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    eventually(lambda: image() == "nasfleet-trainer:test", "the image that the pool says")

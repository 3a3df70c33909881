"""Pools on a real control plane: from the declaration to the pods and back to the status."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.fake_nodes import FakeNodes
from nasfleet_testing.operators import Namespace, RunningOperator, operator, pool
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str, resources: None) -> Namespace:
    space = Namespace(control_plane, namespace)
    space.kubectl("create", "serviceaccount", "nasfleet-trainer")
    return space


@pytest.fixture
def running(control_plane: ControlPlane, resources: None, tmp_path: Path) -> Iterator[RunningOperator]:
    with (
        controller(tmp_path / "controller") as served,
        operator(control_plane, control_plane.kubeconfig, served.address, tmp_path / "operator.log") as one,
    ):
        yield one


def test_a_pool_becomes_pods_and_its_status_counts_them(
    space: Namespace, running: RunningOperator, fake_nodes: FakeNodes
) -> None:
    fake_nodes(1, gpus=8)
    space.apply(pool("gpus", replicas=3))
    space.eventually_status("trainerpool", "gpus", replicas=3, readyReplicas=3)
    assert len(space.pods()) == 3
    space.kubectl("scale", "trainerpool/gpus", "--replicas=5")
    space.eventually_status("trainerpool", "gpus", replicas=5, readyReplicas=5)
    space.kubectl("scale", "trainerpool/gpus", "--replicas=0")
    space.eventually_status("trainerpool", "gpus", replicas=0, readyReplicas=0)
    space.kubectl("delete", "trainerpool", "gpus")
    eventually(lambda: space.get("deployment") == [], "no Deployment")
    print(running.process.log)

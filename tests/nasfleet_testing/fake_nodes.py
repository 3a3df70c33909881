"""Nodes with any number of GPUs that run nothing: kwok says of their pods that they run. For tests of scale and of placing."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from kubernetes import client

from cluster.programs import have
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.processes import eventually, program

STAGES = Path(__file__).with_suffix(".yaml")
MARK = {"kwok.x-k8s.io/node": "fake"}
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


class FakeNodes:
    """What adds fake nodes to a control plane and removes them."""

    def __init__(self, api: client.CoreV1Api) -> None:
        self._api = api
        self._numbers = count()
        self._there: list[str] = []

    def __call__(
        self, count: int, *, gpus: int = 8, kind: str = "h200", labels: dict[str, str] | None = None, cpus: int = 64
    ) -> list[str]:
        """Add nodes and wait until all are ready; return their names.

        Args:
            count: how many.
            gpus: nvidia.com/gpu of each; with 0 they are nodes without GPUs, and carry no taint.
            kind: the label nvidia.com/gpu.product of nodes with GPUs, which are tainted as cloud providers do it.
            labels: more labels.
            cpus: cores of each.
        """
        names = [f"fake-{kind if gpus else 'cpu'}-{next(self._numbers)}" for _ in range(count)]
        for name in names:
            self._api.create_node(_node(name, gpus, kind, labels or {}, cpus))
        self._there += names
        eventually(lambda: set(names) <= self._ready(), f"{count} fake nodes that are ready")
        return names

    def remove(self, *names: str) -> None:
        """Remove these nodes, or all that were added."""
        for name in names or tuple(self._there):
            self._api.delete_node(name, grace_period_seconds=0)
            self._there.remove(name)

    def _ready(self) -> set[str]:
        nodes = self._api.list_node(label_selector="type=kwok").items
        return {
            node.metadata.name
            for node in nodes
            if any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions or ())
        }


def _node(name: str, gpus: int, kind: str, labels: dict[str, str], cpus: int) -> dict[str, Any]:
    resources = {"cpu": str(cpus), "memory": "512Gi", "pods": "110", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    known = {"type": "kwok", "kubernetes.io/hostname": name, **({"nvidia.com/gpu.product": kind} if gpus else {}), **labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": known, "annotations": MARK},
        "spec": {"taints": [GPU_TAINT] if gpus else []},
        "status": {"capacity": resources, "allocatable": resources},
    }


@contextmanager
def faking_nodes(control_plane: ControlPlane) -> Iterator[FakeNodes]:
    """Run kwok beside a control plane."""
    flags = (
        f"--kubeconfig={control_plane.kubeconfig}",
        f"--config={STAGES}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        "--server-address=127.0.0.1:0",
    )
    command = ("setpriv", "--pdeathsig", "KILL", "--", str(have("kwok")), *flags)
    with control_plane.client() as api, program(command, control_plane.folder / "kwok.log"):
        yield FakeNodes(client.CoreV1Api(api))

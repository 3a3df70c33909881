"""A node that stands in for a real one: the pods that the scheduler gives it run as processes of this machine.

No containers: the file system and the network are this machine's, images are not looked at, a pod has one container. All else
is, seen from the API server, as with a real kubelet: heartbeats, states, restarts, probes, grace periods, evictions, forwards.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from cluster.programs import have
from nasfleet_testing.api_calls import ApiCalls, Raw
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.fake_nodes import GPU_TAINT
from nasfleet_testing.local_pod import timestamp
from nasfleet_testing.node_agent import NodeAgent
from nasfleet_testing.processes import PATIENCE_SECONDS, program

Answer = TypeVar("Answer")


class StandInKubelet:
    """A node that runs pods; these are named NAMESPACE/NAME."""

    def __init__(self, name: str, agent: NodeAgent, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self._agent = agent
        self._loop = loop

    def log(self, pod: str) -> str:
        """Return what a pod's container has said, in all its runs."""
        return self._agent.pod(pod).log.read_text()

    def process_id(self, pod: str) -> int:
        """Return the number of the process that is a pod's container now."""
        return self._agent.pod(pod).process_id

    def port(self, pod: str, port: int) -> int:
        """Return the port of this machine at which a declared port of a pod is."""
        return self._agent.pod(pod).local.ports[port]

    def kill(self, pod: str, reason: str = "Error") -> None:
        """Kill a pod's container; its status says why, "OOMKilled" for example."""
        self._loop.call_soon_threadsafe(self._agent.pod(pod).kill, reason)

    def evict(self, pod: str, message: str = "The node was low on resource: memory.") -> None:
        """End a pod as a node does that runs out of something."""
        self._loop.call_soon_threadsafe(self._agent.pod(pod).evict, message)

    def lose(self) -> None:
        """Be a machine whose power went: nothing runs and nothing is said any more."""
        _ask(self._loop, self._agent.lose())


@contextmanager
def stand_in_kubelet(
    control_plane: ControlPlane,
    name: str = "node",
    *,
    gpus: int = 0,
    kind: str = "h200",
    labels: dict[str, str] | None = None,
    cpus: int = 64,
    services: Mapping[str, str] | None = None,
) -> Iterator[StandInKubelet]:
    """Have a node that runs pods, with GPUs in name if so wished; at the end its pods are killed and it leaves the cluster.

    `services` says where on this machine a service leads that pods are told of, both as HOST:PORT.
    """
    folder = control_plane.folder / "nodes" / name
    folder.mkdir(parents=True, exist_ok=True)
    keys = control_plane.folder / "pki"
    command = ("setpriv", "--pdeathsig", "KILL", "--", str(have("port-forwarder")))
    with (
        program(
            (*command, f"{keys}/server.crt", f"{keys}/server.key", f"{folder}/ports.json"), folder / "port-forwarder"
        ) as one,
        _loop_in_thread() as loop,
    ):
        agent = _ask(loop, _agent(name, folder, control_plane.kubeconfig, services or {}))
        known = {"kubernetes.io/hostname": name, **({"nvidia.com/gpu.product": kind} if gpus else {}), **(labels or {})}
        _ask(loop, agent.join(_node(name, known, {"cpu": str(cpus), "nvidia.com/gpu": str(gpus)}, int(one.line()))))
        try:
            yield StandInKubelet(name, agent, loop)
        finally:
            _ask(loop, agent.leave())


async def _agent(name: str, folder: Path, kubeconfig: Path, services: Mapping[str, str]) -> NodeAgent:
    return NodeAgent(name, folder, ApiCalls(kubeconfig), services)


def _node(name: str, labels: dict[str, str], resources: dict[str, str], port: int) -> Raw:
    offered = {key: value for key, value in resources.items() if value != "0"} | {"memory": "512Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [GPU_TAINT] if "nvidia.com/gpu" in offered else []},
        "status": {
            "capacity": offered,
            "allocatable": offered,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "KubeletReady"}
                | {"lastHeartbeatTime": timestamp(), "lastTransitionTime": timestamp()}
            ],
        },
    }


@contextmanager
def _loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="stand-in-kubelet", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _ask(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Answer]) -> Answer:
    return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_SECONDS)

"""The kubelet of the tests does with local processes what a real one does with containers."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.programs import have
from nasfleet_testing import control_plane as running
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.local_pod import LocalPod
from nasfleet_testing.pod_translation import translation
from nasfleet_testing.processes import eventually, program
from nasfleet_testing.stand_in_kubelet import StandInKubelet, stand_in_kubelet

SLEEPS = "trap 'echo bye; exit 0' TERM; echo up $WHO; while :; do sleep 0.05; done"
PROBE = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1, "failureThreshold": 1}
SERVES = "exec python -m http.server $PORT"


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane) -> Iterator[StandInKubelet]:
    with stand_in_kubelet(control_plane, "stand-in", gpus=1) as one:
        yield one


def pod(script: str, **more: Any) -> dict[str, Any]:
    """Return a pod of this node that runs a shell script."""
    about = {"name": "one", "labels": {"app": "one"}}
    who = [
        {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "CORES", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
        {"name": "PORT", "value": "8000"},
    ]
    ports = [{"name": "web", "containerPort": 8000}]
    container = {"name": "one", "image": "none", "command": ["sh", "-c"], "args": [script], "env": who, "ports": ports, **more}
    tolerated = [{"operator": "Exists"}]
    spec = {
        "containers": [container],
        "nodeSelector": {"kubernetes.io/hostname": "stand-in"},
        "tolerations": tolerated,
        "terminationGracePeriodSeconds": 2,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}


def seen(control_plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """Return the state of the pod's container, with its own name for what it is in."""
    status = json.loads(control_plane.do("get", "pod", "one", f"--namespace={namespace}", "--output=json"))["status"]
    return status.get("containerStatuses", [{"state": {}, "ready": False, "restartCount": 0}])[0] | {"pod": status}


def start(control_plane: ControlPlane, namespace: str, manifest: dict[str, Any]) -> None:
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=yaml.safe_dump(manifest))
    eventually(lambda: "running" in seen(control_plane, namespace)["state"], "a running pod")


def test_pod_is_told_the_cores_that_it_requests_rounded_up(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet
) -> None:
    start(control_plane, namespace, pod("echo $CORES; sleep 60", resources={"requests": {"cpu": "1500m"}}))
    eventually(lambda: node.log(f"{namespace}/one") == "2\n", "two cores")


def test_pod_runs_with_its_own_variables_and_is_told_to_end(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet
) -> None:
    start(control_plane, namespace, pod(SLEEPS + " # $APP"))
    eventually(lambda: node.log(f"{namespace}/one") == "up one\n", "its first words")
    assert seen(control_plane, namespace)["ready"]
    control_plane.do("delete", "pod", "one", f"--namespace={namespace}")
    assert node.log(f"{namespace}/one") == "up one\nbye\n"


def test_pod_that_does_not_listen_is_killed_after_its_grace_period(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet
) -> None:
    start(control_plane, namespace, pod("trap '' TERM; while :; do sleep 0.05; done"))
    process = node.process_id(f"{namespace}/one")
    control_plane.do("delete", "pod", "one", f"--namespace={namespace}")
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_container_that_ends_is_started_again_and_its_status_says_how_it_ended(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet
) -> None:
    start(control_plane, namespace, pod(SLEEPS))
    node.kill(f"{namespace}/one", "OOMKilled")
    eventually(lambda: seen(control_plane, namespace)["restartCount"] == 1, "a restart")
    eventually(lambda: seen(control_plane, namespace)["ready"], "a pod that is ready again")
    ended = seen(control_plane, namespace)["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


async def test_status_that_is_told_last_is_the_latest_however_long_telling_takes(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    first, answered = iter([True]), asyncio.Event()

    async def tell(status: dict[str, Any]) -> None:
        if next(first, False):
            await answered.wait()
        told.append(status)

    manifest = pod(SLEEPS)
    manifest["metadata"] |= {"namespace": "here"}
    manifest["spec"]["nodeName"] = "stand-in"
    (container,) = manifest["spec"]["containers"]
    one = LocalPod(manifest, tmp_path, translation(container, {}, {}), tell)
    running = asyncio.create_task(one.run())
    while not (one.log.exists() and one.log.read_text()):  # noqa: ASYNC110 - a process says it
        await asyncio.sleep(0.01)
    answered.set()
    while not told:  # noqa: ASYNC110 - it is soon
        await asyncio.sleep(0.01)
    one.leave(1)
    await running
    *_, before, last = [status["containerStatuses"][0] for status in told]
    assert before["ready"]
    assert "terminated" in last["state"]


def test_container_that_always_ends_is_crash_looping(control_plane: ControlPlane, namespace: str, node: StandInKubelet) -> None:
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=yaml.safe_dump(pod("exit 3")))
    reason = {"reason": "CrashLoopBackOff"}
    eventually(lambda: seen(control_plane, namespace)["state"].get("waiting") == reason, "a pod that is left alone for a while")
    assert seen(control_plane, namespace)["lastState"]["terminated"]["exitCode"] == 3


def test_evicted_pod_has_failed_and_stays_until_it_is_deleted(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet
) -> None:
    start(control_plane, namespace, pod(SLEEPS))
    node.evict(f"{namespace}/one", "The node was low on resource: memory.")
    eventually(lambda: seen(control_plane, namespace)["pod"]["phase"] == "Failed", "an evicted pod")
    assert seen(control_plane, namespace)["pod"]["reason"] == "Evicted"
    control_plane.do("delete", "pod", "one", f"--namespace={namespace}", "--timeout=20s")


def test_pod_is_ready_as_its_probe_says_on_a_port_of_its_own(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet
) -> None:
    late = f"sleep 1; {SERVES}"
    start(control_plane, namespace, pod(late, readinessProbe=PROBE))
    assert not seen(control_plane, namespace)["ready"]
    eventually(lambda: seen(control_plane, namespace)["ready"], "a ready pod")
    os.kill(node.process_id(f"{namespace}/one"), 19)
    eventually(lambda: not seen(control_plane, namespace)["ready"], "a pod that does not answer")
    os.kill(node.process_id(f"{namespace}/one"), 18)
    eventually(lambda: seen(control_plane, namespace)["ready"], "a pod that answers again")


def test_port_of_a_pod_is_reached_through_the_api_server(
    control_plane: ControlPlane, namespace: str, node: StandInKubelet, tmp_path: Path
) -> None:
    start(control_plane, namespace, pod(SERVES, readinessProbe=PROBE))
    eventually(lambda: seen(control_plane, namespace)["ready"], "a pod that serves")
    flags = ("port-forward", f"--namespace={namespace}", "pod/one", ":8000", f"--kubeconfig={control_plane.kubeconfig}")
    with program((str(have("kubectl")), *flags), tmp_path / "log") as forward:
        line = forward.line()
        assert "127.0.0.1:" in line, forward.log
        port = line.split("127.0.0.1:")[1].split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200


def test_pods_of_a_lost_node_are_deleted_once_it_was_silent_for_long(kubernetes_programs: None, tmp_path: Path) -> None:
    with (
        running.control_plane(tmp_path, node_grace_seconds=4) as plane,
        stand_in_kubelet(plane, "stand-in") as lost,
        stand_in_kubelet(plane, "other"),  # if all nodes are silent nobody is given up: it may be the network
    ):
        manifest = pod(SLEEPS)
        manifest["spec"]["tolerations"] = [
            {"key": f"node.kubernetes.io/{kind}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
            for kind in ("not-ready", "unreachable")
        ]
        start(plane, "default", manifest)
        process = lost.process_id("default/one")
        lost.lose()
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        deleted = ("get", "pod", "one", "--output=jsonpath={.metadata.deletionTimestamp}{.status.conditions[*].reason}")
        eventually(lambda: "DeletionByTaintManager" in plane.do(*deleted), "a pod that was given up")
        assert "running" in seen(plane, "default")["state"]  # nobody is there to say otherwise

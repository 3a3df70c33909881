"""The control plane of the tests is a real one: it makes pods, places them, authorizes, and ends with its process."""

import json
import sys
from pathlib import Path

import yaml

from nasfleet_testing.command_line import descendants, wait_until_gone
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.fake_nodes import FakeNodes
from nasfleet_testing.processes import eventually, program


def deployment(name: str, replicas: int, **pod: object) -> str:
    """Return a Deployment of pods that ask for one GPU each and may run where GPUs are."""
    container = {"name": "one", "image": "none", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    tolerated = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "tolerations": tolerated, **pod}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return yaml.safe_dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def running_on(control_plane: ControlPlane, namespace: str) -> list[str]:
    """Return the node of each pod that is running."""
    listed = json.loads(control_plane.do("get", "pods", "--namespace", namespace, "--output=json"))["items"]
    return [pod["spec"]["nodeName"] for pod in listed if pod["status"]["phase"] == "Running"]


def test_pods_of_a_deployment_run_on_fake_nodes_of_their_kind_as_far_as_there_are_gpus(
    control_plane: ControlPlane, namespace: str, fake_nodes: FakeNodes
) -> None:
    fake_nodes(1, gpus=0)
    fake_nodes(1, gpus=8, kind="l4")
    wanted = fake_nodes(2, gpus=2, kind="h200")
    manifest = deployment("pods", 5, nodeSelector={"nvidia.com/gpu.product": "h200"})
    control_plane.do("apply", "--namespace", namespace, "--filename=-", stdin=manifest)
    eventually(lambda: sorted(running_on(control_plane, namespace)) == sorted(wanted * 2), "two pods on each node")
    events = ("get", "events", "--namespace", namespace)
    eventually(lambda: "Insufficient nvidia.com/gpu" in control_plane.do(*events), "the scheduler's word for the fifth")


def test_who_has_no_role_may_nothing_and_a_service_account_is_known_by_its_token(
    control_plane: ControlPlane, namespace: str
) -> None:
    refused = control_plane.kubectl("get", "pods", kubeconfig=control_plane.user("somebody"))
    assert "Forbidden" in refused.stderr
    account = control_plane.service_account(namespace, "default")
    assert f"system:serviceaccount:{namespace}:default" in control_plane.kubectl("auth", "whoami", kubeconfig=account).stdout


def test_programs_end_with_the_process_that_started_them_even_if_that_is_killed(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    script = (
        "import time, pathlib, nasfleet_testing.control_plane as it\n"
        f"with it.control_plane(pathlib.Path({str(tmp_path / 'plane')!r}), bare=True) as one:\n"
        "    print(one.address, flush=True); time.sleep(600)\n"
    )
    with program((sys.executable, "-c", script), tmp_path / "log") as process:
        assert process.line(), process.log
        below = descendants(process.pid)
        assert len(below) == 2
        process.kill()
    assert wait_until_gone(below) == []

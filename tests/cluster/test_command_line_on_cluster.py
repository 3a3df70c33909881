"""`nasfleet --context`: the command line talks to a controller in a cluster as it does to one on a laptop."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet.errors import NotFoundError, UnavailableError
from nasfleet.names import SearchName
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet_cli.forwarding import forwarded
from nasfleet_cli.kubectl import DEFAULT_SERVICE, Cluster, Service
from nasfleet_cli.main import cli
from nasfleet_cli.target import DEFAULT_STATE, Target
from nasfleet_testing.command_line import NASFLEET, descendants, wait_until_gone
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, operator, search
from nasfleet_testing.processes import eventually, program
from nasfleet_testing.programs import synthetic_search, trainer
from nasfleet_testing.stand_in_kubelet import StandInKubelet, stand_in_kubelet

Nasfleet = Callable[..., Result]
CONTROLLER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: nasfleet-controller}
spec:
  selector: {matchLabels: {app: controller}}
  template:
    metadata: {labels: {app: controller}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: controller
        image: none
        command: [nasfleet, controller]
        env:
        - {name: NASFLEET_STATE, value: /state}
        - {name: NASFLEET_LISTEN, value: "127.0.0.1:50051"}
        - {name: NASFLEET_METRICS, value: ""}
        ports: [{name: grpc, containerPort: 50051}]
        volumeMounts: [{name: state, mountPath: /state}]
      volumes: [{name: state, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: nasfleet-controller}
spec:
  selector: {app: controller}
  ports: [{name: grpc, port: 50051, targetPort: grpc}]
"""


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane) -> Iterator[StandInKubelet]:
    with stand_in_kubelet(control_plane, "stand-in") as one:
        yield one


@pytest.fixture
def empty(control_plane: ControlPlane, namespace: str) -> Namespace:
    """A namespace in which nothing is yet."""
    return Namespace(control_plane, namespace)


@pytest.fixture
def space(empty: Namespace, resources: None, node: StandInKubelet) -> Namespace:
    """A namespace in which a controller serves, behind its Service."""
    space = empty
    space.kubectl("apply", "--filename=-", stdin=CONTROLLER)
    eventually(lambda: address(space, node) is not None, "a controller that serves")
    return space


def address(space: Namespace, node: StandInKubelet) -> str | None:
    """Return where the controller of a namespace is on this machine, once it serves."""
    names = [pod["metadata"]["name"] for pod in space.pods() if pod["status"].get("containerStatuses")]
    pods = [f"{space.name}/{name}" for name in names]
    if not pods or '"event": "serving"' not in node.log(pods[0]):
        return None
    return f"127.0.0.1:{node.port(pods[0], 50051)}"


@pytest.fixture
def nasfleet(empty: Namespace, monkeypatch: pytest.MonkeyPatch) -> Nasfleet:
    """The command of somebody whose kubeconfig has the context "test"."""
    for name, value in empty.control_plane.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NASFLEET_SERVICE", f"{empty.name}/nasfleet-controller:50051")
    return lambda *arguments: CliRunner().invoke(cli, [*arguments, "--context", "test"])


def declared(space: Namespace, nasfleet: Nasfleet, **changes: Any) -> None:
    """Declare a search that never ends, and wait until the controller has it."""
    space.apply(search("digits", budget={"trials": 1000}, **changes))
    eventually(lambda: "digits" in nasfleet("get", "searches", "-n", space.name).output, "a search that the controller knows")


def test_searches_of_a_cluster_are_shown_suspended_resumed_and_deleted_where_they_are_declared(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet, operator_account: Path, tmp_path: Path
) -> None:
    served = address(space, node)
    assert served is not None
    with operator(space.control_plane, operator_account, served, tmp_path / "operator.log", "--namespaces", space.name):
        declared(space, nasfleet)
        for word, wish in (("suspended", True), ("running", False)):
            result = nasfleet("suspend" if wish else "resume", "digits", "-n", space.name)
            assert (result.exit_code, result.output) == (0, f"search digits is {word}\n")
            assert space.get("nas", "digits")["spec"]["suspend"] is wish
        result = nasfleet("delete", "digits", "--yes", "-n", space.name)
        assert (result.exit_code, result.output) == (0, "search digits is deleted\n")
        assert space.get("nas", "digits") is None
        assert "digits" not in nasfleet("get", "searches", "-n", space.name).output


def test_search_that_nobody_declared_in_the_cluster_is_the_controllers_own(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet
) -> None:
    with Client(str(address(space, node))) as client:
        made(client, space)
    assert nasfleet("suspend", "mine", "-n", space.name).output == "search mine is suspended\n"
    assert nasfleet("cancel", "mine", "-n", space.name).output == "search mine is cancelled\n"
    shown = json.loads(nasfleet("get", "searches", "mine", "-n", space.name, "-o", "json").output)
    assert shown["name"] == f"namespaces/{space.name}/searches/mine"
    assert "Ctrl-C" not in nasfleet("watch", "mine", "-n", space.name).output
    assert nasfleet("delete", "mine", "--yes", "-n", space.name).output == "search mine is deleted\n"


def test_resource_of_the_same_name_is_let_be_if_the_search_is_not_its_own(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet
) -> None:
    with Client(str(address(space, node))) as client:
        made(client, space)
        space.apply(search("mine"))
        assert nasfleet("suspend", "mine", "-n", space.name).output == "search mine is suspended\n"
        assert nasfleet("delete", "mine", "--yes", "-n", space.name).output == "search mine is deleted\n"
        with pytest.raises(NotFoundError):
            client.get_search(f"namespaces/{space.name}/searches/mine")
    assert space.get("nas", "mine")["spec"]["suspend"] is False


def test_trial_is_explained_and_exported_and_a_trainer_drained_through_the_cluster(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet, tmp_path: Path
) -> None:
    served = str(address(space, node))
    name = f"namespaces/{space.name}/searches/mine"
    with Client(served) as client, trainer(served, tmp_path / "log", "--name", "worker") as worker:
        client.ensure_search(name, synthetic_search(2, 2, Synthetic()))
        eventually(lambda: client.get_search(name).counts.succeeded == 2, "two trials that succeeded")
        shown = json.loads(nasfleet("logs", "mine/1", "-n", space.name, "-o", "json").output)
        assert shown["attempts"][0]["trainer"] == "worker"
        assert json.loads(nasfleet("export", "mine/1", "-n", space.name).stdout) == json.loads(
            client.export_architecture(f"{name}/trials/1", ExportFormat.EXPORT_FORMAT_JSON).content
        )
        assert nasfleet("drain", "worker").output == "trainer worker is draining\n"
        assert worker.wait() == 0


def made(client: Client, space: Namespace) -> None:
    """Make a search at the controller alone."""
    client.ensure_search(f"namespaces/{space.name}/searches/mine", synthetic_search(10, 2, Synthetic()))


def test_pools_are_shown_with_their_trainers(space: Namespace, nasfleet: Nasfleet, node: StandInKubelet) -> None:
    with Client(str(address(space, node))) as client:
        client.ensure_pool(f"namespaces/{space.name}/pools/gpus", labels={"gpu": "h200"}, service_account="", wanted_size=4)
    rows = nasfleet("get", "pools", "-n", space.name, "-o", "wide").output.splitlines()
    assert [re.split(r"\s+", row.strip()) for row in rows] == [
        ["NAME", "WANTED", "TRAINERS", "BUSY", "WORK", "CORDONED", "LABELS"],
        ["gpus", "4", "0", "0", "0", "0", "gpu=h200"],
    ]
    assert nasfleet("get", "pools", "-n", "other").output.split() == ["NAME", "WANTED", "TRAINERS", "BUSY", "WORK"]


def test_short_names_are_of_the_namespace_that_the_context_chooses(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(str(address(space, node))) as client:
        made(client, space)
    assert "mine" not in nasfleet("get", "searches").output
    config = json.loads(space.control_plane.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = space.name
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    assert "mine" in nasfleet("get", "searches").output


def test_forward_is_begun_anew_when_the_controllers_pod_is_replaced(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet
) -> None:
    cluster = Cluster("test", Service(space.name, "nasfleet-controller", 50051))
    with forwarded(cluster) as local, Client(local, timeout=2) as client:
        client.get_fleet()
        space.kubectl("delete", "pod", "--selector=app=controller")

        def answers() -> bool:
            try:
                client.get_fleet()
            except UnavailableError:
                return False
            return True

        eventually(answers, "the new pod's controller")


def test_command_that_is_killed_leaves_no_forward_behind(
    space: Namespace, nasfleet: Nasfleet, node: StandInKubelet, tmp_path: Path
) -> None:
    command = (*NASFLEET, "watch", "--plain", "--context", "test", "-n", space.name)
    with Client(str(address(space, node))) as client:
        made(client, space)
    with program(command, tmp_path / "log") as process:
        assert process.line()
        below = descendants(process.pid)
        assert any("port-forward" in Path(f"/proc/{one}/cmdline").read_text() for one in below)
        process.kill()
    assert wait_until_gone(below) == []


@pytest.mark.parametrize(
    ("service", "options"),
    [(DEFAULT_SERVICE, " --context prod -n team-a"), ("a/b:1", " --context prod --service a/b:1 -n team-a")],
)
def test_commands_that_are_suggested_lead_to_the_same_search(service: str, options: str) -> None:
    assert Target(None, DEFAULT_STATE, Cluster("prod", Service.parse(service)), "team-a").options == options


def test_service_that_leads_nowhere_is_told_with_what_to_do(empty: Namespace, nasfleet: Nasfleet) -> None:
    result = nasfleet("get", "searches", "--service", f"{empty.name}/none:50051")
    assert result.exit_code == 2
    assert "where is the controller's service? Give --service NAMESPACE/NAME:PORT" in result.output
    empty.kubectl("create", "service", "clusterip", "lonely", "--tcp=50051")
    result = nasfleet("get", "searches", "--service", f"{empty.name}/lonely:50051")
    assert result.exit_code == 2
    assert f"no pod of service lonely in namespace {empty.name} is running: see kubectl" in result.output


def test_unknown_context_missing_kubectl_and_two_controllers_are_told_with_what_to_do(
    nasfleet: Nasfleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unknown = CliRunner().invoke(cli, ["get", "searches", "--context", "elsewhere"])
    assert "--context is 'elsewhere': kubectl knows no such context" in unknown.output
    two = nasfleet("get", "searches", "--controller", "127.0.0.1:1")
    assert "--context and --controller name two controllers" in two.output
    wrong = nasfleet("get", "searches", "--service", "what")
    assert "--service is 'what': give NAMESPACE/NAME:PORT" in wrong.output
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = nasfleet("get", "trainers")
    assert "which is not installed" in missing.output
    assert {result.exit_code for result in (unknown, two, wrong, missing)} == {2}


def test_who_may_not_forward_is_told_which_right_is_missing_and_may_with_those_of_the_reference(
    space: Namespace, nasfleet: Nasfleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(space.control_plane.user("somebody")))
    result = nasfleet("get", "trainers")
    assert result.exit_code == 2
    assert 'cannot get resource "services"' in result.output
    space.kubectl("create", "role", "look", "--verb=get,list", "--resource=services,pods,configmaps")
    space.kubectl("create", "role", "forward", "--verb=create", "--resource=pods/portforward")
    for role in ("look", "forward"):
        space.kubectl("create", "rolebinding", role, f"--role={role}", "--user=somebody")
    eventually(lambda: nasfleet("get", "trainers").exit_code == 0, "rights that are enough", within=10)


def test_cluster_that_accepts_connections_and_says_nothing_is_told_to_be_unavailable(
    empty: Namespace, nasfleet: Nasfleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = json.loads(empty.control_plane.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        cluster = Cluster("test", Service.parse(DEFAULT_SERVICE), answer_seconds=2.0)
        with pytest.raises(UnavailableError, match="the cluster of context test: kubectl has not ended after 2 s"):
            cluster.declares(SearchName(empty.name, "digits"), "1")

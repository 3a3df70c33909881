"""The operator as a program: how it starts and ends, what can be watched of it, and where it looks."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, operator, pool
from nasfleet_testing.pages import ROOT
from nasfleet_testing.processes import eventually
from nasfleet_testing.relay import relay

NOWHERE = "127.0.0.1:1"
MANIFESTS = ROOT / "operator" / "manifests"


def documented() -> dict[str, str]:
    """Return the type of every metric of the operator in the reference, by name."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text().partition("## Operator\n")[2]
    return dict(re.findall(r"^\| `(nasfleet_\w+)` \| (\w+) \|", page, re.MULTILINE))


def served(address: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{address}/{path}", timeout=10) as page:
        return str(page.read().decode())


def test_it_serves_its_metrics_and_its_health_and_ends_cleanly_when_told_to(
    control_plane: ControlPlane, operator_account: Path, namespace: str, tmp_path: Path
) -> None:
    space = Namespace(control_plane, namespace)
    space.apply(pool("gpus", replicas=0))
    with operator(control_plane, operator_account, NOWHERE, tmp_path / "operator.log", "--namespaces", namespace) as running:
        space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "ControllerUnavailable")
        eventually(lambda: "error" not in served(running.liveness, "healthz"), "a healthy operator")
        page = served(running.metrics, "metrics")
        types = dict(re.findall(r"^# TYPE (nasfleet_\w+) (\w+)$", page, re.MULTILINE))
        assert types == documented()
        assert "nasfleet_operator_pools 1.0" in page
        assert 'nasfleet_operator_api_calls_total{outcome="succeeded",resource="trainerpools/status",verb="patch"}' in page
        assert running.process.terminate() == 0
        assert "Traceback" not in running.process.log


def test_bound_to_one_namespace_it_works_there_and_sees_no_other(
    control_plane: ControlPlane, operator_account: Path, namespace: str, tmp_path: Path
) -> None:
    here, elsewhere = Namespace(control_plane, namespace), Namespace(control_plane, "default")
    control_plane.do("create", "serviceaccount", "bound", "--namespace", namespace)
    role = ("--clusterrole=nasfleet-operator", f"--serviceaccount={namespace}:bound")
    control_plane.do("create", "rolebinding", "bound", *role, "--namespace", namespace)
    account = control_plane.service_account(namespace, "bound")
    for space in (here, elsewhere):
        space.apply(pool("bound", replicas=0))
    with operator(control_plane, account, NOWHERE, tmp_path / "operator.log", "--namespaces", namespace) as running:
        here.eventually_condition("trainerpool", "bound", "Progressing", "False")
        here.kubectl("scale", "trainerpool/bound", "--replicas=2")
        eventually(lambda: here.get("deployment", "bound-trainers")["spec"]["replicas"] == 2, "the change, as it was watched")
        assert "conditions" not in elsewhere.get("trainerpool", "bound").get("status", {})
        assert "orbidden" not in running.process.log
    elsewhere.kubectl("delete", "trainerpool", "bound")


def test_it_goes_on_where_it_was_after_the_api_server_was_away(
    control_plane: ControlPlane, operator_account: Path, namespace: str, tmp_path: Path
) -> None:
    space = Namespace(control_plane, namespace)
    space.apply(pool("kept", replicas=0), pool("leaving", replicas=0))
    with relay(control_plane.address) as way:
        account = tmp_path / "kubeconfig"
        account.write_text(operator_account.read_text().replace(control_plane.address, way.address))
        with operator(control_plane, account, NOWHERE, tmp_path / "operator.log", "--namespaces", namespace) as running:
            space.eventually_condition("trainerpool", "kept", "Progressing", "False")
            eventually(lambda: "nasfleet_operator_pools 2.0" in served(running.metrics, "metrics"), "two pools")
            way.cut()
            space.kubectl("scale", "trainerpool/kept", "--replicas=2")
            space.kubectl("delete", "trainerpool", "leaving")
            eventually(
                lambda: "does not answer" in running.process.log or "broke" in running.process.log, "a loss that is noticed"
            )
            way.mend()
            eventually(lambda: space.get("deployment", "kept-trainers")["spec"]["replicas"] == 2, "what was changed meanwhile")
            eventually(lambda: "nasfleet_operator_pools 1.0" in served(running.metrics, "metrics"), "what has gone meanwhile")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "--controller is not given"),
        (("--controller", NOWHERE, "--trainer-image", "one", "--workers", "many"), "--workers is 'many': give a number"),
        (("--controller", NOWHERE, "--trainer-image", "one", "--metrics", "9466"), "--metrics is '9466': give HOST:PORT"),
        (("--controller", "here", "--trainer-image", "one"), "--controller is 'here': give HOST:PORT"),
        (("--controller", NOWHERE, "--trainer-image", "one", "--kubeconfig", "/nowhere"), "give --kubeconfig"),
    ],
)
def test_what_it_is_told_wrongly_it_says_in_one_line(flags: tuple[str, ...], said: str) -> None:
    command = (sys.executable, "-m", "nasfleet_operator", *flags)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr

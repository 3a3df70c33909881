"""PodMonitors and rules of the chart with the Prometheus operator itself, and a Prometheus by the configuration that it makes.

There is no kubelet: the programs of the pods run here, each on a loopback address that its pod is said to have.
"""

import gzip
import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.programs import have
from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet_testing.alerts import alerts
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.neighbours import prometheus_operator
from nasfleet_testing.operators import API_VERSION, operator
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller, synthetic_search, trainer
from nasfleet_testing.prometheus import Prometheus, configured
from nasfleet_testing.release import OURS_ARE_THERE, Release, values

MINE = {"watched-by": "us"}
MONITORING = {
    "podMonitors": {"enabled": True, "interval": "1s", "labels": MINE},
    "rules": {"enabled": True, "labels": MINE},
}
OPEN: dict[str, Any] = {"tls": {"mode": "none"}, "authentication": {"mode": "None"}}
RULES = "/etc/prometheus/rules"  # where the operator has them in the pods of a Prometheus
TRIALS = 40


@dataclass(frozen=True, slots=True)
class Fleet:
    """A release and a pool in a namespace of its own, whose programs run."""

    plane: ControlPlane
    release: Release
    team: str
    controller: str
    pods: dict[str, str]  # the pods by their addresses


@pytest.fixture
def fleet(control_plane: ControlPlane, release: Release, resources: None, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet with monitors, one search of which is done."""
    team = f"{release.namespace}-team"
    control_plane.do("create", "namespace", team)
    release.install(**OPEN, trainers={"namespaces": [team]}, monitoring=MONITORING, crds=OURS_ARE_THERE)
    pods: dict[str, str] = {}
    with ExitStack() as started:
        at = _place(control_plane, release.namespace, "controller", pods)[0]
        served = started.enter_context(controller(tmp_path / "state", "127.0.0.1:0", "--metrics", f"{at}:9464"))
        at = _place(control_plane, release.namespace, "operator", pods)[0]
        account = control_plane.service_account(release.namespace, "nasfleet-operator")
        flags = ("--namespaces", f"{release.namespace},{team}", "--metrics", f"{at}:9466")
        started.enter_context(operator(control_plane, account, served.address, tmp_path / "operator.log", *flags))
        pool = {"apiVersion": API_VERSION, "kind": "TrainerPool", "metadata": {"name": "cpus"}}
        spec = {"replicas": 2, "gpus": 0, "cpu": "100m", "memory": "256Mi"}
        control_plane.do("create", f"--namespace={team}", "--filename=-", stdin=json.dumps(pool | {"spec": spec}))
        for address in _place(control_plane, team, "trainer", pods, count=2):
            who = ("--pool", f"namespaces/{team}/pools/cpus", "--name", pods[address])
            where = ("--metrics-host", address, "--metrics-port", "9465")
            started.enter_context(trainer(served.address, tmp_path / f"trainer-{address}.log", *who, *where))
        with Client(served.address) as client:
            search = f"namespaces/{team}/searches/probe"
            client.ensure_search(search, synthetic_search(TRIALS, 4, Synthetic()))
            eventually(lambda: client.get_search(search).counts.succeeded == TRIALS, "the end of the search")
        yield Fleet(control_plane, release, team, served.address, pods)
    control_plane.do("delete", "trainerpool", "cpus", f"--namespace={team}", "--wait=false")


def _place(plane: ControlPlane, namespace: str, component: str, pods: dict[str, str], *, count: int = 1) -> list[str]:
    """Give the pods of a component addresses as a kubelet would, once they are there; return them."""
    chosen = ("get", "pods", f"--namespace={namespace}", f"--selector=app.kubernetes.io/component={component}", "--output=name")
    eventually(lambda: len(plane.do(*chosen).splitlines()) == count, f"pods of the {component}")
    placed = []
    for line in plane.do(*chosen).splitlines():
        address = ".".join(map(str, (127, *(random.SystemRandom().randrange(1, 255) for _ in range(3)))))
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        patch = json.dumps({"status": status})
        plane.do("patch", line, f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={patch}")
        pods[address] = line.partition("/")[2]
        placed.append(address)
    return placed


@pytest.fixture
def watching(fleet: Fleet, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus by the configuration that the operator makes for one that selects our resources by their labels."""
    plane, namespace = fleet.plane, f"{fleet.release.namespace}-monitoring"
    plane.do("create", "namespace", namespace)
    with prometheus_operator(plane) as log:
        plane.do("create", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(_declared(plane, namespace)))
        made = ("get", "prometheus", "watching", f"--namespace={namespace}", "--output=json")
        eventually(lambda: _is(json.loads(plane.do(*made)).get("status", {}), "Reconciled"), f"a configuration; see {log}")
        for kind, names in (("podmonitor", 3), ("prometheusrule", 1)):
            assert len(fleet.release.names(kind)) == names
            for name in fleet.release.names(kind):
                eventually(partial(_accepted, fleet, kind, name), f"{kind} {name} being accepted; see {log}")
        folder = tmp_path / "prometheus"
        _write(plane, namespace, folder)
    _check(folder / "prometheus.yml")
    with configured(folder, str(have("prometheus"))) as one:
        yield one
    plane.do("delete", "namespace", namespace, "--wait=false")


def _declared(plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """Return a Prometheus that reads the pods of the cluster from outside, and has no other right."""
    plane.do("create", "clusterrole", namespace, "--verb=get,list,watch", "--resource=pods")
    plane.do("create", "serviceaccount", "watching", f"--namespace={namespace}")
    whom = (f"--clusterrole={namespace}", f"--serviceaccount={namespace}:watching")
    plane.do("create", "clusterrolebinding", namespace, *whom)
    token = plane.folder / f"{namespace}.token"
    token.write_text(plane.do("create", "token", "watching", f"--namespace={namespace}").strip())
    selected = {"matchLabels": MINE}
    spec = {
        "podMonitorSelector": selected,
        "podMonitorNamespaceSelector": {},
        "ruleSelector": selected,
        "ruleNamespaceSelector": {},
        "evaluationInterval": "1s",
        "apiserverConfig": {
            "host": f"https://{plane.address}",
            "tlsConfig": {"caFile": str(plane.folder / "pki" / "ca.crt")},
            "authorization": {"credentialsFile": str(token)},
        },
    }
    about = {"name": "watching", "namespace": namespace}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": about, "spec": spec}


def _is(status: dict[str, Any], condition: str) -> bool:
    return any(one["type"] == condition and one["status"] == "True" for one in status.get("conditions", ()))


def _accepted(fleet: Fleet, kind: str, name: str) -> bool:
    return any(_is(one, "Accepted") for one in fleet.release.get(kind, name).get("status", {}).get("bindings", ()))


def _write(plane: ControlPlane, namespace: str, folder: Path) -> None:
    """Write the configuration and the rules as a pod's config reloader would, but to a folder of this machine."""
    where = (f"--namespace={namespace}", "--output=json")
    secret = json.loads(plane.do("get", "secret", "prometheus-watching", *where))
    settings = gzip.decompress(values(secret)["prometheus.yaml.gz"]).decode()
    rules = json.loads(plane.do("get", "configmap", "prometheus-watching-rulefiles-0", *where))["data"]
    (folder / "rules" / "prometheus-watching-rulefiles-0").mkdir(parents=True)
    for name, text in rules.items():
        (folder / "rules" / "prometheus-watching-rulefiles-0" / name).write_text(text)
    assert RULES in settings
    for there, here in {RULES: str(folder / "rules"), "$(POD_NAME)": "prometheus-watching-0", "$(SHARD)": "0"}.items():
        settings = settings.replace(there, here)
    (folder / "prometheus.yml").write_text(settings)


def _check(file: Path) -> None:
    """Have promtool say what is wrong with a configuration and the rules that it names."""
    done = subprocess.run((have("promtool"), "check", "config", str(file)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_program_is_scraped_and_every_rule_is_evaluated(fleet: Fleet, watching: Prometheus) -> None:
    namespace = fleet.release.namespace
    eventually(lambda: _up(watching) == len(fleet.pods), "all programs being scraped")
    found = {
        (one["labels"]["job"], one["labels"]["namespace"], one["labels"]["pod"], one["labels"].get("nasfleet_dev_pool", ""))
        for one in watching.targets()
    }
    (brain, hand, *trainers) = fleet.pods.values()
    assert found == {
        (f"{namespace}/nasfleet-controller", namespace, brain, ""),
        (f"{namespace}/nasfleet-operator", namespace, hand, ""),
        *((f"{namespace}/nasfleet-trainer", fleet.team, pod, "cpus") for pod in trainers),
    }
    # A search's namespace is its own, not that of the controller's pod.
    assert [labels["namespace"] for labels, _ in watching.query("nasfleet_trials_settled_total > 0")] == [fleet.team]
    assert watching.value("sum(nasfleet_trials_settled_total)") == TRIALS
    assert watching.value('sum(nasfleet_trainers{state!="lost"})') == watching.value("count(nasfleet_trainer_build_info)") == 2
    named = {alert.name for alert in alerts()}
    eventually(lambda: watching.rules() == dict.fromkeys(named, "ok"), "every rule being evaluated")


def _up(watching: Prometheus) -> int:
    return sum(one["health"] == "up" for one in watching.targets())

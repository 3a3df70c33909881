"""On a real control plane: what a policy alters in each apply is told of, and not applied twice a second for ever."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, RunningOperator, operator, pool
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller

REGISTRATION = {"apiVersion": "admissionregistration.k8s.io/v1"}
KEPT = 7


@pytest.fixture
def running(control_plane: ControlPlane, operator_account: Path, tmp_path: Path) -> Iterator[RunningOperator]:
    with (
        controller(tmp_path / "controller") as served,
        operator(control_plane, operator_account, served.address, tmp_path / "operator.log") as one,
    ):
        yield one


@pytest.fixture
def altered(control_plane: ControlPlane, namespace: str) -> Iterator[Namespace]:
    """A namespace in which each Deployment is given another number of revisions to keep, whatever is applied."""
    space, name = Namespace(control_plane, namespace), f"few-{namespace}"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}
    change = {"expression": f"Object{{spec: Object.spec{{revisionHistoryLimit: {KEPT}}}}}"}
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": change}
    policy = {"matchConstraints": {"resourceRules": [rule]}, "mutations": [mutation], "reinvocationPolicy": "Never"}
    kinds = {
        "MutatingAdmissionPolicy": policy | {"failurePolicy": "Fail"},
        "MutatingAdmissionPolicyBinding": {"policyName": name, "matchResources": here},
    }
    for kind, spec in kinds.items():
        space.apply(REGISTRATION | {"kind": kind, "metadata": {"name": name}, "spec": spec})
    probe = ("create", "deployment", "probe", "--image=probe", "--dry-run=server", "--output=json")
    eventually(lambda: json.loads(space.kubectl(*probe))["spec"]["revisionHistoryLimit"] == KEPT, "a policy that holds")
    yield space
    space.kubectl("delete", ",".join(kinds), name)


def applications(running: RunningOperator) -> float:
    with urllib.request.urlopen(f"http://{running.metrics}/metrics", timeout=10) as response:
        families = text_string_to_metric_families(response.read().decode())
    calls = [one for family in families for one in family.samples if one.name == "nasfleet_operator_api_calls_total"]
    return sum(one.value for one in calls if (one.labels["verb"], one.labels["resource"]) == ("patch", "deployments"))


def test_what_is_altered_in_each_apply_is_named_and_then_left_for_a_while(running: RunningOperator, altered: Namespace) -> None:
    altered.apply(pool("gpus", replicas=0))
    degraded = altered.eventually_condition("trainerpool", "gpus", "Degraded", "True", "AlteredByOthers")
    assert "Deployment gpus-trainers, spec.revisionHistoryLimit" in degraded["message"]
    assert altered.get("deployment", "gpus-trainers")["spec"]["revisionHistoryLimit"] == KEPT
    before = applications(running)
    time.sleep(6)  # nothing happens; that is what is to be seen
    assert applications(running) == before

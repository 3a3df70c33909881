"""What the operator and the trainers may do, asked of the real API server: everything that it serves, with every verb."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nasfleet_testing.control_plane import ControlPlane

MANIFESTS = Path(__file__).parents[2] / "operator" / "manifests"
METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
# What anybody may ask who is known: who am I, what may I.
ANYBODY = {
    ("create", "selfsubjectaccessreviews"),
    ("create", "selfsubjectrulesreviews"),
    ("create", "selfsubjectreviews"),
}
OPERATOR = {
    *((verb, "trainerpools") for verb in ("list", "watch")),
    *((verb, "architecturesearches") for verb in ("get", "list", "watch", "patch")),
    ("patch", "trainerpools/status"),
    ("patch", "architecturesearches/status"),
    ("patch", "trainerpools/scale"),
    *((verb, "deployments") for verb in ("get", "list", "watch", "create", "patch")),
    *((verb, "poddisruptionbudgets") for verb in ("get", "list", "watch", "create", "patch")),
    *((verb, "configmaps") for verb in ("get", "list", "watch", "create", "patch")),
    *((verb, "pods") for verb in ("list", "watch", "patch")),
    ("create", "events"),
}


class Caller:
    """Somebody who calls the API server, by the token of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        content = json.loads(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        self._server = cluster["server"]
        self._trusted = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._token = content["users"][0]["user"]["token"]

    def call(self, method: str, path: str) -> tuple[int, Any]:
        """Return the status and the answer; nothing is changed."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        body = None if method in {"GET", "DELETE"} else b"{}"
        request = urllib.request.Request(f"{self._server}{path}", data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self._trusted, timeout=10) as response:
                return response.status, json.loads(response.read() or "{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def may(self, verb: str, version: str, resource: str, namespace: str | None) -> bool:
        """Return whether a verb on a resource is not refused."""
        within = f"/namespaces/{namespace}" if namespace else ""
        plural, _, subresource = resource.partition("/")
        collection = verb in {"list", "watch", "deletecollection"} or (verb == "create" and not subresource)
        path = f"{version}{within}/{plural}" if collection else f"{version}{within}/{plural}/no-such"
        path += f"/{subresource}" if subresource else ""
        query = "?watch=1&timeoutSeconds=1" if verb == "watch" else "" if METHODS[verb] == "GET" else "?dryRun=All"
        return self.call(METHODS[verb], path + query)[0] != 403


def served(control_plane: ControlPlane) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield everything that the API server serves, with the path of its group and version."""
    admin = Caller(control_plane.kubeconfig)
    groups = admin.call("GET", "/apis")[1]["groups"]
    for version in ("/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)):
        for resource in admin.call("GET", version)[1]["resources"]:
            yield version, resource


def allowed(control_plane: ControlPlane, kubeconfig: Path, namespace: str) -> set[tuple[str, str]]:
    """Return all pairs of verb and resource that are not refused: in the namespace, or outside of all where there is none."""
    caller = Caller(kubeconfig)
    verbs = [verb for verb in METHODS if verb not in {"list", "deletecollection", "watch"}]
    return {
        (verb, resource["name"])
        for version, resource in served(control_plane)
        for verb in (verbs if "/" in resource["name"] else METHODS)
        if caller.may(verb, version, resource["name"], namespace if resource["namespaced"] else None)
    } - ANYBODY


def test_operator_may_do_what_it_does_and_nothing_else(
    control_plane: ControlPlane, operator_account: Path, namespace: str
) -> None:
    asked = {resource["name"] for _, resource in served(control_plane)}
    assert {"secrets", "pods/exec", "clusterrolebindings", "trainerpools/scale", "serviceaccounts/token", "nodes"} <= asked
    assert allowed(control_plane, operator_account, namespace) == OPERATOR


def test_events_that_the_operator_may_make_are_those_of_the_new_group(operator_account: Path, namespace: str) -> None:
    caller = Caller(operator_account)
    assert caller.may("create", "/apis/events.k8s.io/v1", "events", namespace)
    assert not caller.may("create", "/api/v1", "events", namespace)


@pytest.mark.usefixtures("operator_account")  # whose manifest has the role that is bound here
def test_operator_that_is_let_into_one_namespace_may_do_nothing_in_another(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.do("create", "serviceaccount", "nasfleet-operator", f"--namespace={namespace}")
    binding = yaml.safe_load((MANIFESTS / "rbac-namespaced.yaml").read_text())
    binding["subjects"][0]["namespace"] = namespace  # another operator than the one that is let in everywhere
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=yaml.safe_dump(binding))
    account = control_plane.service_account(namespace, "nasfleet-operator")
    assert allowed(control_plane, account, namespace) == OPERATOR
    assert allowed(control_plane, account, "default") == set()


def test_trainer_may_do_nothing_and_has_no_token(control_plane: ControlPlane, operator_account: Path, namespace: str) -> None:
    control_plane.do("apply", f"--namespace={namespace}", "--filename", str(MANIFESTS / "trainer-account.yaml"))
    assert allowed(control_plane, control_plane.service_account(namespace, "nasfleet-trainer"), namespace) == set()
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}}
    pod["spec"] = {"serviceAccountName": "nasfleet-trainer", "containers": [{"name": "one", "image": "none"}]}
    made = control_plane.do("create", f"--namespace={namespace}", "--filename=-", "--output=json", stdin=json.dumps(pod))
    assert json.loads(made)["spec"].get("volumes", []) == []


@pytest.mark.parametrize("file", ["rbac.yaml", "rbac-namespaced.yaml"])
def test_no_role_names_everything_or_may_give_more_than_it_has(file: str) -> None:
    documents = list(yaml.safe_load_all((MANIFESTS / file).read_text()))
    rules = [rule for document in documents for rule in document.get("rules", ())]
    named = {word for rule in rules for part in rule.values() for word in part}
    assert named.isdisjoint({"*", "escalate", "bind", "impersonate", "secrets", "pods/exec"})

"""The chart on a real API server: what it renders is taken as it stands, and Helm really installs, upgrades and removes it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nasfleet_testing.certificates import handshake
from nasfleet_testing.chart import VALUE_SETS, Helm, pod_templates
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.processes import eventually
from nasfleet_testing.release import CRDS, OURS_ARE_THERE, Release, values, write_files


@pytest.fixture
def other_namespaces(control_plane: ControlPlane) -> None:
    for name in ("vision", "speech"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        control_plane.do("apply", "--filename=-", stdin=json.dumps(namespace))


@pytest.mark.usefixtures("resources", "other_namespaces")
@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_api_server_takes_every_rendering_without_a_warning(
    control_plane: ControlPlane, helm: Helm, restricted: str, name: str
) -> None:
    rendered = helm.template(VALUE_SETS[name], namespace=restricted)
    # Pods would want service accounts that are there: the test below has them. The resources take their time: once is enough.
    asked = [one for one in rendered if one["kind"] != "Pod"]
    if name != "defaults":
        asked = [one for one in asked if one["kind"] != "CustomResourceDefinition"]
    arguments = ("--dry-run=server", "--server-side", "--force-conflicts", "--validate=strict", "--filename=-")
    done = control_plane.kubectl("apply", *arguments, stdin=yaml.safe_dump_all(asked))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_pod_meets_the_restricted_level(control_plane: ControlPlane, helm: Helm, restricted: str, name: str) -> None:
    pods = [
        _pod(number, one) for number, one in enumerate(pod_templates(helm.template(VALUE_SETS[name], namespace=restricted)))
    ]
    assert pods
    where = f"--namespace={restricted}"
    control_plane.do("create", "--dry-run=server", where, "--filename=-", stdin=yaml.safe_dump_all(pods))


def _pod(number: int, template: dict[str, Any]) -> dict[str, Any]:
    """Return a pod of a template: of no service account, since none is there, with the volume that its StatefulSet adds."""
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    named = {volume["name"] for volume in spec["volumes"]}
    mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
    spec["volumes"] = [*spec["volumes"], *({"name": name, "emptyDir": {}} for name in sorted(mounted - named))]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{number}"}, "spec": spec}


def test_installed_upgraded_and_removed(release: Release, control_plane: ControlPlane, tmp_path: Path) -> None:
    control_plane.do("delete", "crd", *CRDS, "--ignore-not-found", "--wait")
    said = release.install()
    assert f"kubectl rollout status statefulset/nasfleet-controller --namespace {release.namespace}" in said
    assert f"--service {release.namespace}/nasfleet-controller:50051" in said
    made = release.get("secret", "nasfleet-controller-tls")
    assert (
        values(made)["ca.crt"].decode().strip() == release.get("configmap", "nasfleet-controller-ca")["data"]["ca.crt"].strip()
    )
    write_files(made, tmp_path)
    for name in (f"nasfleet-controller.{release.namespace}.svc", "localhost", "127.0.0.1"):
        handshake(tmp_path, name)
    eventually(lambda: release.names("pvc") == ["state-nasfleet-controller-0"], "the claim of the controller")
    eventually(lambda: release.names("pods"), "pods, that the level `restricted` lets in")

    # The second time the resources are there, so that a pool can be; all else stays as it was, the certificate above all.
    uid = release.get("statefulset", "nasfleet-controller")["metadata"]["uid"]
    release.upgrade(trainers={"pool": {"enabled": True, "spec": {"gpus": 0}}})
    assert release.get("secret", "nasfleet-controller-tls")["data"] == made["data"]
    assert release.get("statefulset", "nasfleet-controller")["metadata"]["uid"] == uid
    assert release.names("trainerpools") == ["default"]

    # `kubectl scale` is not undone by an upgrade.
    control_plane.do("scale", "trainerpool/default", "--replicas=7", f"--namespace={release.namespace}")
    release.upgrade(trainers={"pool": {"enabled": True, "spec": {"gpus": 0, "cpu": "2"}}})
    pool = release.get("trainerpool", "default")["spec"]
    assert (pool["replicas"], pool["cpu"]) == (7, "2")

    release.uninstall()
    assert release.names("statefulsets") == release.names("deployments") == release.names("secrets") == []
    assert release.names("pvc") == ["state-nasfleet-controller-0"]
    assert len(control_plane.do("get", "crd", *CRDS, "--output=name").splitlines()) == len(CRDS)

    # With what was left behind; but this time nothing is to be.
    release.install(crds={"keep": False})
    assert release.get("secret", "nasfleet-controller-tls")["data"] != made["data"]
    release.uninstall()
    left = ("get", "crd", *CRDS, "--ignore-not-found", "--output=name")
    eventually(lambda: control_plane.do(*left) == "", "an end of the resources")


@pytest.mark.usefixtures("resources")
def test_an_upgrade_finds_the_authority_that_cert_manager_made(release: Release, control_plane: ControlPlane) -> None:
    said = release.install(tls={"mode": "certManager"}, crds=OURS_ARE_THERE)
    assert "Once cert-manager has made the certificate, upgrade once more" in said
    assert release.names("configmaps").count("nasfleet-controller-ca") == 0
    files = ("--from-literal=ca.crt=authority", "--from-literal=tls.crt=one", "--from-literal=tls.key=two")
    control_plane.do("create", "secret", "generic", "nasfleet-controller-tls", f"--namespace={release.namespace}", *files)
    release.upgrade(tls={"mode": "certManager"}, crds=OURS_ARE_THERE)
    assert release.get("configmap", "nasfleet-controller-ca")["data"]["ca.crt"] == "authority"


@pytest.mark.usefixtures("resources")
def test_who_may_view_a_namespace_may_see_its_searches_and_who_may_edit_it_may_change_them(
    release: Release, control_plane: ControlPlane
) -> None:
    release.install(crds=OURS_ARE_THERE)
    where = f"--namespace={release.namespace}"
    for name in ("view", "edit"):
        control_plane.do("create", "serviceaccount", f"may-{name}", where)
        account = f"--serviceaccount={release.namespace}:may-{name}"
        control_plane.do("create", "rolebinding", f"may-{name}", f"--clusterrole={name}", account, where)

    def may(account: str, verb: str, resource: str) -> bool:
        who = f"--as=system:serviceaccount:{release.namespace}:may-{account}"
        return control_plane.kubectl("auth", "can-i", verb, resource, who, where).returncode == 0

    eventually(lambda: may("view", "watch", "architecturesearches.nasfleet.dev"), "roles that are put together")
    eventually(lambda: may("edit", "delete", "trainerpools.nasfleet.dev"), "roles that are put together")
    assert may("edit", "patch", "trainerpools.nasfleet.dev/scale")
    assert not may("view", "delete", "architecturesearches.nasfleet.dev")

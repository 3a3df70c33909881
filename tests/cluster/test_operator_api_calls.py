"""What the operator asks of the API server, under its own role: what is refused, gone, taken or changed meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasfleet.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, UnavailableError
from nasfleet_operator.cluster import KubernetesCluster
from nasfleet_operator.execution import refusal_kind
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.kinds import DEPLOYMENTS, EVENTS, PODS, POOLS, SEARCHES
from nasfleet_operator.kubernetes_objects import FINALIZER, read_identity
from nasfleet_operator.plan import Announce, EventKind, Identity
from nasfleet_testing.control_plane import ControlPlane, write_kubeconfig
from nasfleet_testing.operators import Namespace, pool, search
from nasfleet_testing.stepped_operators import api_server, operator_config

CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Testing",
    "message": "",
    "lastTransitionTime": "2026-01-31T12:00:00Z",
    "observedGeneration": 1,
}


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Namespace:
    return Namespace(control_plane, namespace)


@pytest.fixture
async def cluster(operator_account: Path, namespace: str) -> AsyncIterator[KubernetesCluster]:
    async with api_server(operator_config(operator_account)) as server:
        yield KubernetesCluster(server, (namespace,))


def applied(space: Namespace, document: dict[str, Any]) -> Identity:
    space.apply(document)
    return read_identity(space.get(document["kind"], document["metadata"]["name"]))


def deployment(space: Namespace, **spec: Any) -> dict[str, Any]:
    labels = {"nasfleet.dev/pool": "one"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "one", "image": "one"}]}}
    about = {"name": "one-trainers", "namespace": space.name, "labels": labels}
    whole = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template} | spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": whole}


async def test_applying_makes_and_changes_and_leaves_what_it_does_not_say(space: Namespace, cluster: KubernetesCluster) -> None:
    await cluster.apply(deployment(space))
    space.kubectl("annotate", "deployment/one-trainers", "team=vision")
    answer = await cluster.apply(deployment(space, paused=True))
    assert answer["spec"]["paused"] is True
    assert answer["metadata"]["annotations"]["team"] == "vision"
    assert "paused" not in (await cluster.apply(deployment(space)))["spec"]
    assert [item["kind"] async for page in cluster.list(DEPLOYMENTS) for item in page.items] == ["Deployment"]


@pytest.mark.parametrize(
    ("spec", "named"), [({"replicas": -1}, "spec.replicas"), ({"replica": 1}, "replica"), ({"replicas": "many"}, "replicas")]
)
async def test_what_the_api_server_refuses_is_told_in_its_words(
    space: Namespace, cluster: KubernetesCluster, spec: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidInputError, match=named):
        await cluster.apply(deployment(space, **spec))


async def test_what_the_role_does_not_allow_is_refused(cluster: KubernetesCluster, space: Namespace) -> None:
    with pytest.raises(ForbiddenError, match="forbidden"):
        await cluster.get(POOLS, space.name, "one")  # pools are watched, none is ever asked for


async def test_it_is_the_operators_trouble_and_not_the_templates_if_it_has_no_right(
    control_plane: ControlPlane, space: Namespace
) -> None:
    async with api_server(operator_config(control_plane.service_account(space.name, "default"))) as server:
        with pytest.raises(ForbiddenError, match="cannot patch resource") as refused:
            await KubernetesCluster(server, (space.name,)).apply(deployment(space))
    assert refusal_kind(refused.value) is FailureKind.OPERATOR_FORBIDDEN


async def test_an_admission_rule_that_denies_what_is_applied_is_told_as_the_templates_trouble(
    space: Namespace, cluster: KubernetesCluster
) -> None:
    name, about = f"no-{space.name}", {"apiVersion": "admissionregistration.k8s.io/v1"}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}}}
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    denial = {"expression": "false", "reason": "Forbidden", "message": "not on a Friday"}
    policy = {"matchConstraints": {"resourceRules": [rule]}, "validations": [denial], "failurePolicy": "Fail"}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    space.apply(about | {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy})
    space.apply(about | {"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding})
    try:
        refused = await _eventually_forbidden(cluster, space)
    finally:
        space.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)
    assert "not on a Friday" in str(refused)
    assert refusal_kind(refused) is FailureKind.TEMPLATE_REFUSED


async def _eventually_forbidden(cluster: KubernetesCluster, space: Namespace) -> ForbiddenError:
    """Apply until it is refused: a policy holds soon after it is made, not at once."""
    for number in range(100):
        manifest = deployment(space)
        manifest["metadata"]["name"] = f"try-{number}"
        try:
            await cluster.apply(manifest)
        except ForbiddenError as error:
            return error
        await asyncio.sleep(0.1)
    pytest.fail("the policy never held")


async def test_a_status_is_replaced_as_a_whole_and_only_that_of_the_very_object(
    space: Namespace, cluster: KubernetesCluster
) -> None:
    target = applied(space, pool("one"))
    await cluster.write_status(target, {"replicas": 1, "readyReplicas": 1, "conditions": [CONDITION]})
    answer = await cluster.write_status(target, {"replicas": 2, "conditions": [CONDITION]})
    assert answer is not None
    assert answer["status"] == {"replicas": 2, "conditions": [CONDITION]}
    former = Identity(target.api_version, target.kind, target.namespace, target.name, "another-uid")
    with pytest.raises(InvalidInputError):
        await cluster.write_status(former, {"replicas": 3})
    assert space.get("trainerpool", "one")["status"]["replicas"] == 2


async def test_writing_to_what_is_gone_is_no_error(space: Namespace, cluster: KubernetesCluster) -> None:
    target = applied(space, search("gone"))
    space.kubectl("delete", "architecturesearch", "gone")
    assert await cluster.write_status(target, {}) is None
    assert await cluster.set_finalizer(target, present=False) is None
    assert await cluster.set_deletion_cost(space.name, "gone", 1) is None
    assert await cluster.get(DEPLOYMENTS, space.name, "gone") is None
    await cluster.set_replicas(replace(target, kind="TrainerPool"), 0, 1)


async def test_our_finalizer_comes_and_goes_and_those_of_others_stay(space: Namespace, cluster: KubernetesCluster) -> None:
    document = search("kept")
    document["metadata"]["finalizers"] = ["example.org/other"]
    target = applied(space, document)
    for _ in range(2):
        answer = await cluster.set_finalizer(target, present=True)
        assert answer is not None
        assert answer["metadata"]["finalizers"] == ["example.org/other", FINALIZER]
    answer = await cluster.set_finalizer(target, present=False)
    assert answer is not None
    assert answer["metadata"]["finalizers"] == ["example.org/other"]
    space.kubectl("patch", "architecturesearch", "kept", "--type=merge", "--patch", '{"metadata": {"finalizers": []}}')


async def test_an_event_is_made_once(space: Namespace, cluster: KubernetesCluster) -> None:
    target = applied(space, pool("one"))
    event = Announce("one.0123", target, EventKind.WARNING, "Testing", "so that people know" * 100)
    await cluster.announce(event)
    await cluster.announce(event)
    found = [one for one in space.get("events.events.k8s.io") if one["metadata"]["name"] == "one.0123"]
    assert [(one["type"], one["reason"], one["regarding"]["uid"]) for one in found] == [("Warning", "Testing", target.uid)]


async def test_pools_are_scaled_and_pods_made_dear(space: Namespace, cluster: KubernetesCluster) -> None:
    target = applied(space, pool("one"))
    for before, after in ((1, 7), (7, 0), (0, 3)):
        await cluster.set_replicas(target, before, after)
        assert space.get("trainerpool", "one")["spec"]["replicas"] == after
    about = {"name": "dear", "labels": {"nasfleet.dev/pool": "one"}, "annotations": {"team": "vision"}}
    containers = {"containers": [{"name": "one", "image": "one"}]}
    space.apply({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": containers})
    answer = await cluster.set_deletion_cost(space.name, "dear", -3)
    assert answer is not None
    assert answer["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"] == "-3"
    assert answer["metadata"]["annotations"]["team"] == "vision"


async def test_a_size_that_somebody_else_has_written_is_not_overwritten(space: Namespace, cluster: KubernetesCluster) -> None:
    target = applied(space, pool("one", replicas=2))
    space.kubectl("scale", "trainerpool/one", "--replicas=10")
    for before, pool_then in ((2, target), (0, target), (10, replace(target, uid="another-uid"))):
        with pytest.raises(ConflictError, match="no longer wants"):
            await cluster.set_replicas(pool_then, before, 5)
    assert space.get("trainerpool", "one")["spec"]["replicas"] == 10


async def test_long_lists_come_page_after_page_as_of_one_moment(
    space: Namespace, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nasfleet_operator.cluster.PAGE", 2)
    space.apply(*(pool(f"pool-{number}", replicas=0) for number in range(5)))
    pages = [page async for page in cluster.list(POOLS)]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert len({page.version for page in pages}) == 1
    assert [page.items async for page in cluster.list(PODS)] == [()]
    assert [page.items async for page in cluster.list(SEARCHES)] == [()]


async def test_a_namespace_that_is_not_there_and_a_server_that_does_not_answer_are_told_apart(
    space: Namespace, cluster: KubernetesCluster, control_plane: ControlPlane, tmp_path: Path
) -> None:
    nowhere = deployment(space)
    nowhere["metadata"]["namespace"] = "nowhere"
    with pytest.raises(NotFoundError):
        await cluster.apply(nowhere)
    file = tmp_path / "kubeconfig"
    write_kubeconfig(file, "127.0.0.1:1", control_plane.folder / "pki" / "ca.crt", "token")
    async with api_server(operator_config(file)) as server:
        with pytest.raises(UnavailableError, match="does not answer get deployments"):
            await KubernetesCluster(server, (None,)).get(DEPLOYMENTS, space.name, "one")
    assert EVENTS.path("a", "b", "c") == "/apis/events.k8s.io/v1/namespaces/a/events/b/c"

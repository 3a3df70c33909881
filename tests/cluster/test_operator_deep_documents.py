"""A document nested deeper than anybody can read: the operator lives, tells its owner, serves the others, and starts again."""

import json
from itertools import product
from pathlib import Path

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, operator, pool, search
from nasfleet_testing.processes import eventually

NOWHERE = "127.0.0.1:1"
DEPTHS = (300, 1500)
FAULT = "is nested more than 30 levels deep"


def deep(document: dict[str, object], levels: int) -> str:
    """Return a document in JSON with lists so deep in the place of HERE."""
    return json.dumps(document).replace('"HERE"', "[" * levels + "1" + "]" * levels)


def test_deep_documents_end_nobody(control_plane: ControlPlane, operator_account: Path, namespace: str, tmp_path: Path) -> None:
    space = Namespace(control_plane, namespace)
    with operator(control_plane, operator_account, NOWHERE, tmp_path / "first.log", "--namespaces", namespace) as running:
        for levels in DEPTHS:
            name, parameters = f"deep-{levels}", {"x": "HERE"}
            lost = search(name, searchSpace={"plugin": {"object": "a:b", "parameters": parameters}})
            for document in (lost, pool(name, template={"spec": parameters}, replicas=0)):
                space.kubectl("create", "--filename=-", stdin=deep(document, levels))
        for kind, levels in product(("architecturesearch", "trainerpool"), DEPTHS):
            eventually(lambda kind=kind, levels=levels: is_told(space, kind, f"deep-{levels}"), f"{kind} {levels} told of")
        space.apply(pool("other", replicas=0), search("other"))
        space.eventually_condition("trainerpool", "other", "Degraded", "True", "ControllerUnavailable")
        eventually(lambda: bool(space.condition("architecturesearch", "other", "Ready")), "the other search's status")
        assert running.process.terminate() == 0
        assert "RecursionError" not in running.process.log
    space.kubectl("patch", "architecturesearch/other", "--subresource=status", "--type=merge", "--patch", '{"status": null}')
    with operator(control_plane, operator_account, NOWHERE, tmp_path / "second.log", "--namespaces", namespace) as running:
        eventually(lambda: bool(space.condition("architecturesearch", "other", "Ready")), "its status again")
        space.kubectl("scale", "trainerpool/other", "--replicas=2")
        eventually(lambda: space.get("deployment", "other-trainers")["spec"]["replicas"] == 2, "the change, as it was watched")
        space.kubectl("delete", "trainerpool,architecturesearch", f"deep-{DEPTHS[-1]}", "--wait=false")
        eventually(lambda: space.get("trainerpool", f"deep-{DEPTHS[-1]}") is None, "the deep pool gone")
        assert running.process.terminate() == 0
        assert "RecursionError" not in running.process.log


def is_told(space: Namespace, kind: str, name: str) -> bool:
    """Return whether the owner of a deep document is told what is wrong."""
    # Not the object as a whole, which no reader of ours can read either.
    said = space.kubectl("get", kind, name, "--output=jsonpath={.status.conditions}")
    return any(FAULT in one["message"] for one in json.loads(said or "[]") if one["reason"] == "InvalidSpec")

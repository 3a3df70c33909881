"""What people see and do with kubectl: explain, get, scale and apply."""

import json
from pathlib import Path

import pytest

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.processes import eventually

_DIGITS = Path(__file__).parents[2] / "examples" / "digits.yaml"
_POOL = """\
apiVersion: nasfleet.dev/v1alpha1
kind: TrainerPool
metadata: {name: gpu, labels: {gpu: h200}}
spec: {slots: 1}
"""
_NOW = "2026-01-01T00:00:00Z"


def _explained(control_plane: ControlPlane, path: str) -> str:
    # The API server publishes a schema a moment after it begins to serve it.
    eventually(lambda: control_plane.kubectl("explain", path).returncode == 0, f"an explanation of {path}")
    return " ".join(control_plane.do("explain", path).split())


def _condition(kind: str, reason: str) -> dict[str, object]:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": "as it is:\nwell",
        "lastTransitionTime": _NOW,
        "observedGeneration": 1,
    }


def _report(control_plane: ControlPlane, namespace: str, resource: str, status: dict[str, object]) -> str:
    patch = ("patch", resource, f"--namespace={namespace}", "--subresource=status", "--type=merge")
    control_plane.do(*patch, f"--patch={json.dumps({'status': status})}")
    return control_plane.do("get", resource, f"--namespace={namespace}", "--output=wide")


def test_a_strategy_is_explained_with_bounds_defaults_and_sources(control_plane: ControlPlane, resources: None) -> None:
    text = _explained(control_plane, "nas.spec.strategy.reinforce")

    assert "A recurrent policy trained with the policy gradient; by default exactly as in the paper." in text
    assert (
        "learningRate <number> Step size of Adam. Greater than 0 and at most 1. Default 0.0006. "
        "Source: Zoph & Le 2016, section 4.1."
    ) in text
    assert "enum: Together, Arrival" in text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nas", "What a search is: the space, how it is searched, how networks are trained"),
        ("nas.spec.strategy", "Exactly one of reinforce, random, exhaustive, evolution, grid, bayesian."),
        ("nas.spec.searchSpace", "Exactly one of convChain, choices, plugin, recurrentCell, mlp."),
        ("nas.spec.budget.trials", "Trials that settle, whatever came of them. Unit: trials. From 1 to 1,000,000,000."),
        ("nas.status.conditions", "One aspect of the present state"),
        ("tp", "What a trainer pool is: how many trainers of one kind, where they run and what each has."),
        ("tp.spec.replicas", "Leave it out of files that are applied"),
        ("tp.spec.tolerations.effect", "NoExecute: Also evicts those that run."),
    ],
)
def test_a_field_is_explained(control_plane: ControlPlane, resources: None, path: str, sentence: str) -> None:
    assert sentence in _explained(control_plane, path)


def test_searches_are_shown_by_state_progress_and_best_reward(
    control_plane: ControlPlane, resources: None, namespace: str
) -> None:
    control_plane.do("apply", f"--namespace={namespace}", f"--filename={_DIGITS}")
    conditions = [_condition("Progressing", "Trials"), _condition("Ready", "Running")]
    status = {"progress": "12/200", "bestReward": 0.9134, "bestTrial": 7, "trainerHours": 1.5, "conditions": conditions}

    header, row = _report(control_plane, namespace, "nas/digits", status).splitlines()

    assert header.split("  ")[0] == "NAME"
    assert [name.strip() for name in header.split("  ") if name] == [
        "NAME", "STATE", "TRIALS", "BEST", "BEST TRIAL", "TRAINER HOURS", "AGE"
    ]  # fmt: skip
    assert row.split()[:6] == ["digits", "Running", "12/200", "0.9134", "7", "1.5"]


def test_pools_are_shown_by_what_is_wanted_ready_and_busy(control_plane: ControlPlane, resources: None, namespace: str) -> None:
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=_POOL)
    status = {"readyReplicas": 3, "busyTrainers": 2, "conditions": [_condition("Ready", "Available")]}

    header, row = _report(control_plane, namespace, "tp/gpu", status).splitlines()

    assert header.split() == ["NAME", "DESIRED", "READY", "BUSY", "STATE", "IMAGE", "AGE"]
    assert row.split()[:5] == ["gpu", "1", "3", "2", "Available"]


def test_both_kinds_are_of_one_category(control_plane: ControlPlane, resources: None, namespace: str) -> None:
    control_plane.do("apply", f"--namespace={namespace}", f"--filename={_DIGITS}")
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=_POOL)

    names = control_plane.do("get", "nasfleet", f"--namespace={namespace}", "--output=name").split()

    assert sorted(names) == ["architecturesearch.nasfleet.dev/digits", "trainerpool.nasfleet.dev/gpu"]


@pytest.mark.parametrize("server_side", ["false", "true"])
def test_applying_a_pool_again_does_not_undo_its_scale(
    control_plane: ControlPlane, resources: None, namespace: str, server_side: str
) -> None:
    apply = ("apply", f"--server-side={server_side}", f"--namespace={namespace}", "--filename=-")
    control_plane.do(*apply, stdin=_POOL)

    control_plane.do("scale", "tp/gpu", "--replicas=400", f"--namespace={namespace}")
    control_plane.do(*apply, stdin=_POOL.replace("slots: 1", "slots: 2"))

    spec = json.loads(control_plane.do("get", "tp", "gpu", f"--namespace={namespace}", "--output=json"))["spec"]
    assert (spec["replicas"], spec["slots"]) == (400, 2)


def test_an_autoscaler_finds_replicas_and_selector_in_the_scale_subresource(
    control_plane: ControlPlane, resources: None, namespace: str
) -> None:
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=_POOL)
    _report(control_plane, namespace, "tp/gpu", {"replicas": 1, "selector": "nasfleet.dev/pool=gpu"})

    path = f"/apis/nasfleet.dev/v1alpha1/namespaces/{namespace}/trainerpools/gpu/scale"
    scale = json.loads(control_plane.do("get", "--raw", path))

    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 1, "selector": "nasfleet.dev/pool=gpu"}


def test_a_status_is_written_by_its_subresource_alone(control_plane: ControlPlane, resources: None, namespace: str) -> None:
    pool = _POOL + "status: {replicas: 7}\n"

    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=pool)

    assert "status" not in json.loads(control_plane.do("get", "tp", "gpu", f"--namespace={namespace}", "--output=json"))


def test_what_is_no_status_is_refused(control_plane: ControlPlane, resources: None, namespace: str) -> None:
    control_plane.do("apply", f"--namespace={namespace}", "--filename=-", stdin=_POOL)
    twice = json.dumps({"status": {"conditions": [_condition("Ready", "One"), _condition("Ready", "Two")]}})

    patch = ("patch", "tp/gpu", f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={twice}")
    done = control_plane.kubectl(*patch)

    assert 'status.conditions[1]: Duplicate value: {"type":"Ready"}' in done.stderr

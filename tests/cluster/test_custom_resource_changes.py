"""What may not change after the start of a search the API server keeps as it was; everything else may change."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings

from nasfleet.catalogue import InvalidParametersError
from nasfleet.catalogue.openapi import FROZEN
from nasfleet.document import changes, search_from_data
from nasfleet_testing.altered_documents import altered_documents
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.documents import PAPER, changed
from nasfleet_testing.stored_resources import Resources, connected, refusal_of

_SPACE = "    convChain: {layers: 6, skipConnections: true, strides: false}\n"
_GROWTH = "    growth: {layers: 2, everyTrials: 1600, maxLayers: 20}\n"
_CHOICES = "    choices: {decisions: [{name: a, options: [x, 1]}, {name: b, options: [2.5]}]}\n"
_PLUGIN = "    plugin: {object: 'mine:space', parameters: {nodes: 4, kinds: [a, b]}}\n"
_LEARNING_RATE = "learningRate: 6e-4"
_SPACES = {
    "chain": PAPER,
    "fixed": changed((_GROWTH, "")),
    "choices": changed((_SPACE + _GROWTH, _CHOICES)),
    "plugin": changed((_SPACE + _GROWTH, _PLUGIN)),
}

# The document that is there, what is replaced in it by what, and the field that is named.
_REFUSED = {
    "number": ("chain", "layers: 6", "layers: 7", "spec.searchSpace.convChain.layers"),
    "truth": ("chain", "strides: false", "strides: true", "spec.searchSpace.convChain.strides"),
    "defaulted-list": ("chain", "layers: 6", "layers: 6, filterHeights: [1, 3]", "spec.searchSpace.convChain.filterHeights"),
    "growth": ("chain", "everyTrials: 1600", "everyTrials: 800", "spec.searchSpace.growth.everyTrials"),
    "growth-taken-away": ("chain", _GROWTH, "", "spec.searchSpace.growth"),
    "growth-added": ("fixed", _SPACE, _SPACE + _GROWTH, "spec.searchSpace.growth"),
    "another-space": ("fixed", _SPACE, _CHOICES, "spec.searchSpace"),
    "options": ("choices", "[2.5]", "[2.5, 3]", "spec.searchSpace.choices.decisions"),
    "order-of-decisions": (
        "choices",
        "{name: a, options: [x, 1]}, {name: b, options: [2.5]}",
        "{name: b, options: [2.5]}, {name: a, options: [x, 1]}",
        "spec.searchSpace.choices.decisions",
    ),
    "parameters-of-a-plugin": ("plugin", "nodes: 4", "nodes: 5", "spec.searchSpace.plugin.parameters"),
    "list-in-parameters": ("plugin", "kinds: [a, b]", "kinds: [b, a]", "spec.searchSpace.plugin.parameters"),
    "step-size": ("chain", _LEARNING_RATE, "learningRate: 1e-3", "spec.strategy.reinforce.learningRate"),
    "optional-added": ("chain", _LEARNING_RATE, f"{_LEARNING_RATE}, gradientClip: 1", "spec.strategy.reinforce.gradientClip"),
    "another-strategy": (
        "chain",
        "reinforce: {learningRate: 6e-4, baselineDecay: 0.95, batchSize: 8}",
        "random: {}",
        "spec.strategy",
    ),
    "data-set": ("chain", "dataset: cifar10", "dataset: digits", "spec.task.imageClassification.dataset"),
    "reward": ("chain", "{epochs: 5}", "{epochs: 4}", "spec.reward.bestOfLastEpochsCubed.epochs"),
    "seed": ("chain", "seed: 1", "seed: 2", "spec.seed"),
    "artifacts-added": ("chain", "seed: 1", "seed: 1\n  artifacts: models", "spec.artifacts"),
}
_ALLOWED = {
    "trials": ("trials: 12800", "trials: 20"),
    "limit-taken-away": (", targetReward: 0.9", ""),
    "limit-added": ("trials: 12800", "trials: 12800, duration: 60"),
    "parallelism": ("parallelism: 800", "parallelism: 8"),
    "suspend": ("seed: 1", "seed: 1\n  suspend: true"),
    "retries": ("seed: 1", "seed: 1\n  trial: {retries: {lost: 3}}"),
    "selector-taken-away": ("  trainerPoolSelector: {matchLabels: {gpu: h200}}\n", ""),
    "another-selector": ("{gpu: h200}", "{gpu: h100}"),
    "weights": ("seed: 1", "seed: 1\n  weights: All"),
}


@pytest.fixture(scope="module")
def started(control_plane: ControlPlane, resources: None) -> Iterator[str]:
    """A namespace in which each of the searches has started, under the name of its space."""
    namespace = "custom-resource-changes"
    control_plane.do("create", "namespace", namespace)
    for name in _SPACES:
        control_plane.do("apply", "--validate=strict", f"--namespace={namespace}", "--filename=-", stdin=_search(name))
    yield namespace
    control_plane.do("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def searches(control_plane: ControlPlane, started: str) -> Resources:
    return connected(control_plane, started)


def _search(name: str, *replacements: tuple[str, str]) -> str:
    return changed(("cifar10-conv", name), *replacements, text=_SPACES[name])


def _apply(control_plane: ControlPlane, namespace: str, search: str) -> str:
    """Return what is said against a change that is tried, empty if nothing."""
    flags = ("--validate=strict", "--dry-run=server", f"--namespace={namespace}", "--filename=-")
    done = control_plane.kubectl("apply", *flags, stdin=search)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(("name", "old", "new", "field"), _REFUSED.values(), ids=_REFUSED)
def test_what_may_not_change_is_named(
    control_plane: ControlPlane, started: str, name: str, old: str, new: str, field: str
) -> None:
    refusal = _apply(control_plane, started, _search(name, (old, new)))

    assert any(f"{field}: " in line and FROZEN in line for line in refusal.splitlines()), refusal


@pytest.mark.parametrize(("old", "new"), _ALLOWED.values(), ids=_ALLOWED)
def test_what_may_change_is_changed(control_plane: ControlPlane, started: str, old: str, new: str) -> None:
    assert not _apply(control_plane, started, _search("chain", (old, new)))


@pytest.mark.parametrize("name", _SPACES)
def test_a_search_may_be_declared_again(control_plane: ControlPlane, started: str, name: str) -> None:
    assert not _apply(control_plane, started, _search(name))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(altered=altered_documents())
def test_the_api_server_and_the_controller_refuse_the_same_changes(
    searches: Resources, altered: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    before, after = altered
    try:
        _, refused = changes(search_from_data(before).spec, search_from_data(after).spec)
    except InvalidParametersError:
        reject()
    kept = searches.create({**before, "metadata": {"generateName": "altered-"}})
    try:
        refusal = refusal_of(searches.replace, kept, after["spec"], dry=True)
    finally:
        searches.delete(kept)

    assert bool(refusal) == bool(refused), refusal or refused

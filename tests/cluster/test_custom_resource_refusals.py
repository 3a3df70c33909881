"""What `nasfleet run` refuses the API server refuses too, naming the field; trainer pools are refused in the same words."""
# ruff: noqa: E501 -- tables, one case to a line

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from nasfleet.catalogue import InvalidParametersError
from nasfleet.catalogue.fields import Kind, fields_of
from nasfleet.catalogue.pool import TrainerPool
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.search import ArchitectureSearch
from nasfleet.document import pool_from_data
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.documents import changed
from nasfleet_testing.malformed_documents import MALFORMED

_KEY = "has a key that no label has: give each key as a name like example.com/name, of at most 63 characters behind a domain of at most 253"
_VALUE = (
    "give text of at most 63 characters, letters, digits, hyphens, underscores and points, with a letter or digit at both ends"
)
_LONG_DOMAIN = ".".join(["d" * 61] * 4)

# The field that the API server names, and what it says about it.
_SAID = {
    "unknown-field": ("spec.strategy.reinforce.learningrat", "unknown field"),
    "snake-case": ("spec.strategy.reinforce.learning_rate", "unknown field"),
    "unknown-field-of-spec": ("spec.speed", "unknown field"),
    "unknown-field-far-from-all": ("spec.reward.bestOfLastEpochsCubed.qqq", "unknown field"),
    "unknown-strategy": ("spec.strategy.reenforce", "unknown field"),
    "not-served-field": ("spec.finalTraining", "unknown field"),
    "not-served-strategy": ("spec.strategy.enas", "unknown field"),
    "not-served-space": ("spec.searchSpace.enasMacro", "unknown field"),
    "two-strategies": ("spec.strategy", "give exactly one of reinforce, random, exhaustive, evolution, grid, bayesian"),
    "no-strategy": ("spec.strategy", "give exactly one of reinforce, random, exhaustive, evolution, grid, bayesian"),
    "strategy-as-text": ("spec.strategy", "must be of type object"),
    "strategy-as-list": ("spec.strategy", "must be of type object"),
    "empty-block": ("spec.strategy", "give exactly one of reinforce, random, exhaustive, evolution, grid, bayesian"),
    "growth-without-space": ("spec.searchSpace", "give exactly one of convChain, choices, plugin, recurrentCell, mlp"),
    "missing-section": ("spec.task", "Required value"),
    "missing-trials": ("spec.budget.trials", "Required value"),
    "name-no-label": ("metadata.name", "give text of 1 to 63 characters, lower-case letters, digits and hyphens, with a letter or digit at both ends"),
    "too-large": ("spec.searchSpace.convChain.layers", "should be less than or equal to 64"),
    "negative": ("spec.parallelism", "should be greater than or equal to 1"),
    "zero-step": ("spec.strategy.reinforce.learningRate", "should be greater than 0"),
    "number-in-quotes": ("spec.strategy.reinforce.learningRate", "must be of type number"),
    "truth-for-number": ("spec.task.imageClassification.epochs", "must be of type integer"),
    "number-for-truth": ("spec.searchSpace.convChain.strides", "must be of type boolean"),
    "number-for-label": ("spec.trainerPoolSelector.matchLabels.gpu", "must be of type string"),
    "label-key-with-a-space": ("spec.trainerPoolSelector.matchLabels", _KEY),
    "label-key-of-three-parts": ("spec.trainerPoolSelector.matchLabels", _KEY),
    "label-key-without-a-name": ("spec.trainerPoolSelector.matchLabels", _KEY),
    "label-key-that-is-empty": ("spec.trainerPoolSelector.matchLabels", _KEY),
    "label-key-too-long": ("spec.trainerPoolSelector.matchLabels", _KEY),
    "label-key-of-too-long-a-domain": ("spec.trainerPoolSelector.matchLabels", _KEY),
    "label-value-with-a-space": ("spec.trainerPoolSelector.matchLabels[gpu]", _VALUE),
    "label-value-that-ends-with-a-point": ("spec.trainerPoolSelector.matchLabels.gpu", "should match"),
    "label-value-too-long": ("spec.trainerPoolSelector.matchLabels.gpu", "Too long: may not be more than 63 bytes"),
    "unknown-dataset": ("spec.task.imageClassification.dataset", 'Unsupported value: "mnist": supported values: "digits", "cifar10", "folder"'),
    "enumeration-in-lower-case": ("spec.weights", 'Unsupported value: "best": supported values: "None", "Best", "All"'),
    "scalar-for-list": ("spec.searchSpace.convChain.filterHeights", "must be of type array"),
    "empty-list": ("spec.searchSpace.convChain.filterHeights", "should have at least 1 items"),
    "entry-out-of-bounds": ("spec.searchSpace.convChain.filterHeights[1]", "should be less than or equal to 31"),
    "entry-twice": ("spec.searchSpace.convChain.filterHeights", "has an entry twice: give each entry once"),
    "map-for-scalar": ("spec.seed.a", "unknown field"),
    "plugin-without-object": ("spec.task.plugin.object", "give text of at most 255 characters, package.module:object"),
    "growth-too-short": ("spec.searchSpace.growth.maxLayers", "is less than convChain.layers: give at least as many, or fewer layers"),
    "growth-of-choices": ("spec.searchSpace.growth", "is given with a space that has no layers: remove it, or search a convChain or a recurrentCell"),
    "cell-index-out-of-range": ("spec.searchSpace.recurrentCell.cell.stateFrom", "names no node: nodes count from 0, so give less than their number"),
    "cell-of-another-base": ("spec.searchSpace.recurrentCell.cell.nodes", "has not 2 * base - 1 nodes: give as many, or the base that fits"),
    "cell-with-an-operation-left-out": ("spec.searchSpace.recurrentCell.activations", "leaves out an activation of the cell: add it"),
    "cell-with-a-combination-left-out": ("spec.searchSpace.recurrentCell.combinations", "leaves out a combination of the cell: add it"),
    "growth-of-one-cell": ("spec.searchSpace.growth", "is given with one cell only, which cannot grow: remove one of them"),
    "growth-to-a-smaller-base": ("spec.searchSpace.growth.maxLayers", "is less than recurrentCell.base: give at least as many, or a smaller base"),
    "unknown-combination": ("spec.searchSpace.recurrentCell.combinations[0]", 'Unsupported value: "mean": supported values: "add", "elemMult", "max"'),
    "file-of-a-corpus-without-files": ("spec.task.languageModeling.trainingFile", "goes with corpus files, and corpus files with it: give both or none"),
    "files-without-a-file": ("spec.task.languageModeling.validationFile", "goes with corpus files, and corpus files with it: give both or none"),
    "reward-that-grows-with-the-perplexity": ("spec.reward.bestOfLastEpochsCubed", "grows with the perplexity that languageModeling measures, of which less is better: give inverseSquaredPerplexity, inversePerplexity or negativeError"),
    "reward-of-a-text-left-out": ("spec.reward.accuracy", "grows with the perplexity that languageModeling measures, of which less is better: give inverseSquaredPerplexity, inversePerplexity or negativeError"),
    "reward-that-falls-with-the-accuracy": ("spec.reward.negativeError", "falls with the accuracy that imageClassification measures, of which more is better: give accuracy or bestOfLastEpochsCubed"),
    "perplexity-of-images": ("spec.reward.inversePerplexity", "falls with the accuracy that imageClassification measures, of which more is better: give accuracy or bestOfLastEpochsCubed"),
    "perplexity-of-a-lander": ("spec.reward.inverseSquaredPerplexity", "falls with the score that lunarLander measures, of which more is better: give accuracy or bestOfLastEpochsCubed"),
    "decision-twice": ("spec.searchSpace.choices.decisions[1]", "Duplicate value"),
    "control-character-in-an-option": ("spec.searchSpace.choices.decisions[0].options[1]", "should match"),
    "reward-of-more-epochs": ("spec.reward.bestOfLastEpochsCubed.epochs", "is more than the task has: give as many at most, or more task epochs"),
    "table-of-growing-space": ("spec.searchSpace.growth", "is given with a tabular task, whose rows all have the same number of tokens: remove it, or use another task"),
    "replay-without-seconds": ("spec.task.tabular.replayTimeScale", "is given, but there is no secondsColumn: name the column of the seconds, or remove it"),
    "failure-rates": ("spec.task.synthetic.failures", "has rates that add up to more than 1: give rates that add up to 1 at most"),
    "clip-without-passes": ("spec.strategy.reinforce.ppoClip", "is given, but ppoPasses is 0: give ppoPasses too, or remove it"),
    "folder-of-digits": ("spec.task.imageClassification.folder", "is given, but dataset is not folder: remove it, or give dataset folder"),
    "decay-out-of-order": ("spec.task.imageClassification.learningRateDecayAt", "is out of order: give the shares in ascending order"),
    "short-lease": ("spec.trial.leaseSeconds", "should be greater than or equal to 1"),
    "even-filter": ("spec.searchSpace.convChain.filterHeights", "has an even size: give odd ones"),
    "network-too-large": ("spec.searchSpace.convChain", "has networks of more than 2,147,483,648 parameters: give fewer layers, smaller filters or fewer of them"),
    "object-store": ("spec.artifacts", "names an object store, and those are not served yet: give a directory, as a path or file:///path"),
    "growth-of-grid": ("spec.searchSpace.growth", "is given with the grid strategy, which goes through one space: remove it, or use another strategy"),
    "growth-of-bayesian": ("spec.searchSpace.growth", "is given with the bayesian strategy, which compares architectures of one space: remove it, or use another strategy"),
    "sample-larger-than-population": ("spec.strategy.evolution.sampleSize", "is more than the population: give as many at most, or a larger population"),
    "candidates-of-gaussian-process": ("spec.strategy.bayesian.candidates", "is given, but the sampler is GaussianProcess, which has none: remove it, or give the sampler Tpe"),
    "liar-of-gaussian-process": ("spec.strategy.bayesian.constantLiar", "is given, but the sampler is GaussianProcess, which has none: remove it, or give the sampler Tpe"),
    "unknown-sampler": ("spec.strategy.bayesian.sampler", 'Unsupported value: "tpe": supported values: "Tpe", "GaussianProcess"'),
    "levels-twice": ("spec.strategy.grid.levels[1]", "Duplicate value"),
    "levels-without-options": ("spec.strategy.grid.levels[0].options", "should have at least 1 items"),
    "growth-of-exhaustive": ("spec.searchSpace.growth", "is given with the exhaustive strategy, which goes through one space: remove it, or use another strategy"),
    "reward-of-more-epochs-than-synthetic": ("spec.reward.bestOfLastEpochsCubed.epochs", "is more than the task has: give as many at most, or more task epochs"),
    "decision-without-a-name": ("spec.searchSpace.choices.decisions[0].name", "Required value"),
    "option-twice": ("spec.searchSpace.choices.decisions[0].options[1]", "Duplicate value"),
    "option-as-map": ("spec.searchSpace.choices.decisions[0].options[0]", "Too many: 1: must have at most 0 items"),
    "no-decisions": ("spec.searchSpace.choices.decisions", "should have at least 1 items"),
    "table-of-another-kind": ("spec.task.tabular.file", "give text of 5 to 1,024 characters, the name of a .csv or .jsonl file"),
    "missing-table": ("spec.task.tabular.file", "Required value"),
    "name-with-a-point": ("metadata.name", "give text of 1 to 63 characters, lower-case letters, digits and hyphens, with a letter or digit at both ends"),
    "name-too-long": ("metadata.name", "Too long: may not be more than 63 bytes"),
    "control-character-in-a-text": ("spec.task.imageClassification.folder", "give text of 1 to 1,024 characters, without characters that cannot be printed"),
    "one-at-the-end": ("spec.task.imageClassification.momentum", "should be less than 1"),
    "gang-of-a-table": ("spec.gang.size", "is given with a task that one trainer does alone: give 1, or use imageClassification or plugin"),
    "gang-without-a-share-for-each": ("spec.gang.size", "is more than half of imageClassification.batchSize: give less, or 2 images for each trainer at least"),
    "gang-of-nobody": ("spec.gang.size", "should be greater than or equal to 1"),
    "too-few-retries": ("spec.trial.retries.lost", "should be greater than or equal to 0"),
    "missing-space": ("spec.searchSpace", "Required value"),
    "decay-twice": ("spec.task.imageClassification.learningRateDecayAt", "has an entry twice: give each entry once"),
    "two-rewards": ("spec.reward", "give exactly one of accuracy, bestOfLastEpochsCubed, negativeError, inverseSquaredPerplexity, inversePerplexity"),
    "field-of-a-block-without-any": ("spec.reward.accuracy.epochs", "unknown field"),
    "list-for-map": ("spec.budget", "must be of type object"),
    "convergence-of-exhaustive": ("spec.budget.convergence", "is given with a strategy that makes no updates: remove it, or use reinforce"),
    "convergence-without-bounds": ("spec.budget.convergence.maxStd", "Required value"),
    "convergence-of-one-update": ("spec.budget.convergence.updates", "should be greater than or equal to 2"),
    "lander-of-convolutions": ("spec.task.lunarLander", "is given with a space of other networks than fully connected ones: search mlp, or use another task"),
    "heirs-of-several-seeds": ("spec.seedsPerTrial", "is more than 1, but with inheritLayers trainings of one child differ by more than their seed: remove one of the two"),
    "exploration-that-grows": ("spec.task.lunarLander.epsilonEnd", "is more than epsilonStart: give that much at most"),
    "batch-beyond-memory": ("spec.task.lunarLander.batchSize", "is more than replaySize: give that many at most, or remember more"),
    "no-seeds": ("spec.seedsPerTrial", "should be greater than or equal to 1"),
    "unknown-activation": ("spec.searchSpace.mlp.activations[0]", 'Unsupported value: "swish"'),
    "activation-twice": ("spec.searchSpace.mlp.activations", "has an entry twice: give each entry once"),
    "width-twice": ("spec.searchSpace.mlp.widths", "has an entry twice: give each entry once"),
    "mlp-too-large": ("spec.searchSpace.mlp", "has networks of more than 2,147,483,648 parameters: give fewer layers or narrower ones"),
    "growth-of-mlp": ("spec.searchSpace.growth", "is given with a space that has no layers: remove it, or search a convChain or a recurrentCell"),
    "share-beyond-one": ("spec.strategy.reinforce.learningRate", "should be less than or equal to 1"),
    "blocks-beyond-the-depth": ("spec.searchSpace.convChain.blockLayers", "makes networks of more than 64 layers: give less, or fewer layers"),
    "growth-beyond-the-depth": ("spec.searchSpace.growth.maxLayers", "makes networks of more than 64 layers, blocks counted in full: give less, or smaller blocks"),
    "pooling-beyond-the-depth": ("spec.searchSpace.convChain.poolAfter", "is not below the number of layers, blocks counted in full: give less, or more layers"),
    "poolings-out-of-order": ("spec.searchSpace.convChain.poolAfter", "is out of order: give the layers in ascending order"),
    "no-convolutions": ("spec.searchSpace.convChain.layerTypes", "has no Convolution, without which nothing is learned: add it"),
    "unknown-layer-type": ("spec.searchSpace.convChain.layerTypes[1]", 'Unsupported value: "Softmax"'),
    "layer-type-twice": ("spec.searchSpace.convChain.layerTypes", "has an entry twice: give each entry once"),
    "blocks-of-other-layers": ("spec.searchSpace.convChain.blockLayers", "is given with layers that are no convolutions: give 1, or layerTypes: [Convolution]"),
    "even-contrast": ("spec.searchSpace.convChain.contrastSizes", "has an even size: give odd ones"),
    "too-many-filters": ("spec.searchSpace.convChain.extraFilters", "makes more than 4,096 filters: give fewer, or smaller filterCounts"),
    "unknown-optimizer": ("spec.searchSpace.convChain.optimizers[0]", 'Unsupported value: "Sgd"'),
    "no-step-size": ("spec.searchSpace.convChain.learningRates[0]", "should be greater than 0"),
    "grid-of-layer-types": ("spec.searchSpace.convChain.layerTypes", "has several entries, so that some decisions depend on others, which the strategy cannot search: give one, or use reinforce, evolution, random or exhaustive"),
    "duplicates-in-lower-case": ("spec.duplicates", 'Unsupported value: "reuse"'),
    "gang-that-is-stopped": ("spec.gang.size", "is given with early stopping, which ends a child in one trainer only: give 1, or remove earlyStopping"),
    "median-after-the-last-epoch": ("spec.earlyStopping.median.minEpochs", "is no less than the epochs of the task, so that no child could be stopped: give less, or more task epochs"),
    "median-after-the-last-epoch-of-a-text": ("spec.earlyStopping.median.minEpochs", "is no less than the epochs of the task, so that no child could be stopped: give less, or more task epochs"),
    "rung-after-the-last-episodes": ("spec.earlyStopping.successiveHalving.minEpochs", "is no less than the epochs of the task, so that no child could be stopped: give less, or more task epochs"),
    "rung-after-the-last-epoch": ("spec.earlyStopping.successiveHalving.minEpochs", "is no less than the epochs of the task, so that no child could be stopped: give less, or more task epochs"),
    "stopping-of-a-table": ("spec.earlyStopping", "is given with a tabular task, which has no epochs to stop after: remove it, or use another task"),
    "stopping-of-several-seeds": ("spec.earlyStopping", "is given with several seeds per trial, whose common epochs are known only when the last of them trains: remove one of the two"),
    "two-rules-of-stopping": ("spec.earlyStopping", "give exactly one of median, successiveHalving"),
    "warm-start-from-nothing": ("spec.warmStart.search", "Required value"),
    "warm-start-of-exhaustive": ("spec.warmStart", "is given with a strategy that is not taught by it: remove it, or use reinforce, evolution or bayesian"),
}  # fmt: skip

# What kubectl refuses by itself, and what Kubernetes has a reading for: null is absent, 8e2 is 800, a status is not declared.
_SPELLING = {"wrong-version", "wrong-kind", "missing-name", "not-finite", "half-a-surrogate-pair"}
_READ = {"empty-field", "exponent-for-whole", "unknown-top-level"}

# A pool's spec, the field that both doors name, and what the API server says about it.
_POOLS = {
    "negative-replicas": ("{replicas: -1}", "spec.replicas", "greater than or equal to 0"),
    "too-many-replicas": ("{replicas: 10001}", "spec.replicas", "less than or equal to 10000"),
    "replicas-in-quotes": ('{replicas: "4"}', "spec.replicas", "must be of type integer"),
    "misspelled": ("{replica: 4}", "spec.replica", "unknown field"),
    "snake-case": ("{node_selector: {a: b}}", "spec.node_selector", "unknown field"),
    "number-as-memory": ("{memory: 16}", "spec.memory", "must be of type string"),
    "no-quantity": ("{memory: 16 GB}", "spec.memory", "a quantity like 16Gi"),
    "no-reference": ("{image: 'trainer:1 0'}", "spec.image", "a reference like example.com/nasfleet/trainer:1.0"),
    "resource-without-a-domain": ("{gpuResource: gpu}", "spec.gpuResource", "a resource like nvidia.com/gpu"),
    "number-for-label": ("{nodeSelector: {gpu: 1}}", "spec.nodeSelector.gpu", "must be of type string"),
    "toleration-without-a-key": ("{tolerations: [{value: a}]}", "spec.tolerations[0].key", "is missing, but operator is Equal: give a key, or operator Exists"),
    "toleration-with-a-needless-value": ("{tolerations: [{key: a, operator: Exists, value: b}]}", "spec.tolerations[0].value", "is given, but operator is Exists: remove it, or give operator Equal"),
    "toleration-that-ends-without-effect": ("{tolerations: [{key: a, tolerationSeconds: 5}]}", "spec.tolerations[0].tolerationSeconds", "is given, but effect is not NoExecute: remove it, or give effect NoExecute"),
    "toleration-that-ends-with-another-effect": ("{tolerations: [{key: a, effect: NoSchedule, tolerationSeconds: 5}]}", "spec.tolerations[0].tolerationSeconds", "is given, but effect is not NoExecute: remove it, or give effect NoExecute"),
    "unknown-effect": ("{tolerations: [{key: a, effect: noSchedule}]}", "spec.tolerations[0].effect", 'supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'),
    "toleration-as-map": ("{tolerations: {key: a}}", "spec.tolerations", "unknown field"),
    "nothing-unavailable": ("{maxUnavailable: '0'}", "spec.maxUnavailable", 'a number or a percentage like "2" or "25%"'),
    "number-as-share": ("{maxUnavailable: 1}", "spec.maxUnavailable", "must be of type string"),
    "more-than-all": ("{maxUnavailable: 101%}", "spec.maxUnavailable", 'a number or a percentage like "2" or "25%"'),
    "autoscaling-without-a-limit": ("{autoscaling: {}}", "spec.autoscaling.maxReplicas", "Required value"),
    "autoscaling-to-nothing": ("{autoscaling: {maxReplicas: 0}}", "spec.autoscaling.maxReplicas", "greater than or equal to 1"),
    "autoscaling-upside-down": ("{autoscaling: {minReplicas: 5, maxReplicas: 4}}", "spec.autoscaling.minReplicas", "is more than maxReplicas: give as many at most, or more maxReplicas"),
    "no-grace": ("{gracePeriodSeconds: 0}", "spec.gracePeriodSeconds", "greater than or equal to 1"),
    "claim-that-is-no-name": ("{dataClaim: Data_Sets}", "spec.dataClaim", "lower-case letters, digits, hyphens and points"),
    "queue-that-is-no-label": ("{queueName: a/b}", "spec.queueName", "lower-case letters, digits, hyphens and points"),
    "queue-that-no-queue-can-be-called": ("{queueName: Team_A}", "spec.queueName", "lower-case letters, digits, hyphens and points"),
    "no-processors": ("{cpu: '0'}", "spec.cpu", 'a quantity like "2" or 500m, more than 0'),
    "no-processors-to-the-last-digit": ("{cpu: '0.00'}", "spec.cpu", 'a quantity like "2" or 500m, more than 0'),
    "processors-in-bytes": ("{cpu: 2Gi}", "spec.cpu", 'a quantity like "2" or 500m, more than 0'),
    "no-memory": ("{memory: 0Gi}", "spec.memory", "a quantity like 16Gi, more than 0"),
    "memory-in-thousandths": ("{memory: 16m}", "spec.memory", "a quantity like 16Gi, more than 0"),
    "resource-of-too-long-a-domain": (f"{{gpuResource: {_LONG_DOMAIN}/gpu}}", "spec.gpuResource", "a resource like nvidia.com/gpu, of at most 63 characters behind a domain of at most 244"),
    "resource-of-too-long-a-name": (f"{{gpuResource: example.com/{'g' * 64}}}", "spec.gpuResource", "a resource like nvidia.com/gpu, of at most 63 characters behind a domain of at most 244"),
    "resource-of-a-quota": ("{gpuResource: requests.nvidia.com/gpu}", "spec.gpuResource", "begins as the names of quotas do: give the resource itself, like nvidia.com/gpu"),
    "toleration-of-too-long-a-key": (f"{{tolerations: [{{key: {'k' * 64}}}]}}", "spec.tolerations[0].key", "a name like example.com/name, of at most 63 characters behind a domain of at most 253"),
    "node-label-key-with-a-space": ("{nodeSelector: {gpu model: a}}", "spec.nodeSelector", _KEY),
    "node-label-key-in-upper-case-domain": ("{nodeSelector: {Example.com/gpu: a}}", "spec.nodeSelector", _KEY),
    "node-label-value-with-a-slash": ("{nodeSelector: {gpu: a/b}}", "spec.nodeSelector.gpu", "should match"),
    "template-as-text": ("{template: a}", "spec.template", "must be of type object"),
    "template-without-its-spec": ("{template: {containers: []}}", "spec.template.containers", "unknown field"),
    "template-with-a-spec-as-list": ("{template: {spec: []}}", "spec.template.spec", "must be of type object"),
    "truth-as-text": ("{suspend: 'false'}", "spec.suspend", "must be of type boolean"),
    "no-slots": ("{slots: 0}", "spec.slots", "greater than or equal to 1"),
    "account-too-long": (f"{{serviceAccountName: {'a' * 254}}}", "spec.serviceAccountName", "Too long"),
}  # fmt: skip


def _refusal(control_plane: ControlPlane, document: str) -> str:
    done = control_plane.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=document)
    return "" if done.returncode == 0 else done.stderr


def _pool(name: str, spec: object) -> dict[str, object]:
    return {"apiVersion": "nasfleet.dev/v1alpha1", "kind": "TrainerPool", "metadata": {"name": name}, "spec": spec}


def test_every_malformed_document_is_tried() -> None:
    assert set(_SAID) | _SPELLING | _READ == set(MALFORMED)


def _rules(block: type[Any]) -> Iterator[Rule]:
    yield from block.RULES
    for field in fields_of(block):
        if field.kind in {Kind.BLOCK, Kind.ONE_OF}:
            for below in field.classes:
                yield from _rules(below)


def test_every_rule_is_broken_by_some_document() -> None:
    said = {said for _, said in _SAID.values()} | {said for _, _, said in _POOLS.values()}

    assert {rule.message for block in (ArchitectureSearch, TrainerPool) for rule in _rules(block)} <= said


@pytest.mark.parametrize("name", _SAID)
def test_a_malformed_search_is_refused_by_the_api_server(control_plane: ControlPlane, resources: None, name: str) -> None:
    old, new, _ = MALFORMED[name]
    field, said = _SAID[name]

    refusal = _refusal(control_plane, changed((old, new)))

    assert any(f"{field}: " in line and said in line for line in refusal.splitlines()) or f'{said} "{field}' in refusal, refusal


@pytest.mark.parametrize("name", sorted(_SPELLING))
def test_what_no_server_is_asked_about_kubectl_refuses(control_plane: ControlPlane, resources: None, name: str) -> None:
    old, new, _ = MALFORMED[name]

    assert _refusal(control_plane, changed((old, new)))


@pytest.mark.parametrize("name", sorted(_READ))
def test_what_kubernetes_has_a_reading_for_is_taken(control_plane: ControlPlane, resources: None, name: str) -> None:
    old, new, _ = MALFORMED[name]

    assert not _refusal(control_plane, changed((old, new)))


@pytest.mark.parametrize(("spec", "field", "said"), _POOLS.values(), ids=_POOLS)
def test_a_malformed_pool_is_refused_at_both_doors(
    control_plane: ControlPlane, resources: None, spec: str, field: str, said: str
) -> None:
    pool = _pool("gpu", yaml.safe_load(spec))

    refusal = _refusal(control_plane, json.dumps(pool))

    assert any(f"{field}: " in line and said in line for line in refusal.splitlines()) or f'{said} "{field}' in refusal, refusal
    with pytest.raises(InvalidParametersError) as raised:
        pool_from_data(pool)
    assert str(raised.value).startswith(f"{field} ")


@pytest.mark.parametrize("name", ["a" * 49, "gpu.h200", "Gpu"])
def test_a_pool_has_a_short_dns_label_for_a_name(control_plane: ControlPlane, resources: None, name: str) -> None:
    assert "metadata.name: " in _refusal(control_plane, json.dumps(_pool(name, {})))
    with pytest.raises(InvalidParametersError, match=r"metadata\.name is"):
        pool_from_data(_pool(name, {}))

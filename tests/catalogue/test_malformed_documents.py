"""Each malformed document is refused with the path, the value and the fix, and nothing else is said."""
# ruff: noqa: E501 -- a table, one case to a line

import pytest

from nasfleet.catalogue import InvalidParametersError
from nasfleet.document import load
from nasfleet_testing.documents import PAPER, changed

_STRATEGY = "reinforce: {learningRate: 6e-4, baselineDecay: 0.95, batchSize: 8}"
_TASK = "imageClassification: {dataset: cifar10, epochs: 50}"
_SPACE = "convChain: {layers: 6, skipConnections: true, strides: false}"
_GROWTH = "    growth: {layers: 2, everyTrials: 1600, maxLayers: 20}\n"
_REWARD = "bestOfLastEpochsCubed: {epochs: 5}"

# What is replaced by what, and the message: path and value before the colon, the fix after it.
_MALFORMED = {
    "unknown-field": ("learningRate", "learningrat", "spec.strategy.reinforce.learningrat is not known (its value: 0.0006): did you mean learningRate?"),
    "snake-case": ("learningRate", "learning_rate", "spec.strategy.reinforce.learning_rate is not known (its value: 0.0006): did you mean learningRate?"),
    "unknown-field-of-spec": ("seed: 1", "speed: 1", "spec.speed is not known (its value: 1): did you mean seed?"),
    "unknown-field-far-from-all": ("epochs: 5}\n  budget", "epochs: 5, qqq: []}\n  budget", "spec.reward.bestOfLastEpochsCubed.qqq is not known (its value: []): known here: epochs"),
    "unknown-top-level": ("metadata:", "status: {}\nmetadata:", "status is not known (its value: {}): known here: apiVersion, kind, metadata, spec"),
    "unknown-strategy": ("reinforce:", "reenforce:", 'spec.strategy.reenforce is not known (its value: {"learningRate": 0.0006, "baselineDecay": 0.95, "batchSize":...): did you mean reinforce?'),
    "not-served-field": ("seed: 1", "gang: {size: 4}", 'spec.gang is not served by this version (its value: {"size": 4}): remove it'),
    "not-served-strategy": (_STRATEGY, "evolution: {}", "spec.strategy.evolution is not served by this version (its value: {}): remove it"),
    "not-served-space": (_SPACE, "enasMacro: {}", "spec.searchSpace.enasMacro is not served by this version (its value: {}): remove it"),
    "not-served-task": (_TASK, "lunarLander: {}", "spec.task.lunarLander is not served by this version (its value: {}): remove it"),
    "not-served-budget": ("trials: 12800", "trials: 12800, convergence: {}", "spec.budget.convergence is not served by this version (its value: {}): remove it"),
    "two-strategies": (_STRATEGY, f"{_STRATEGY}\n    random: {{}}", "spec.strategy gives reinforce and random: keep one of them"),
    "no-strategy": (_STRATEGY, "{}", "spec.strategy is {}, which chooses nothing: give one of reinforce, random, exhaustive"),
    "strategy-as-text": (_STRATEGY, "random", 'spec.strategy is "random": write strategy: {random: {}}'),
    "strategy-as-list": (_STRATEGY, "[random]", 'spec.strategy is ["random"]: give a map with one of reinforce, random, exhaustive'),
    "empty-block": (_STRATEGY, "random:", "spec.strategy.random is empty: give a map of fields, random: {} for the defaults"),
    "growth-without-space": (f"    {_SPACE}\n", "", 'spec.searchSpace is {"growth": {"layers": 2, "everyTrials": 1600, "maxLayers": 2..., which chooses nothing: give one of convChain, choices, plugin'),
    "missing-section": (f"  task:\n    {_TASK}\n", "", "spec.task is missing: give one of imageClassification, tabular, synthetic, plugin"),
    "missing-trials": ("trials: 12800, ", "", "spec.budget.trials is missing: give a whole number from 1 to 1,000,000,000, in trials"),
    "missing-name": ("{name: cifar10-conv}", "{}", "metadata.name is missing: give text of 1 to 63 characters, lower-case letters, digits and hyphens, with a letter or digit at both ends"),
    "name-no-label": ("cifar10-conv", "Cifar_10", 'metadata.name is "Cifar_10": give text of 1 to 63 characters, lower-case letters, digits and hyphens, with a letter or digit at both ends'),
    "wrong-version": ("v1alpha1", "v1", 'apiVersion is "nasfleet.dev/v1": give nasfleet.dev/v1alpha1'),
    "wrong-kind": ("kind: ArchitectureSearch", "kind: Search", 'kind is "Search": give ArchitectureSearch'),
    "too-large": ("layers: 6", "layers: 65", "spec.searchSpace.convChain.layers is 65: give a whole number from 1 to 64, in layers"),
    "negative": ("parallelism: 800", "parallelism: -1", "spec.parallelism is -1: give a whole number from 1 to 100,000, in trials"),
    "zero-step": ("6e-4", "0", "spec.strategy.reinforce.learningRate is 0.0: give a number greater than 0 and at most 1"),
    "not-finite": ("6e-4", ".nan", "spec.strategy.reinforce.learningRate is NaN: give a number greater than 0 and at most 1"),
    "number-in-quotes": ("6e-4", '"6e-4"', 'spec.strategy.reinforce.learningRate is "6e-4": give a number greater than 0 and at most 1, without quotes'),
    "truth-for-number": ("epochs: 50", "epochs: true", "spec.task.imageClassification.epochs is true: give a whole number from 1 to 100,000, in epochs"),
    "exponent-for-whole": ("parallelism: 800", "parallelism: 8e2", "spec.parallelism is 800.0: give a whole number from 1 to 100,000, in trials, without a point or an exponent"),
    "number-for-truth": ("strides: false", "strides: 0", "spec.searchSpace.convChain.strides is 0: give true or false"),
    "number-for-label": ("gpu: h200", "gpu: 200", "spec.trainerPoolSelector.matchLabels.gpu is 200: give text, in quotes"),
    "empty-field": ("seed: 1", "seed:", "spec.seed is empty: remove it, or give a whole number from 0 to 9,223,372,036,854,775,807"),
    "unknown-dataset": ("dataset: cifar10", "dataset: mnist", 'spec.task.imageClassification.dataset is "mnist": give one of digits, cifar10, folder'),
    "enumeration-in-lower-case": ("seed: 1", "weights: best", 'spec.weights is "best": give one of None, Best, All'),
    "scalar-for-list": ("layers: 6", "filterHeights: 3", "spec.searchSpace.convChain.filterHeights is 3: give a list of 1 to 16 whole numbers from 1 to 31, in pixels"),
    "empty-list": ("layers: 6", "filterHeights: []", "spec.searchSpace.convChain.filterHeights is []: give a list of 1 to 16 whole numbers from 1 to 31, in pixels"),
    "entry-out-of-bounds": ("layers: 6", "filterHeights: [3, 99]", "spec.searchSpace.convChain.filterHeights[1] is 99: give a list of 1 to 16 whole numbers from 1 to 31, in pixels"),
    "entry-twice": ("layers: 6", "filterHeights: [3, 3]", "spec.searchSpace.convChain.filterHeights[1] is 3 a second time: give each entry once"),
    "map-for-scalar": ("seed: 1", "seed: {a: 1}", 'spec.seed is {"a": 1}: give a whole number from 0 to 9,223,372,036,854,775,807'),
    "plugin-without-object": (_TASK, "plugin: {object: mine.task}", 'spec.task.plugin.object is "mine.task": give text of at most 255 characters, package.module:object'),
    "growth-too-short": ("maxLayers: 20", "maxLayers: 4", "spec.searchSpace.growth.maxLayers is 4, less than convChain.layers, which is 6: give at least 6, or fewer layers"),
    "growth-of-choices": (_SPACE, "choices: {decisions: [{name: a, options: [x]}]}", "spec.searchSpace.growth is given with a space that has no layers: remove it, or search a convChain"),
    "decision-twice": (f"{_SPACE}\n{_GROWTH}", "choices: {decisions: [{name: a, options: [x]}, {name: a, options: [z]}]}\n", 'spec.searchSpace.choices.decisions[1].name is "a" a second time: give each decision a name of its own'),
    "control-character-in-an-option": (f"{_SPACE}\n{_GROWTH}", r'choices: {decisions: [{name: a, options: [x, "y\u0007"]}]}' + "\n", r'spec.searchSpace.choices.decisions[0].options[1] is "y\u0007": give a list of 1 to 256 texts, numbers or truth values, without control characters and others that cannot be printed, as U+0007'),
    "reward-of-more-epochs": ("epochs: 50", "epochs: 3", "spec.reward.bestOfLastEpochsCubed.epochs is 5, but the task has 3: give at most 3, or more task epochs"),
    "table-of-growing-space": (f"{_TASK}\n  reward:\n    {_REWARD}", "tabular: {file: a.csv}", "spec.searchSpace.growth is given with a tabular task, whose rows all have the same number of tokens: remove it, or use another task"),
    "replay-without-seconds": (f"{_TASK}\n  reward:\n    {_REWARD}", "tabular: {file: a.csv, replayTimeScale: 1}", "spec.task.tabular.replayTimeScale is 1.0, but there is no secondsColumn: name the column of the seconds, or remove it"),
    "failure-rates": (f"{_TASK}\n  reward:\n    {_REWARD}", "synthetic: {failures: {crashed: 0.7, notFinite: 0.6}}", "spec.task.synthetic.failures has rates that add up to 1.3: give rates that add up to 1 at most"),
    "clip-without-passes": ("6e-4", "6e-4, ppoClip: 0.1", "spec.strategy.reinforce.ppoClip is 0.1, but ppoPasses is 0: give ppoPasses too, or remove it"),
    "folder-of-digits": ("dataset: cifar10", "dataset: digits, folder: a", 'spec.task.imageClassification.folder is "a", but dataset is digits: remove it, or give dataset folder'),
    "decay-out-of-order": ("dataset: cifar10", "learningRateDecayAt: [0.7, 0.5]", "spec.task.imageClassification.learningRateDecayAt is [0.7, 0.5]: give the shares in ascending order"),
    "half-a-surrogate-pair": ("gpu: h200", r'gpu: "\ud83d"', r'spec.trainerPoolSelector.matchLabels.gpu is "\ud83d": give text, in quotes'),
    "short-lease": ("seed: 1", "trial: {leaseSeconds: 0.5}", "spec.trial.leaseSeconds is 0.5: give a number from 1 to 3,600, in seconds"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), _MALFORMED.values(), ids=_MALFORMED)
def test_a_malformed_document_is_refused_with_path_value_and_fix(old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidParametersError) as raised:
        load(changed((old, new)))

    assert str(raised.value) == message


def test_several_errors_are_said_together() -> None:
    text = changed(
        ("layers: 6", "layers: 0"), ("learningRate", "learningrat"), ("seed: 1", "seed: yes"), ("gpu: h200", "gpu: 1")
    )

    with pytest.raises(InvalidParametersError) as raised:
        load(text)

    assert {".".join(problem.path) for problem in raised.value.problems} == {
        "spec.searchSpace.convChain.layers",
        "spec.strategy.reinforce.learningrat",
        "spec.seed",
        "spec.trainerPoolSelector.matchLabels.gpu",
    }


@pytest.mark.parametrize("text", ["[]", "just text", "42"])
def test_a_document_that_is_no_map_is_refused(text: str) -> None:
    with pytest.raises(InvalidParametersError, match=r"^the document is .*: give a map of fields$"):
        load(text)


def test_the_unchanged_document_is_accepted() -> None:
    assert load(PAPER).name == "cifar10-conv"

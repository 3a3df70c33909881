"""What sections of a search suit each other: a task its space and reward, a convergence its strategy, seeds their task."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block
from nasfleet.catalogue.conv_chain import ConvChain
from nasfleet.catalogue.convergence import Convergence
from nasfleet.catalogue.fields import block_name
from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.catalogue.lunar_lander import LunarLander
from nasfleet.catalogue.mlp import MlpChoices
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rewards import (
    Accuracy,
    BestOfLastEpochsCubed,
    InversePerplexity,
    InverseSquaredPerplexity,
    NegativeError,
)
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.strategies import Bayesian, Grid, Reinforce
from nasfleet.catalogue.tasks import ImageClassification

_RISING, _FALLING = (Accuracy, BestOfLastEpochsCubed), (InverseSquaredPerplexity, InversePerplexity, NegativeError)
# Rewards that would seek the worst networks of a task, what is wrong with them there, and what would not.
_BACKWARD: dict[type[Block], tuple[tuple[type[Block], ...], str, str]] = {
    ImageClassification: (
        _FALLING,
        "falls with the accuracy that imageClassification measures, of which more is better",
        "give accuracy or bestOfLastEpochsCubed",
    ),
    LanguageModeling: (
        _RISING,
        "grows with the perplexity that languageModeling measures, of which less is better",
        "give inverseSquaredPerplexity, inversePerplexity or negativeError",
    ),
    LunarLander: (
        _FALLING,
        "falls with the score that lunarLander measures, of which more is better",
        "give accuracy or bestOfLastEpochsCubed",
    ),
}

SUITING = (
    *(
        Rule(
            holds=f"!has(self.task.{block_name(task)}) || !has(self.reward.{block_name(reward)})",
            message=f"{fault}: {fix}",
            path=f"reward.{block_name(reward)}",
        )
        for task, (rewards, fault, fix) in _BACKWARD.items()
        for reward in rewards
    ),
    Rule(
        holds="!has(self.budget.convergence) || has(self.strategy.reinforce)",
        message="is given with a strategy that makes no updates: remove it, or use reinforce",
        path="budget.convergence",
    ),
    Rule(
        holds="!has(self.task.lunarLander) || has(self.searchSpace.mlp)",
        message="is given with a space of other networks than fully connected ones: search mlp, or use another task",
        path="task.lunarLander",
    ),
    Rule(
        holds="!has(self.task.lunarLander) || !self.task.lunarLander.inheritLayers || self.seedsPerTrial == 1",
        message="is more than 1, but with inheritLayers trainings of one child differ by more than their seed: "
        "remove one of the two",
        path="seedsPerTrial",
    ),
    Rule(
        holds="!has(self.searchSpace.convChain) || self.searchSpace.convChain.layerTypes.size() == 1 || "
        "!(has(self.strategy.grid) || has(self.strategy.bayesian))",
        message="has several entries, so that some decisions depend on others, which the strategy cannot search: "
        "give one, or use reinforce, evolution, random or exhaustive",
        path="searchSpace.convChain.layerTypes",
    ),
)


def unsuited(
    space: object, strategy: object, task: object, reward: object, convergence: Convergence | None, *, seeds_per_trial: int
) -> Iterator[Problem]:
    """Yield what does not suit the rest of a search; the twin of `SUITING`."""
    for of, (rewards, fault, fix) in _BACKWARD.items():
        if isinstance(task, of) and isinstance(reward, rewards):
            yield Problem(("reward", block_name(type(reward))), fault, fix)
    if convergence is not None and not isinstance(strategy, Reinforce):
        fault = f"is given with the strategy {block_name(type(strategy))}, which makes no updates"
        yield Problem(("budget", "convergence"), fault, "remove it, or use reinforce")
    if isinstance(space, ConvChain) and len(space.layer_types) > 1 and isinstance(strategy, Grid | Bayesian):
        fault = f"has {len(space.layer_types)} entries, so that some decisions depend on others, which "
        fault += f"{block_name(type(strategy))} cannot search"
        path = ("searchSpace", "convChain", "layerTypes")
        yield Problem(path, fault, "give one, or use reinforce, evolution, random or exhaustive")
    if not isinstance(task, LunarLander):
        return
    if not isinstance(space, MlpChoices):
        fault = f"is given with the space {block_name(type(space))}, whose networks are not fully connected"
        yield Problem(("task", "lunarLander"), fault, "search mlp, or use another task")
    if task.inherit_layers and seeds_per_trial > 1:
        fault = f"is {seeds_per_trial}, but with inheritLayers trainings of one child differ by more than their seed"
        yield Problem(("seedsPerTrial",), fault, "remove one of the two")

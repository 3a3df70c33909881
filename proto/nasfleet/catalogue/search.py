"""A search as it is declared: everything that a document says, and what may change after the start."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.convergence import Convergence
from nasfleet.catalogue.early_stopping import STOPPING_RULES, Median, SuccessiveHalving, stopping_conflicts
from nasfleet.catalogue.fields import block_name
from nasfleet.catalogue.gang import RULES_OF_GANGS, Gang, conflicts_of_gang
from nasfleet.catalogue.kubernetes_names import LABEL_HINT, LABEL_PATTERN, LABELS_HINT
from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.catalogue.lunar_lander import LunarLander
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rewards import (
    Accuracy,
    BestOfLastEpochsCubed,
    InversePerplexity,
    InverseSquaredPerplexity,
    NegativeError,
)
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.spaces import SearchSpaceSection
from nasfleet.catalogue.strategies import Bayesian, Evolution, Exhaustive, Grid, Random, Reinforce
from nasfleet.catalogue.suiting import SUITING, unsuited
from nasfleet.catalogue.tasks import ImageClassification, PluginTask, Synthetic, Tabular
from nasfleet.catalogue.warm_start import WarmStart
from nasfleet.names import DEFAULT_NAMESPACE


class Weights(Named):
    """Which trained weights are kept as artifacts."""

    NONE = "None", "None."
    BEST = "Best", "Those of trials that were the best so far."
    ALL = "All", "Those of every trial."


class Duplicates(Named):
    """What becomes of a proposal of a network that was proposed before, in this spelling or another."""

    REEVALUATE = "Reevaluate", "It is trained like any other, with a seed of its own."
    REUSE = "Reuse", "It gets the reward that is known at once, or waits for the one in training; the strategy learns from it."
    RESAMPLE = "Resample", "It is drawn anew, 16 times at most; what is known then still is trained."


@block
class Budget(Block):
    """When a search ends: at whichever limit it reaches first."""

    trials: int = parameter("Trials that settle, whatever came of them.", minimum=1, maximum=1_000_000_000, unit="trials")
    trainer_hours: float | None = parameter(
        "Time that trainers work on it, all together.", default=None, exclusive_minimum=0, maximum=1e9, unit="hours"
    )
    target_reward: float | None = parameter("Reward that is good enough.", default=None, minimum=-1e12, maximum=1e12)
    duration: float | None = parameter(
        "Time that it runs, suspended time apart.", default=None, exclusive_minimum=0, maximum=1e10, unit="seconds"
    )
    convergence: Convergence | None = parameter("Rewards that are steady and good enough.", default=None)


@block
class Retries(Block):
    """How often a trial is tried again, by what came in between."""

    lost: int | None = parameter(
        "After the loss of its trainer, which is never the network's fault; without it always.",
        default=None,
        minimum=0,
        maximum=1000,
        unit="times",
    )
    model_failure: int = parameter("After a failure of the network itself.", default=1, minimum=0, maximum=1000, unit="times")
    timeout: int = parameter("After it took too long.", default=0, minimum=0, maximum=1000, unit="times")


@block
class TrialSettings(Block):
    """How trials are leased and what follows from failures."""

    timeout: float = parameter(
        "Longest time that an attempt may take; 0 for any time.", default=0.0, minimum=0, maximum=31_536_000, unit="seconds"
    )
    lease_seconds: float = parameter(
        "A trainer that is silent for this long loses its trials to others.",
        default=30.0,
        minimum=1,
        maximum=3600,
        unit="seconds",
    )
    retries: Retries = parameter("How often a trial is tried again.", default=Retries())
    failure_reward: float = parameter(
        "Reward of a trial that was given up after a failure of the network itself.", default=0.0, minimum=-1e12, maximum=1e12
    )


@block
class PoolSelector(Block):
    """Which trainers a search may use."""

    match_labels: Mapping[str, str] = parameter(
        "Labels that a trainer must have, each with this value.",
        default_factory=dict,
        max_length=64,
        pattern_hint=LABELS_HINT,
    )


# Strategies for spaces that do not grow: the name of the block, and why.
_OF_ONE_SPACE: dict[type[Block], tuple[str, str]] = {
    Exhaustive: ("exhaustive", "goes through one space"),
    Grid: ("grid", "goes through one space"),
    Bayesian: ("bayesian", "compares architectures of one space"),
}


def _reward_within_epochs_of(task: str) -> Rule:
    counted, trained = "self.reward.bestOfLastEpochsCubed", f"self.task.{task}"
    return Rule(
        holds=f"!has({counted}) || !has({trained}) || {counted}.epochs <= {trained}.epochs",
        message="is more than the task has: give as many at most, or more task epochs",
        path="reward.bestOfLastEpochsCubed.epochs",
    )


@block
class SearchSpec(Block):
    """What a search is: the space, how it is searched, how networks are trained, what they are worth, and for how long."""

    search_space: SearchSpaceSection = parameter("What is searched.")
    strategy: Reinforce | Random | Exhaustive | Evolution | Grid | Bayesian = parameter("How architectures are proposed.")
    task: ImageClassification | Tabular | Synthetic | PluginTask | LanguageModeling | LunarLander = parameter(
        "How networks are trained and measured."
    )
    reward: Accuracy | BestOfLastEpochsCubed | NegativeError | InverseSquaredPerplexity | InversePerplexity = parameter(
        "What a measurement is worth.", default=Accuracy()
    )
    budget: Budget = parameter("When the search ends.", changeable=True)
    parallelism: int = parameter(
        "Trials that are leased at once, at most.",
        default=8,
        minimum=1,
        maximum=100_000,
        unit="trials",
        changeable=True,
    )
    weight: int = parameter(
        "Share of the fleet in proportion to the weights of other searches.",
        default=1,
        minimum=1,
        maximum=1000,
        changeable=True,
    )
    suspend: bool = parameter("Whether it waits: leases go back, nothing is lost.", default=False, changeable=True)
    seed: int = parameter("Proposals and the training of networks follow from it.", default=0, minimum=0, maximum=2**63 - 1)
    trial: TrialSettings = parameter("How trials are leased and retried.", default=TrialSettings(), changeable=True)
    trainer_pool_selector: PoolSelector | None = parameter(
        "Which trainers it may use; without it all.", default=None, changeable=True
    )
    weights: Weights = parameter("Which trained weights are kept.", default=Weights.BEST, changeable=True)
    artifacts: str | None = parameter(
        "Directory for weights, as a path or file:///path; without it the state directory.",
        default=None,
        min_length=1,
        max_length=2048,
    )
    seeds_per_trial: int = parameter(
        "Trainings of each child, which differ only by their seed; its measurement is their mean, and has the value of each.",
        default=1,
        minimum=1,
        maximum=1000,
        unit="seeds",
    )
    duplicates: Duplicates = parameter(
        "What becomes of networks that were proposed before.",
        default=Duplicates.REEVALUATE,
        source="Zoph & Le 2016 train every proposal",
    )
    early_stopping: Median | SuccessiveHalving | None = parameter(
        "When children are stopped before their last epoch; without it never.", default=None
    )
    warm_start: WarmStart | None = parameter(
        "What the strategy is taught before it proposes anything; without it nothing.", default=None
    )
    gang: Gang = parameter("How many trainers train one network together.", default=Gang())

    RULES = (
        *map(_reward_within_epochs_of, ("imageClassification", "synthetic")),
        Rule(
            holds="!has(self.task.tabular) || !has(self.searchSpace.growth)",
            message="is given with a tabular task, whose rows all have the same number of tokens: "
            "remove it, or use another task",
            path="searchSpace.growth",
        ),
        *(
            Rule(
                holds=f"!has(self.strategy.{strategy}) || !has(self.searchSpace.growth)",
                message=f"is given with the {strategy} strategy, which {does}: remove it, or use another strategy",
                path="searchSpace.growth",
            )
            for strategy, does in _OF_ONE_SPACE.values()
        ),
        Rule(
            holds="!has(self.artifacts) || !self.artifacts.contains('://') || self.artifacts.startsWith('file://')",
            message="names an object store, and those are not served yet: give a directory, as a path or file:///path",
            path="artifacts",
        ),
        Rule(
            holds="!has(self.warmStart) || "
            "has(self.strategy.reinforce) || has(self.strategy.evolution) || has(self.strategy.bayesian)",
            message="is given with a strategy that is not taught by it: remove it, or use reinforce, evolution or bayesian",
            path="warmStart",
        ),
        *SUITING,
        *STOPPING_RULES,
        *RULES_OF_GANGS,
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield sections that do not go together."""
        match self.task, self.reward:
            case ImageClassification(epochs=trained) | Synthetic(epochs=trained), BestOfLastEpochsCubed(epochs=counted):
                if counted > trained:
                    path = ("reward", "bestOfLastEpochsCubed", "epochs")
                    yield Problem(
                        path, f"is {counted}, but the task has {trained}", f"give at most {trained}, or more task epochs"
                    )
            case _:
                pass
        if isinstance(self.task, Tabular) and self.search_space.growth is not None:
            fault = "is given with a tabular task, whose rows all have the same number of tokens"
            yield Problem(("searchSpace", "growth"), fault, "remove it, or use another task")
        if self.search_space.growth is not None and type(self.strategy) in _OF_ONE_SPACE:
            strategy, does = _OF_ONE_SPACE[type(self.strategy)]
            fault = f"is given with the {strategy} strategy, which {does}"
            yield Problem(("searchSpace", "growth"), fault, "remove it, or use another strategy")
        scheme, separator, _ = (self.artifacts or "").partition("://")
        if separator and scheme != "file":
            fault = f'is "{self.artifacts}", and object stores are not served yet'
            yield Problem(("artifacts",), fault, "give a directory, as a path or file:///path")
        yield from unsuited(
            self.search_space.space,
            self.strategy,
            self.task,
            self.reward,
            self.budget.convergence,
            seeds_per_trial=self.seeds_per_trial,
        )
        yield from stopping_conflicts(self.early_stopping, self.task, seeds_per_trial=self.seeds_per_trial)
        if self.warm_start is not None and not isinstance(self.strategy, Reinforce | Evolution | Bayesian):
            fault = f"is given with the strategy {block_name(type(self.strategy))}, which is not taught by it"
            yield Problem(("warmStart",), fault, "remove it, or use reinforce, evolution or bayesian")
        yield from conflicts_of_gang(self.gang, self.task, stops_early=self.early_stopping is not None)


class ApiVersion(Named):
    """Editions of the document."""

    V1ALPHA1 = "nasfleet.dev/v1alpha1", "The first; it may still change."


class DocumentKind(Named):
    """What a document may declare."""

    SEARCH = "ArchitectureSearch", "A search."


@block
class Metadata(Block):
    """Under which name a search is declared."""

    name: str = parameter("Name of the search.", pattern=LABEL_PATTERN, pattern_hint=LABEL_HINT, min_length=1, max_length=63)
    namespace: str = parameter(
        "Where the name is unique.",
        default=DEFAULT_NAMESPACE,
        pattern=LABEL_PATTERN,
        pattern_hint=LABEL_HINT,
        min_length=1,
        max_length=63,
    )


@block
class ArchitectureSearch(Block):
    """The whole document."""

    api_version: ApiVersion = parameter("Which edition of this page holds.")
    kind: DocumentKind = parameter("What the document declares.")
    metadata: Metadata = parameter("Under which name.")
    spec: SearchSpec = parameter("What the search is.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchDocument:
    """A search under its name.

    Raises:
        InvalidParametersError: if a name is no DNS label.
    """

    name: str
    namespace: str = DEFAULT_NAMESPACE
    spec: SearchSpec

    def __post_init__(self) -> None:
        Metadata(name=self.name, namespace=self.namespace)

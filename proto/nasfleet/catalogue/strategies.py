"""Strategies: how a search proposes architectures and learns from their rewards."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule
from nasfleet.spaces.decision import MAX_NAME_LENGTH, Option

_CONTROLLER_SOURCE = "Zoph & Le 2016, section 4.1"
_DEFAULT_PPO_CLIP = 0.2
_EVOLUTION_SOURCE = "Real et al. 2019, Methods: 100 and 25"
_OPTUNA_SOURCE = "Optuna 5"


class Batching(Named):
    """Which trials one update of the policy learns from."""

    TOGETHER = "Together", "Those that were proposed together, once all of them are settled."
    ARRIVAL = "Arrival", "The next ones to settle, whichever they are; this favours networks that train fast."


@block
class Reinforce(Block):
    """A recurrent policy trained with the policy gradient; by default exactly as in the paper."""

    learning_rate: float = parameter(
        "Step size of Adam.",
        default=6e-4,
        exclusive_minimum=0,
        maximum=1,
        source=_CONTROLLER_SOURCE,
    )
    baseline_decay: float = parameter(
        "Share of the baseline that an update keeps; the rest is the mean reward of its batch.",
        default=0.95,
        minimum=0,
        exclusive_maximum=1,
        source="Zoph et al. 2018 (NASNet), appendix A.2; Zoph & Le 2016 give none",
    )
    batch_size: int = parameter(
        "Architectures that are proposed under one policy and learned from together.",
        default=8,
        minimum=1,
        maximum=65536,
        unit="trials",
        source="Zoph & Le 2016, sections 3.2 and 4.1",
    )
    hidden_units: int = parameter(
        "Hidden units of each layer of the policy's LSTM.",
        default=35,
        minimum=1,
        maximum=4096,
        unit="units",
        source=_CONTROLLER_SOURCE,
    )
    layers: int = parameter(
        "Layers of the policy's LSTM.",
        default=2,
        minimum=1,
        maximum=8,
        unit="layers",
        source=_CONTROLLER_SOURCE,
    )
    embedding_size: int = parameter(
        "Size of the embedding of a token.",
        default=35,
        minimum=1,
        maximum=4096,
        unit="units",
        source="as many as hidden units; Zoph & Le 2016 give none",
    )
    initial_range: float = parameter(
        "Weights start uniformly between minus this and this.",
        default=0.08,
        exclusive_minimum=0,
        maximum=10,
        source=_CONTROLLER_SOURCE,
    )
    entropy_weight: float = parameter(
        "What one nat of a proposal's entropy adds to its worth.",
        default=0.0,
        minimum=0,
        maximum=100,
        unit="reward per nat",
        source="none in Zoph & Le 2016; 1e-5 in Zoph et al. 2018 (NASNet), appendix A.2",
    )
    ppo_passes: int = parameter(
        "Passes over each batch with the clipped objective of proximal policy optimisation; 0 for the plain policy gradient.",
        default=0,
        minimum=0,
        maximum=64,
        unit="passes",
        source="none in Zoph & Le 2016; Schulman et al. 2017, section 3",
    )
    ppo_clip: float = parameter(
        "How far the ratio of new to old probability counts; with ppoPasses only.",
        default=_DEFAULT_PPO_CLIP,
        exclusive_minimum=0,
        exclusive_maximum=1,
        source="Schulman et al. 2017, section 6.1",
    )
    gradient_clip: float | None = parameter(
        "Largest norm of a gradient; without it none is clipped, as in the paper.",
        default=None,
        exclusive_minimum=0,
        maximum=1e6,
        source="none in Zoph & Le 2016",
    )
    max_staleness: int | None = parameter(
        "Updates that a batch may be late by; an older one is not learned from. Without it all are.",
        default=None,
        minimum=0,
        maximum=1_000_000,
        unit="updates",
    )
    batching: Batching = parameter("Which trials one update learns from.", default=Batching.TOGETHER)

    RULES = (
        Rule(
            holds=f"self.ppoPasses > 0 || self.ppoClip == {_DEFAULT_PPO_CLIP}",
            message="is given, but ppoPasses is 0: give ppoPasses too, or remove it",
            path="ppoClip",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield an option of proximal policy optimisation that would have no effect."""
        if self.ppo_passes == 0 and self.ppo_clip != _DEFAULT_PPO_CLIP:
            yield Problem(("ppoClip",), f"is {shown(self.ppo_clip)}, but ppoPasses is 0", "give ppoPasses too, or remove it")


@block
class Random(Block):
    """Proposes uniformly at random: the baseline that a search has to beat."""

    batch_size: int = parameter(
        "Architectures that are proposed at once; no other effect.",
        default=8,
        minimum=1,
        maximum=65536,
        unit="trials",
    )


@block
class Exhaustive(Block):
    """Proposes every architecture once, in the order of their tokens, and ends when there is none left."""

    batch_size: int = parameter(
        "Architectures that are proposed at once; no other effect.",
        default=64,
        minimum=1,
        maximum=65536,
        unit="trials",
    )


@block
class Evolution(Block):
    """Regularised evolution: mutates the best of a sample of the youngest trials; the old die, however good they were."""

    population: int = parameter(
        "Settled trials that may become parents: the last ones. Until there are as many, proposals are random.",
        default=100,
        minimum=1,
        maximum=65536,
        unit="trials",
        source=_EVOLUTION_SOURCE,
    )
    sample_size: int = parameter(
        "Of these, how many are drawn, with replacement; the best of them is the parent. 1 leaves no selection.",
        default=25,
        minimum=1,
        maximum=65536,
        unit="trials",
        source=_EVOLUTION_SOURCE,
    )
    mutations: int = parameter(
        "Decisions in which a child differs from its parent, if the space has so many.",
        default=1,
        minimum=1,
        maximum=64,
        unit="decisions",
        source="Real et al. 2019, Methods",
    )
    batch_size: int = parameter(
        "Architectures that are proposed at once, at most: a quarter of those in training, more where trainers wait.",
        default=64,
        minimum=1,
        maximum=65536,
        unit="trials",
    )

    RULES = (
        Rule(
            holds="self.sampleSize <= self.population",
            message="is more than the population: give as many at most, or a larger population",
            path="sampleSize",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield a sample that is larger than the population."""
        if self.sample_size > self.population:
            fault = f"is {self.sample_size}, but the population is {self.population}"
            yield Problem(("sampleSize",), fault, f"give at most {self.population}, or a larger population")


@block
class GridLevels(Block):
    """The options of one decision, or of all decisions of one kind, that a grid goes through."""

    decision: str = parameter(
        "Name of the decision, as `layer0/filterHeight`, or its kind, as `filterHeight`; a name goes before a kind.",
        min_length=1,
        max_length=MAX_NAME_LENGTH,
    )
    options: tuple[Option, ...] = parameter(
        "Its options, as the space has them; the number of a node for a decision among nodes, or `previous`; "
        "`none`, `all` or `previous` for one that takes any number of earlier layers.",
        min_length=1,
        max_length=256,
        distinct=True,
    )
    together: bool = parameter("Whether all decisions of the kind take the same option at a time.", default=False)


@block
class Grid(Block):
    """Proposes every combination of chosen levels once, the last decision changing fastest, and ends when none is left."""

    levels: tuple[GridLevels, ...] = parameter(
        "Which options are tried; of decisions that are not named, all.", default=(), max_length=256, key="decision"
    )
    batch_size: int = parameter(
        "Architectures that are proposed at once; no other effect.",
        default=64,
        minimum=1,
        maximum=65536,
        unit="trials",
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield every entry about a decision that an earlier one is about."""
        seen: set[str] = set()
        for position, entry in enumerate(self.levels):
            if entry.decision in seen:
                path = ("levels", f"[{position}]", "decision")
                yield Problem(path, f"is {shown(entry.decision)} a second time", "put its options into one entry")
            seen.add(entry.decision)


class Sampler(Named):
    """How the next architecture is chosen from those that were measured."""

    TPE = "Tpe", "Tree-structured Parzen estimators: options that are commoner among the best trials than among the others."
    GAUSSIAN_PROCESS = (
        "GaussianProcess",
        "A Gaussian process with a Matern kernel, and the logarithm of the expected improvement; needs torch.",
    )


_DEFAULT_CANDIDATES = 24


@block
class Bayesian(Block):
    """Bayesian optimisation with Optuna's samplers; the controller needs `pip install 'nasfleet[bayesian]'`."""

    sampler: Sampler = parameter("How the next architecture is chosen.", default=Sampler.TPE)
    startup_trials: int = parameter(
        "Settled trials before the sampler is asked; until then proposals are random.",
        default=10,
        minimum=1,
        maximum=65536,
        unit="trials",
        source=_OPTUNA_SOURCE,
    )
    candidates: int = parameter(
        "Architectures of which the best is proposed; with Tpe only.",
        default=_DEFAULT_CANDIDATES,
        minimum=1,
        maximum=65536,
        unit="architectures",
        source=_OPTUNA_SOURCE,
    )
    multivariate: bool = parameter(
        "Whether decisions are looked at together and not one by one; with Tpe only.", default=True, source=_OPTUNA_SOURCE
    )
    constant_liar: bool = parameter(
        "Whether trials in training count as bad ones meanwhile, so that others are proposed; with Tpe only.",
        default=True,
        source=_OPTUNA_SOURCE,
    )
    batch_size: int = parameter(
        "Architectures that are proposed at once, at most: a quarter of those in training, more where trainers wait.",
        default=1,
        minimum=1,
        maximum=65536,
        unit="trials",
    )

    RULES = tuple(
        Rule(
            holds=f"self.sampler == 'Tpe' || self.{name} == {default}",
            message="is given, but the sampler is GaussianProcess, which has none: remove it, or give the sampler Tpe",
            path=name,
        )
        for name, default in (("candidates", str(_DEFAULT_CANDIDATES)), ("multivariate", "true"), ("constantLiar", "true"))
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield options of one sampler that are given to the other."""
        if self.sampler is Sampler.TPE:
            return
        fix = "remove it, or give the sampler Tpe"
        given = (("candidates", self.candidates, _DEFAULT_CANDIDATES), ("multivariate", self.multivariate, True))
        for name, value, default in (*given, ("constantLiar", self.constant_liar, True)):
            if value != default:
                yield Problem((name,), f"is {shown(value)}, but the sampler is GaussianProcess, which has none", fix)

"""Strategies: how a search proposes architectures and learns from their rewards."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule

_CONTROLLER_SOURCE = "Zoph & Le 2016, section 4.1"
_DEFAULT_PPO_CLIP = 0.2


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

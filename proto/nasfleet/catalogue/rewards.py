"""Rewards: what the learner makes of a measurement."""

from typing import Any

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import parameter

PERPLEXITY_SOURCE = "Zoph & Le 2016, section 4.2: c, usually set at 80"


@block
class Accuracy(Block):
    """The task's figure of merit at the end of the training, as it is."""


@block
class BestOfLastEpochsCubed(Block):
    """The best figure of merit of the last epochs, to the third power."""

    epochs: int = parameter(
        "How many epochs at the end count.",
        default=5,
        minimum=1,
        maximum=100_000,
        unit="epochs",
        source="Zoph & Le 2016, section 4.1",
    )


@block
class NegativeError(Block):
    """Minus the task's figure of merit, for tasks that measure an error."""


def _scale() -> Any:
    return parameter(
        "The c of c over the perplexity.", default=80.0, exclusive_minimum=0, maximum=1e9, source=PERPLEXITY_SOURCE
    )


@block
class InverseSquaredPerplexity(Block):
    """A constant over the square of the perplexity that the task measures at the end."""

    scale: float = _scale()


@block
class InversePerplexity(Block):
    """A constant over the perplexity that the task measures at the end, as in the paper of ENAS (Pham et al. 2018)."""

    scale: float = _scale()

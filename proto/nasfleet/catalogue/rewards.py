"""Rewards: what the learner makes of a measurement."""

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import parameter


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

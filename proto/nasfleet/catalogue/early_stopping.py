"""Rules that end the training of a child before its last epoch, when others did better at the same epoch."""

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import parameter

_TEACH = "Whether the strategy learns from the reward that a stopped child has for its epochs so far."


@block
class Median(Block):
    """Stops a child whose best epoch so far is worse than the median of the running averages of settled trials."""

    min_trials: int = parameter(
        "Settled trials that reached an epoch before a child is judged by it.",
        default=5,
        minimum=1,
        maximum=1_000_000,
        unit="trials",
        source="Optuna's MedianPruner; Golovin et al. 2017 (Vizier), section 3.2.1, gives the rule and no number",
    )
    min_epochs: int = parameter(
        "The first epoch that a child is judged by.",
        default=1,
        minimum=1,
        maximum=100_000,
        unit="epochs",
        source="as Optuna's MedianPruner, which begins at once",
    )
    teach: bool = parameter(_TEACH, default=True)


@block
class SuccessiveHalving(Block):
    """Stops a child at a rung unless it is among the best of those that have come to it: minEpochs, then each time more."""

    min_epochs: int = parameter(
        "Epochs to the first rung.",
        default=1,
        minimum=1,
        maximum=100_000,
        unit="epochs",
        source="Li et al. 2020 (ASHA), algorithm 2, r; a choice of each search",
    )
    reduction_factor: int = parameter(
        "Of the children at a rung one of so many goes on, and the next rung comes after so many times the epochs.",
        default=4,
        minimum=2,
        maximum=1000,
        source="Li et al. 2020 (ASHA), section 4, eta",
    )
    teach: bool = parameter(_TEACH, default=True)

"""Rules that end the training of a child before its last epoch, when others did better at the same epoch."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.fields import block_name
from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.catalogue.lunar_lander import LunarLander
from nasfleet.catalogue.parameter import parameter
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.tasks import ImageClassification, Synthetic, Tabular

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
        source="Optuna's MedianPruner; Golovin et al. 2017 (Vizier), section 3.2, gives the rule and no number",
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
        source="r of Li et al. 2020 (ASHA), a choice of each search",
    )
    reduction_factor: int = parameter(
        "Of the children at a rung one of so many goes on, and the next rung comes after so many times the epochs.",
        default=4,
        minimum=2,
        maximum=1000,
        unit="children",
        source="eta of Li et al. 2020 (ASHA); 4 in Optuna's SuccessiveHalvingPruner",
    )
    teach: bool = parameter(_TEACH, default=True)


def _first_epoch_within(rule: str, task: str) -> Rule:
    first, trained = f"self.earlyStopping.{rule}", f"self.task.{task}"
    within = f"{first}.minEpochs < {trained}.epochs"
    if task == "lunarLander":  # whose epochs are so many episodes each, the last one perhaps fewer
        within = f"{first}.minEpochs * {trained}.reportEpisodes < {trained}.episodes"
    return Rule(
        holds=f"!has(self.earlyStopping) || !has({first}) || !has({trained}) || {within}",
        message="is no less than the epochs of the task, so that no child could be stopped: give less, or more task epochs",
        path=f"earlyStopping.{rule}.minEpochs",
    )


STOPPING_RULES = (
    Rule(
        holds="!has(self.earlyStopping) || !has(self.task.tabular)",
        message="is given with a tabular task, which has no epochs to stop after: remove it, or use another task",
        path="earlyStopping",
    ),
    Rule(
        holds="!has(self.earlyStopping) || self.seedsPerTrial == 1",
        message="is given with several seeds per trial, whose common epochs are known only when the last of them trains: "
        "remove one of the two",
        path="earlyStopping",
    ),
    *(
        _first_epoch_within(rule, task)
        for rule in ("median", "successiveHalving")
        for task in ("imageClassification", "languageModeling", "lunarLander", "synthetic")
    ),
)
"""Of a whole search: what `stopping_conflicts` checks."""


def stopping_conflicts(section: Median | SuccessiveHalving | None, task: object, *, seeds_per_trial: int) -> Iterator[Problem]:
    """Yield a rule of early stopping that could stop no child of this task, or none in time."""
    if section is None:
        return
    if isinstance(task, Tabular):
        fault = "is given with a tabular task, which has no epochs to stop after"
        yield Problem(("earlyStopping",), fault, "remove it, or use another task")
    if seeds_per_trial > 1:
        fault = (
            f"is given with {seeds_per_trial} seeds per trial, whose common epochs are known only when the last of them trains"
        )
        yield Problem(("earlyStopping",), fault, "remove one of the two")
    trained = _epochs(task)
    if trained is not None and section.min_epochs >= trained:
        fault = f"is {section.min_epochs}, but the task has {trained} epochs, so that no child could be stopped"
        path = ("earlyStopping", block_name(type(section)), "minEpochs")
        yield Problem(path, fault, f"give less than {trained}, or more task epochs")


def _epochs(task: object) -> int | None:
    """Return how many epochs a task may report, or None if only its author knows."""
    match task:
        case ImageClassification(epochs=trained) | LanguageModeling(epochs=trained) | Synthetic(epochs=trained):
            return trained
        case LunarLander(episodes=episodes, report_episodes=each):
            return -(-episodes // each)
        case _:
            return None

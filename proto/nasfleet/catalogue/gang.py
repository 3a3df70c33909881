"""Gangs: how many trainers train one network together, and with which tasks that goes."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import parameter
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.tasks import ImageClassification, PluginTask


@block
class Gang(Block):
    """How many trainers train one network together, data-parallel."""

    size: int = parameter("Trainers of one gang; 1 for none.", default=1, minimum=1, maximum=1024, unit="trainers")


RULES_OF_GANGS = (
    Rule(
        holds="self.gang.size == 1 || has(self.task.imageClassification) || has(self.task.plugin)",
        message="is given with a task that one trainer does alone: give 1, or use imageClassification or plugin",
        path="gang.size",
    ),
    Rule(
        holds="!has(self.task.imageClassification) || self.gang.size == 1 "
        "|| self.task.imageClassification.batchSize >= 2 * self.gang.size",
        message="is more than half of imageClassification.batchSize: give less, or 2 images for each trainer at least",
        path="gang.size",
    ),
    Rule(
        holds="self.gang.size == 1 || !has(self.earlyStopping)",
        message="is given with early stopping, which ends a child in one trainer only: give 1, or remove earlyStopping",
        path="gang.size",
    ),
)
"""Rules of a search; their twin is `conflicts_of_gang`."""


def conflicts_of_gang(gang: Gang, task: Block, *, stops_early: bool) -> Iterator[Problem]:
    """Yield what keeps a gang from training for a task."""
    if gang.size == 1:
        return
    if stops_early:
        fault = f"is {gang.size}, and early stopping ends a child in one trainer only"
        yield Problem(("gang", "size"), fault, "give 1, or remove earlyStopping")
    if not isinstance(task, ImageClassification | PluginTask):
        fault = f"is {gang.size}, and the task is one that one trainer does alone"
        yield Problem(("gang", "size"), fault, "give 1, or use imageClassification or plugin")
    elif isinstance(task, ImageClassification) and task.batch_size < 2 * gang.size:
        fault = f"is {gang.size}, but imageClassification.batchSize is {task.batch_size}"
        yield Problem(("gang", "size"), fault, f"give a smaller gang, or {2 * gang.size} images at least, 2 for each trainer")

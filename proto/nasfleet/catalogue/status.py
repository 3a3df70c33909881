"""What the operator says about resources, in their status: of constant size, however many trials or trainers there are."""

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter


def _count(description: str, unit: str | None = None) -> int | None:
    count: int | None = parameter(description, default=None, minimum=0, unit=unit)
    return count


def _time(description: str) -> str | None:
    time: str | None = parameter(description, default=None, format="date-time", max_length=64)
    return time


class ConditionStatus(Named):
    """Whether a condition holds."""

    TRUE = "True", "It holds."
    FALSE = "False", "It does not."
    UNKNOWN = "Unknown", "Nobody could tell."


@block
class Condition(Block):
    """One aspect of the present state, as Kubernetes has them everywhere."""

    type: str = parameter("Which aspect.", min_length=1, max_length=316)
    status: ConditionStatus = parameter("Whether it holds.")
    reason: str = parameter("One word on why.", min_length=1, max_length=1024)
    message: str = parameter("For people: what is the matter, and what to do about it.", max_length=32_768, multiline=True)
    last_transition_time: str = parameter("Since when the status is what it is.", format="date-time", max_length=64)
    observed_generation: int | None = _count("The metadata.generation that it speaks of.")
    last_update_time: str | None = _time("Since when the reason, too, is what it is; each change of it is an event.")


@block
class TrialCounts(Block):
    """Trials by what became of them."""

    queued: int | None = _count("Waiting for a trainer.", "trials")
    running: int | None = _count("Leased to trainers.", "trials")
    succeeded: int | None = _count("Measured.", "trials")
    failed: int | None = _count("Given up after failures of the network itself.", "trials")
    lost: int | None = _count("Given up after the loss of their trainers.", "trials")
    distinct: int | None = _count("Different architectures among those proposed so far.", "trials")


@block
class SearchStatus(Block):
    """How the search is doing; the operator writes it."""

    observed_generation: int | None = _count("The metadata.generation that this status speaks of.")
    trials: TrialCounts | None = parameter("Trials by what became of them.", default=None)
    progress: str | None = parameter("Settled trials of budgeted ones, like 120/200.", default=None, max_length=64)
    best_reward: float | None = parameter("The best reward so far.", default=None)
    best_trial: int | None = _count("Number of the trial that earned it.", "trial")
    best_architecture: str | None = parameter("Canonical hash of its architecture.", default=None, max_length=128)
    trainer_hours: float | None = parameter("Time that trainers worked on it, all together.", default=None, unit="hours")
    start_time: str | None = _time("When the search was handed to the controller.")
    completion_time: str | None = _time("When it ended.")
    last_update_time: str | None = _time("When this status was written.")
    conditions: tuple[Condition, ...] | None = parameter(
        "Ready, Progressing, Suspended, Complete and Failed.", default=None, key="type", max_length=32
    )


@block
class PoolStatus(Block):
    """How the pool is doing; the operator writes it."""

    observed_generation: int | None = _count("The metadata.generation that this status speaks of.")
    replicas: int | None = _count("Pods that there are.", "trainers")
    ready_replicas: int | None = _count("Pods that are ready.", "trainers")
    updated_replicas: int | None = _count("Pods made from the present spec.", "trainers")
    idle_trainers: int | None = _count("Trainers with nothing to do.", "trainers")
    busy_trainers: int | None = _count("Trainers with trials.", "trainers")
    selector: str | None = parameter(
        "Label selector of the pods, for the scale subresource and autoscalers.", default=None, max_length=1024
    )
    last_update_time: str | None = _time("When this status was written.")
    conditions: tuple[Condition, ...] | None = parameter(
        "Ready, Progressing, Suspended, Degraded and Disrupted.", default=None, key="type", max_length=32
    )

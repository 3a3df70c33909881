"""What a task is: it gets one child network, trains it, reports its epochs and returns what it measured.

A task of your own is one class; a search names it as `plugin: {object: "package.module:MyTask", parameters: {...}}`. It is made
once per slot process and search, with the parameters as keyword arguments, and then trains one child after another, so that it
may keep its data between them. It raises an error of `nasfleet_trainer.failures` to say whose fault a failure is.

A task whose class says `trains_in_gangs = True` can be given one child together with other trainers (`spec.gang`): `train` is
called in each of them with its own `rank` and the common `world_size`, and the default process group of `torch.distributed` is
there, over NCCL on GPUs and gloo elsewhere. Rank 0's epochs and measurement count; the others' are not looked at. An error that
one of them raises is the trial's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nasfleet.catalogue.search import SearchSpec
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.space import Description


class Report(Protocol):
    """Takes the epochs of a child as they end."""

    def __call__(self, epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        """Report an epoch, at once; `examples` is how many it trained on, for the metric examples per second.

        Raises:
            StoppedEarly: of `nasfleet_trainer.course`, if the search ends this training with this epoch. A task may let it
                pass: what it has reported is then its measurement.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChildRun:
    """One child network to train.

    Attributes:
        description: the network, decoded and valid: a `ConvNet`, a `RecurrentCell`, an `Mlp`, or an `Assignment` of values to
            the names of decisions.
        tokens: the choices that it was decoded from.
        seed: what all randomness of this training must come from.
        spec: the search that asks; `spec.task` holds the task's own parameters.
        trial: name of the trial, namespaces/{namespace}/searches/{search}/trials/{number}.
        device: "cpu" or "cuda", as torch names it.
        data_dir: where this trainer keeps its data sets; None if it was not told.
        artifacts_dir: where trained weights go; None if nowhere.
        rank: which of the trainers of a gang this is; 0 if it trains alone.
        world_size: how many trainers train this child together.
    """

    description: Description
    tokens: tuple[int, ...]
    seed: int
    spec: SearchSpec
    trial: str
    device: str = "cpu"
    data_dir: Path | None = None
    artifacts_dir: Path | None = None
    rank: int = 0
    world_size: int = 1


class Task(Protocol):
    """Trains in a slot: a process of its own that stays warm, and is killed and replaced if the training goes wrong."""

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return what the child network is worth; `report` each epoch as soon as it is over.

        Raises:
            NotFiniteError: the loss or the figure of merit is not a finite number.
            OutOfMemoryError: the child does not fit into memory.
            CannotBuildError: the description cannot be turned into a network.
            TrainerUnableError: this trainer lacks a data set, a device or a package; another may have it.
        """
        ...


class InlineTask(Protocol):
    """Trains in the agent's own event loop: only for tasks that wait or look up and never compute for long."""

    async def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return what the child network is worth, as `Task.train` does."""
        ...

"""What an attempt at a trial gives back: a measurement, or a failure of one of three classes that are never mixed up."""

import math
from dataclasses import dataclass
from enum import Enum, auto
from statistics import stdev

from nasfleet.errors import InvalidInputError

LARGEST_COUNT = 2**63 - 1
LARGEST_EPOCH = 2**31 - 1
LARGEST_VALUE = 1e12  # as of a document's rewards


class NotFiniteError(InvalidInputError):
    """The loss or the figure of merit is not a finite number."""


@dataclass(frozen=True, slots=True)
class EpochMeasurement:
    """One epoch: `value` is the task's figure of merit on the validation split, `seconds` the wall time with evaluation.

    Raises:
        NotFiniteError: if a figure is not finite.
        InvalidInputError: if the value or the epoch is larger than any that is meant, or the seconds are negative.
    """

    epoch: int
    value: float
    seconds: float
    loss: float | None = None

    def __post_init__(self) -> None:
        figures = (self.value, self.seconds, 0.0 if self.loss is None else self.loss)
        if not all(map(math.isfinite, figures)):
            raise NotFiniteError(
                f"epoch {self.epoch} must be finite, got value={self.value}, seconds={self.seconds}, loss={self.loss}"
            )
        if self.epoch > LARGEST_EPOCH:
            raise InvalidInputError(f"epoch is {self.epoch}: give at most {LARGEST_EPOCH}")
        _refuse_too_large(self.value)
        _refuse_negative("seconds", self.seconds)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the training of one child network gave; it explains its reward by itself.

    Attributes:
        value: the task's figure of merit at the end, on the validation split.
        epochs: the whole curve, by epoch.
        seconds: wall time of the attempt.
        trainer_seconds: wall time times the trainers that worked on it.
        parameters: trainable parameters of the child, if it has any.
        multiply_adds: of one forward pass on one example, if known.
        weights_uri: where the trained weights are, if they were kept.
        seed_values: where a child was trained with several seeds, the figure of merit of each; `value` is their mean.
        steps: steps of the training, where the task counts them.
        stopped_early: the search's rule of early stopping ended the training; all figures are those of the epochs so far.

    Raises:
        NotFiniteError: if a figure is not finite.
        InvalidInputError: if the epochs are not in order, the value is larger than any that is meant, a time or a count is
            negative, or a count is larger than a store can hold.
    """

    value: float
    epochs: tuple[EpochMeasurement, ...]
    seconds: float
    trainer_seconds: float
    parameters: int | None = None
    multiply_adds: int | None = None
    weights_uri: str | None = None
    seed_values: tuple[float, ...] = ()
    steps: int | None = None
    stopped_early: bool = False

    def __post_init__(self) -> None:
        figures = (self.value, self.seconds, self.trainer_seconds, *self.seed_values)
        if not all(map(math.isfinite, figures)):
            raise NotFiniteError(f"a measurement must be finite, got {figures}: report a failure instead")
        _refuse_too_large(self.value)
        _refuse_negative("seconds", self.seconds)
        _refuse_negative("trainer_seconds", self.trainer_seconds)
        _refuse_negative("parameters", self.parameters or 0)
        _refuse_negative("multiply_adds", self.multiply_adds or 0)
        _refuse_negative("steps", self.steps or 0)
        if any(later.epoch <= earlier.epoch for earlier, later in zip(self.epochs, self.epochs[1:], strict=False)):
            raise InvalidInputError(f"epochs must grow, got {[epoch.epoch for epoch in self.epochs]}")
        if max(self.parameters or 0, self.multiply_adds or 0, self.steps or 0) > LARGEST_COUNT:
            raise InvalidInputError(
                f"{self.parameters} parameters, {self.multiply_adds} multiply-adds, {self.steps} steps: no network has so many"
            )

    @property
    def seed_deviation(self) -> float | None:
        """Return the sample standard deviation of what the seeds gave, or None for fewer than two."""
        return stdev(self.seed_values) if len(self.seed_values) > 1 else None


def _refuse_too_large(value: float) -> None:
    if abs(value) > LARGEST_VALUE:
        raise InvalidInputError(f"value is {value:g}: give a figure of merit between {-LARGEST_VALUE:g} and {LARGEST_VALUE:g}")


def _refuse_negative(name: str, figure: float) -> None:
    if figure < 0:
        raise InvalidInputError(f"{name} is {figure}: give 0 or more")


class FailureClass(Enum):
    """Three different things with budgets of their own, and one that costs nobody anything: a lease handed back in order."""

    INFRASTRUCTURE = auto()
    MODEL = auto()
    TIMEOUT = auto()
    RETURNED = auto()


class FailureKind(Enum):
    """Why an attempt gave no measurement; numbers are those of `nasfleet.v1.FailureKind`."""

    NOT_FINITE = 1
    OUT_OF_MEMORY = 2
    CANNOT_BUILD = 3
    CRASHED = 4
    TIMED_OUT = 5
    LEASE_EXPIRED = 6
    RETURNED = 7
    TRAINER_UNABLE = 8
    GANG_BROKEN = 9

    @property
    def word(self) -> str:
        """As metrics, logs and traces have it."""
        return self.name.lower()

    @property
    def failure_class(self) -> FailureClass:
        """Only a model failure is the architecture's own fault."""
        return _CLASS_OF[self]


_CLASS_OF = {
    FailureKind.NOT_FINITE: FailureClass.MODEL,
    FailureKind.OUT_OF_MEMORY: FailureClass.MODEL,
    FailureKind.CANNOT_BUILD: FailureClass.MODEL,
    FailureKind.CRASHED: FailureClass.MODEL,
    FailureKind.TIMED_OUT: FailureClass.TIMEOUT,
    FailureKind.LEASE_EXPIRED: FailureClass.INFRASTRUCTURE,
    FailureKind.RETURNED: FailureClass.RETURNED,
    FailureKind.TRAINER_UNABLE: FailureClass.INFRASTRUCTURE,
    FailureKind.GANG_BROKEN: FailureClass.INFRASTRUCTURE,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that gave no measurement: one line for people, and the traceback where there is one."""

    kind: FailureKind
    message: str
    traceback: str = ""

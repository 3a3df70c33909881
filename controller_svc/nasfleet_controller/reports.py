"""What trainers say: values, translated from the stream's messages by the servicer."""

from dataclasses import dataclass
from enum import Enum

from nasfleet.measurement import EpochMeasurement, Failure, Measurement
from nasfleet.spaces.decision import Decision


class OutcomeStatus(Enum):
    """How an outcome was taken; numbers are those of `nasfleet.v1.OutcomeStatus`."""

    COUNTED = 1
    DUPLICATE = 2
    LATE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt; the trainer's id is the same when it is sent again."""

    outcome_id: str
    fence: int
    result: Measurement | Failure


@dataclass(frozen=True, slots=True)
class Unable:
    """The object of a space cannot be imported or called by this trainer."""

    message: str


@dataclass(frozen=True, slots=True)
class NoSpace:
    """What the object of a space gives is no valid search space."""

    message: str


@dataclass(frozen=True, slots=True)
class Lowered:
    """What came of a lowering, by its number; the decisions make a space."""

    number: int
    result: tuple[Decision, ...] | Unable | NoSpace


@dataclass(frozen=True, slots=True)
class Report:
    """What a trainer has to say; an empty one is a heartbeat. Where a gang meets is said by fence, as host and port."""

    started: tuple[int, ...] = ()
    progress: tuple[tuple[int, tuple[EpochMeasurement, ...]], ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    draining: bool = False
    lowered: tuple[Lowered, ...] = ()
    meetings: tuple[tuple[int, tuple[str, int]], ...] = ()

"""One trainer's stream as the runner sees it: what it is told is held back until the commit that makes it true."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from nasfleet.catalogue import SearchSpec
from nasfleet.errors import ConflictError, NasfleetError
from nasfleet.measurement import EpochMeasurement, Failure, Measurement
from nasfleet.names import SearchName


class StreamTakenOverError(ConflictError):
    """A newer stream of the same trainer process is there: this one ends."""


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
class Report:
    """What a trainer has to say; an empty one is a heartbeat."""

    started: tuple[int, ...] = ()
    progress: tuple[tuple[int, tuple[EpochMeasurement, ...]], ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trial for a trainer."""

    fence: int
    search: SearchName
    number: int
    tokens: tuple[int, ...]
    layers: int | None
    seed: int


@dataclass(slots=True)
class Orders:
    """What the controller has to say to one trainer."""

    acknowledged: list[tuple[str, OutcomeStatus]] = field(default_factory=list)
    searches: list[tuple[SearchName, SearchSpec]] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    wanted_back: list[int] = field(default_factory=list)
    drain: bool = False

    def __bool__(self) -> bool:
        return bool(self.acknowledged or self.assignments or self.stopped or self.wanted_back or self.drain)


class Connection:
    """Orders on their way to one trainer: staged by the runner, published after the commit, taken by the stream."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self.staged = Orders()
        self._published = Orders()
        self._announced: dict[SearchName, SearchSpec] = {}
        self._wake = asyncio.Event()
        self._error: NasfleetError | None = None
        self._left = False

    def assign(self, assignment: Assignment, spec: SearchSpec) -> None:
        """Stage a trial, and its search if this stream has not seen it in this form."""
        if self._announced.get(assignment.search) is not spec:
            self._announced[assignment.search] = spec
            self.staged.searches.append((assignment.search, spec))
        self.staged.assignments.append(assignment)

    def publish(self) -> None:
        """Let go of what was staged: it is durable now."""
        if not self.staged:
            return
        staged, self.staged = self.staged, Orders()
        self._published.acknowledged += staged.acknowledged
        self._published.searches += staged.searches
        self._published.assignments += staged.assignments
        self._published.stopped += staged.stopped
        self._published.wanted_back += staged.wanted_back
        self._published.drain |= staged.drain
        self._wake.set()

    def close(self, error: NasfleetError) -> None:
        """End the stream with an error; what was staged is not sent."""
        self._error = error
        self._wake.set()

    def leave(self) -> None:
        """End the stream because the trainer did."""
        self._left = True
        self._wake.set()

    async def take(self) -> Orders | None:
        """Wait for orders and return them, or None once the trainer has left.

        Raises:
            NasfleetError: with which the stream ends.
        """
        await self._wake.wait()
        self._wake.clear()
        if self._error is not None:
            raise self._error
        taken, self._published = self._published, Orders()
        return None if self._left else taken

"""What trainers are told: values, translated to the stream's messages by the servicer."""

from dataclasses import dataclass, field

from nasfleet.catalogue import SearchSpec
from nasfleet.names import SearchName
from nasfleet_controller.reports import OutcomeStatus


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
    ended_early: list[int] = field(default_factory=list)
    drain: bool = False

    def __bool__(self) -> bool:
        told = self.acknowledged or self.assignments or self.stopped or self.wanted_back or self.ended_early
        return bool(told or self.drain)

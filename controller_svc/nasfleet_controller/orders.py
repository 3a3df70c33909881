"""What trainers are told: values, translated to the stream's messages by the servicer."""

from dataclasses import dataclass, field

from nasfleet.catalogue import PluginSpace, SearchSpec
from nasfleet.names import SearchName
from nasfleet_controller.reports import OutcomeStatus


@dataclass(frozen=True, slots=True)
class GangPlace:
    """The place of a trainer in a gang; `meeting` is the host and port of rank 0, which is not told it but says it."""

    rank: int
    size: int
    meeting: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trial for a trainer, alone or in a gang."""

    fence: int
    search: SearchName
    number: int
    tokens: tuple[int, ...]
    layers: int | None
    seed: int
    gang: GangPlace | None = None


@dataclass(frozen=True, slots=True)
class Lowering:
    """One search space for a trainer to lower, under a number that its stream has seen no second time."""

    number: int
    space: PluginSpace
    timeout_seconds: float


@dataclass(slots=True)
class Orders:
    """What the controller has to say to one trainer."""

    acknowledged: list[tuple[str, OutcomeStatus]] = field(default_factory=list)
    searches: list[tuple[SearchName, SearchSpec]] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    wanted_back: list[int] = field(default_factory=list)
    lowerings: list[Lowering] = field(default_factory=list)
    ended_early: list[int] = field(default_factory=list)
    drain: bool = False

    def __bool__(self) -> bool:
        given = (self.assignments, self.lowerings)
        taken = (self.stopped, self.wanted_back, self.ended_early)
        return any((self.acknowledged, *given, *taken, self.drain))

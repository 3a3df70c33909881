"""Grid search: every combination of chosen levels once, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from nasfleet.catalogue import Grid, GridLevels, SearchSpaceSection
from nasfleet.catalogue.problems import shown
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space
from nasfleet.spaces.decision import Choice, Decision, Index, Option, Subset
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History

_SHOWN_NAMES = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of a grid: the tokens at these positions take one of these levels at a time."""

    positions: tuple[int, ...]
    levels: tuple[tuple[int, ...], ...]


class GridStrategy:
    """Trial n is the n-th point of the grid, the last axis counting fastest, so that its number is all there is to resume.

    The catalogue refuses it for a space that grows.

    Raises:
        InvalidInputError: if the levels name what the space does not have.
    """

    def __init__(self, space: SearchSpaceSection, section: Grid) -> None:
        self._axes = axes(space, section)
        self._width = sum(len(axis.positions) for axis in self._axes)
        self._size = prod(len(axis.levels) for axis in self._axes)
        self.batch_size = section.batch_size
        self.version = 0

    def propose(
        self,
        batch: int,  # noqa: ARG002 - the number says it
        first_number: int,
        count: int,
        history: History = NO_HISTORY,  # noqa: ARG002 - likewise
    ) -> list[tuple[int, ...]]:
        """Return the points with these numbers; fewer at the end of the grid, and then none."""
        end = min(first_number + min(count, self.batch_size), self._size)
        return [self._point(number) for number in range(first_number, end)]

    def observe(self, credited: Sequence[Credit]) -> None:
        """Learn nothing."""

    def restore(self, checkpoint: bytes) -> None:
        """Return to the one state that there is."""

    def _point(self, number: int) -> tuple[int, ...]:
        tokens = [0] * self._width
        for axis in reversed(self._axes):
            number, level = divmod(number, len(axis.levels))
            for position, token in zip(axis.positions, axis.levels[level], strict=True):
                tokens[position] = token
        return tuple(tokens)


def axes(space: SearchSpaceSection, section: Grid) -> list[Axis]:
    """Return the axes of a grid over a space, in the order of the first decision of each.

    Raises:
        InvalidInputError: naming the entry, what is wrong with it and what the space has.
    """
    decisions = build_space(space).decisions
    places = list(_places(decisions))
    entries = _entries(decisions, section.levels)
    found: list[Axis] = []
    joined: set[int] = set()
    for decision, place in zip(decisions, places, strict=True):
        entry = entries.get(decision.name)
        if entry is None:
            found += [Axis((position,), tuple((token,) for token in range(decision.bound))) for position in place]
        elif not section.levels[entry].together:
            found.append(Axis(place, _levels([decision], entry, section.levels[entry])))
        elif entry not in joined:
            joined.add(entry)
            alike = [position for position, other in enumerate(decisions) if entries.get(other.name) == entry]
            positions = tuple(token for position in alike for token in places[position])
            found.append(Axis(positions, _levels([decisions[n] for n in alike], entry, section.levels[entry])))
    return found


def _places(decisions: Sequence[Decision]) -> Iterator[tuple[int, ...]]:
    position = 0
    for decision in decisions:
        yield tuple(range(position, position + decision.width))
        position += decision.width


def _entries(decisions: Sequence[Decision], levels: Sequence[GridLevels]) -> dict[str, int]:
    """Return which entry is about a decision, by its name."""
    numbers = {entry.decision: number for number, entry in enumerate(levels)}
    by_decision = {
        decision.name: numbers[decision.name if decision.name in numbers else decision.kind]
        for decision in decisions
        if decision.name in numbers or decision.kind in numbers
    }
    for number, entry in enumerate(levels):
        if number not in by_decision.values():
            known = dict.fromkeys([*(one.kind for one in decisions), *(one.name for one in decisions)])
            if entry.decision in known:
                raise _wrong(number, entry, "is a kind whose decisions are all named by others: remove it")
            some = [*known][:_SHOWN_NAMES]
            names = ", ".join([*some, "..."] if len(some) < len(known) else some)
            raise _wrong(number, entry, f"is no decision of the space, nor a kind of them: give one of {names}")
    return by_decision


def _wrong(number: int, entry: GridLevels, fault: str) -> InvalidInputError:
    return InvalidInputError(f"spec.strategy.grid.levels[{number}].decision is {shown(entry.decision)}, which {fault}")


def _levels(decisions: Sequence[Decision], number: int, entry: GridLevels) -> tuple[tuple[int, ...], ...]:
    """Return the tokens of decisions that take one option at a time, each combination once."""
    rows = []
    for position, option in enumerate(entry.options):
        row: list[int] = []
        for decision in decisions:
            tokens = _tokens(decision, option)
            if tokens is None:
                raise InvalidInputError(
                    f"spec.strategy.grid.levels[{number}].options[{position}] is {shown(option)}, which {decision.name} "
                    f"does not have: give some of {_options(decision)}"
                )
            row += tokens
        rows.append(tuple(row))
    return tuple(dict.fromkeys(rows))


def _tokens(decision: Decision, option: Option) -> tuple[int, ...] | None:
    match decision:
        case Choice():
            # In Python true is 1; in a document it is not.
            alike = [isinstance(one, bool) is isinstance(option, bool) and one == option for one in decision.options]
            return (alike.index(True),) if any(alike) else None
        case Index():
            node = decision.candidates - 1 if option == "previous" else option
            return (node,) if type(node) is int and 0 <= node < decision.candidates else None
        case Subset():
            last = decision.candidates - 1
            words = {"none": (), "all": range(decision.candidates), "previous": {last}}
            chosen = words.get(option) if isinstance(option, str) else None
            return None if chosen is None else tuple(int(candidate in chosen) for candidate in range(decision.candidates))


def _options(decision: Decision) -> str:
    match decision:
        case Choice():
            return ", ".join(map(shown, decision.options))
        case Index():
            return f"the numbers from 0 to {decision.candidates - 1}, or previous"
        case Subset():
            return "none, all, previous"

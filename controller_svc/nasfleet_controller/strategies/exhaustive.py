"""Exhaustive search: every architecture once, in the order of their tokens."""

from collections.abc import Sequence

from nasfleet.catalogue import SearchSpaceSection
from nasfleet.spaces.building import build_space
from nasfleet.spaces.conditions import count_settled, nth_settled
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History


class ExhaustiveStrategy:
    """Trial n is the n-th token string, the last token counting fastest, so that a trial's number is all there is to resume.

    The catalogue refuses it for a space that grows.
    """

    def __init__(self, space: SearchSpaceSection, batch_size: int) -> None:
        self._decisions = build_space(space).decisions
        self._size = count_settled(self._decisions)
        self.batch_size = batch_size
        self.version = 0

    def propose(
        self,
        batch: int,  # noqa: ARG002 - the number says it
        first_number: int,
        count: int,
        history: History = NO_HISTORY,  # noqa: ARG002 - likewise
    ) -> list[tuple[int, ...]]:
        """Return the architectures with these numbers; fewer at the end of the space, and then none."""
        end = min(first_number + min(count, self.batch_size), self._size)
        return [nth_settled(self._decisions, number) for number in range(first_number, end)]

    def observe(self, credited: Sequence[Credit]) -> None:
        """Learn nothing."""

    def restore(self, checkpoint: bytes) -> None:
        """Return to the one state that there is."""

"""Random search: each option is as likely as every other of its decision, and so is each architecture where all arise."""

from collections.abc import Sequence
from random import Random

from nasfleet.catalogue import SearchSpaceSection
from nasfleet.spaces.conditions import settled
from nasfleet_controller.strategies.depths import Depths
from nasfleet_controller.strategies.seeding import stream_seed
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History


class RandomStrategy:
    """Proposes uniformly at random and never learns."""

    def __init__(self, space: SearchSpaceSection, batch_size: int, seed: int) -> None:
        self._depths = Depths(space)
        self._seed = seed
        self.batch_size = batch_size
        self.version = 0

    def propose(
        self,
        batch: int,
        first_number: int,
        count: int,
        history: History = NO_HISTORY,  # noqa: ARG002 - it never learns
    ) -> list[tuple[int, ...]]:
        """Return architectures, each token uniform within its bound; the depth is that of the batch's first trial."""
        return self._draw("random", batch, first_number, min(count, self.batch_size))

    def redraw(
        self,
        batch: int,
        first_number: int,
        count: int,
        history: History,  # noqa: ARG002 - likewise
        attempt: int,
    ) -> list[tuple[int, ...]]:
        """Return a batch drawn anew."""
        return self._draw(f"random again {attempt}", batch, first_number, count)

    def observe(self, credited: Sequence[Credit]) -> None:
        """Learn nothing."""

    def restore(self, checkpoint: bytes) -> None:
        """Return to the one state that there is."""

    def _draw(self, purpose: str, batch: int, first_number: int, count: int) -> list[tuple[int, ...]]:
        decisions = self._depths.decisions(self._depths.layers_at(first_number))
        bounds = [decision.bound for decision in decisions for _ in range(decision.width)]
        draw = Random(stream_seed(self._seed, purpose, batch)).randrange
        return [settled(decisions, tuple(map(draw, bounds))) for _ in range(count)]

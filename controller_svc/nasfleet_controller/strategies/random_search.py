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
        decisions = self._depths.decisions(self._depths.layers_at(first_number))
        bounds = [decision.bound for decision in decisions for _ in range(decision.width)]
        draw = Random(stream_seed(self._seed, "random", batch)).randrange
        return [settled(decisions, tuple(map(draw, bounds))) for _ in range(min(count, self.batch_size))]

    def observe(self, credited: Sequence[Credit]) -> None:
        """Learn nothing."""

    def restore(self, checkpoint: bytes) -> None:
        """Return to the one state that there is."""

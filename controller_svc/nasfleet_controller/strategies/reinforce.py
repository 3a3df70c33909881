"""The paper's strategy: a recurrent policy proposes, and the rewards of what it proposed improve it."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from nasfleet.catalogue import Reinforce, SearchSpaceSection
from nasfleet_controller.strategies.depths import Depths
from nasfleet_controller.strategies.learner import Learner
from nasfleet_controller.strategies.policy import Policy
from nasfleet_controller.strategies.seeding import stream_seed
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History, Update


class ReinforceStrategy:
    """Draws batches from the policy and hands their rewards to the learner."""

    def __init__(self, policy: Policy, learner: Learner, depths: Depths, *, batch_size: int, seed: int) -> None:
        self._policy = policy
        self._learner = learner
        self._depths = depths
        self._seed = seed
        self.batch_size = batch_size

    @property
    def version(self) -> int:
        """Return the number of updates so far."""
        return self._learner.version

    def propose(
        self,
        batch: int,
        first_number: int,
        count: int,
        history: History = NO_HISTORY,  # noqa: ARG002 - the policy knows
    ) -> list[tuple[int, ...]]:
        """Return architectures of the depth of the batch's first trial.

        The whole batch is drawn however many are wanted: a row of a matrix product is not bit-equal to a product by itself.
        """
        return self._draw("proposals", batch, first_number)[:count]

    def redraw(
        self,
        batch: int,
        first_number: int,
        count: int,
        history: History,  # noqa: ARG002 - likewise
        attempt: int,
    ) -> list[tuple[int, ...]]:
        """Return a batch drawn anew, from the policy as it is."""
        return self._draw(f"proposals again {attempt}", batch, first_number)[:count]

    def observe(self, credited: Sequence[Credit]) -> Update | None:
        """Make one update, unless no reward is there or none is recent enough."""
        return self._learner.learn(credited)

    def begin_with(self, earlier: Sequence[Credit]) -> None:
        """Make one update for each batch of an earlier search's trials; the baseline begins with the first of them."""
        for first in range(0, len(earlier), self.batch_size):
            batch = earlier[first : first + self.batch_size]
            self._learner.learn([replace(credit, policy_version=self.version) for credit in batch])

    def restore(self, checkpoint: bytes) -> None:
        """Return to the state that an update left."""
        self._learner.restore(checkpoint)

    def _draw(self, purpose: str, batch: int, first_number: int) -> list[tuple[int, ...]]:
        decisions = self._depths.decisions(self._depths.layers_at(first_number))
        generator = torch.Generator().manual_seed(stream_seed(self._seed, purpose, batch))
        drawn = self._policy.sample(decisions, self.batch_size, generator)
        return [tuple(tokens) for tokens in drawn.tolist()]


def build_reinforce(space: SearchSpaceSection, section: Reinforce, seed: int) -> ReinforceStrategy:
    """Return the strategy at its beginning; torch works in one thread from here on.

    The matrices are too small for more threads to help, and sums then have one order.
    """
    torch.set_num_threads(1)
    depths = Depths(space)
    policy = Policy(
        depths.deepest(),
        hidden_units=section.hidden_units,
        layers=section.layers,
        embedding_size=section.embedding_size,
        initial_range=section.initial_range,
        generator=torch.Generator().manual_seed(stream_seed(seed, "initial weights")),
    )
    learner = Learner(policy, section, depths.decisions)
    return ReinforceStrategy(policy, learner, depths, batch_size=section.batch_size, seed=seed)

"""What every strategy is to the rest of the controller: it proposes token strings in batches and may learn from rewards."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from nasfleet.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Credit:
    """A reward and the tokens that earned it.

    Attributes:
        number: of the trial.
        tokens: of its architecture.
        layers: the depth at which it was proposed; absent for spaces without growth.
        reward: what the learner maximises.
        policy_version: the version of the policy that proposed it.

    Raises:
        InvalidInputError: if the reward is not finite.
    """

    number: int
    tokens: tuple[int, ...]
    layers: int | None
    reward: float
    policy_version: int

    def __post_init__(self) -> None:
        if not math.isfinite(self.reward):
            raise InvalidInputError(f"trial {self.number} has the reward {self.reward}: a reward must be finite")


@dataclass(frozen=True, slots=True)
class Update:
    """What learning from one batch gave.

    Attributes:
        version: updates so far, this one included.
        baseline: moving average of the reward, after the update.
        mean_reward: of the batch.
        entropy: of a decision under the policy before the update, in nats: the mean over the decisions and the batch.
        gradient_norm: L2 norm of the gradient before any clipping; of the first pass where there are several.
        staleness: updates between the proposal of the batch's oldest architecture and this update.
        checkpoint: the strategy after the update, as safetensors.
    """

    version: int
    baseline: float
    mean_reward: float
    entropy: float
    gradient_norm: float
    staleness: int
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class History:
    """What has become of a search's proposals: all that a strategy without a policy goes by.

    Attributes:
        credits: of the settled trials that have a reward, in the order in which they were settled; the last ones of them, as
            far back as the strategy looks.
        open: the tokens of the trials that are not settled, by number.
    """

    credits: tuple[Credit, ...] = ()
    open: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


NO_HISTORY = History()


class Strategy(Protocol):
    """Proposes architectures and learns from what they earned; one thread uses it.

    What a strategy with a policy has learned is in its checkpoint. Any other has no state of its own: it is given the history
    with each request, so that after a restart there is nothing to bring back.
    """

    @property
    def batch_size(self) -> int:
        """Return how many architectures are proposed together."""
        ...

    @property
    def version(self) -> int:
        """Return the number of updates so far; 0 for a strategy that does not learn."""
        ...

    def propose(self, batch: int, first_number: int, count: int, history: History = NO_HISTORY) -> list[tuple[int, ...]]:
        """Return the token strings of a batch whose trials are numbered from `first_number`.

        The same seed, batch, numbers, updates and history give the same strings, and asking for fewer of a batch gives its
        first ones.

        Args:
            batch: number of the batch, from 0.
            first_number: number of its first trial.
            count: how many are wanted, at most `batch_size`; fewer come back only when the space is exhausted.
            history: what has become of earlier proposals; empty for a strategy that does not look back.
        """
        ...

    def observe(self, credited: Sequence[Credit]) -> Update | None:
        """Learn from a batch of settled trials; return None if nothing is learned from it."""
        ...

    def restore(self, checkpoint: bytes) -> None:
        """Return to the state that an update left."""
        ...


@runtime_checkable
class Redrawing(Protocol):
    """A strategy that can draw a batch anew; one that repeats nothing by itself need not."""

    def redraw(self, batch: int, first_number: int, count: int, history: History, attempt: int) -> list[tuple[int, ...]]:
        """Return the first `count` of a batch as `propose` draws them, from a generator of its own for each attempt, from 1.

        What then is proposed may be some of these and some of what was drawn before them; the next history says which.
        """
        ...


@runtime_checkable
class Warmed(Protocol):
    """A strategy with a policy that can be taught trials of an earlier search; others find them in their history."""

    def begin_with(self, earlier: Sequence[Credit]) -> None:
        """Learn from trials of an earlier search, in the order of their numbers there; called once, before anything else.

        The same trials lead to the same state: after a restart it is called again, and `restore` after it.
        """
        ...

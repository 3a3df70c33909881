"""The rewards of a search in the order in which they came, with their moving average and the best so far."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_DECAY = 0.95  # of the moving average; the controller's own (`Search.average_reward`)


@dataclass(frozen=True, slots=True)
class RewardCurve:
    """Three series of one length."""

    rewards: tuple[float, ...] = ()
    averages: tuple[float, ...] = ()
    bests: tuple[float, ...] = ()

    def extended(self, rewards: Iterable[float]) -> Self:
        """Return the curve with these rewards after the others."""
        new = tuple(rewards)
        averages, bests = list(self.averages), list(self.bests)
        for reward in new:
            averages.append(_DECAY * averages[-1] + (1 - _DECAY) * reward if averages else reward)
            bests.append(max(bests[-1], reward) if bests else reward)
        return type(self)(self.rewards + new, tuple(averages), tuple(bests))

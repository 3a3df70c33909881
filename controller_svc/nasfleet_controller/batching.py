"""Which settled trials are learned from together, decided without knowing how long any of them took.

A batch is the m children proposed together under one policy version, learned from when all of them are settled (Zoph & Le
2016, section 3.2). Taking the first m to finish instead would favour architectures that train fast.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from nasfleet_controller.snapshots import OpenTrial, SettledTrial
from nasfleet_controller.strategies.strategy import NO_HISTORY, History

Group = tuple[SettledTrial, ...]


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch of proposals that a search wants: at most `count` of them, numbered from `first_number`, given this history."""

    batch: int
    first_number: int
    count: int
    history: History = NO_HISTORY


class Batching(Protocol):
    """Says when settled trials are ready to be learned from."""

    def propose(self, batch: int, count: int) -> None:
        """Take note of trials that will settle."""

    def settle(self, trial: SettledTrial) -> Group | None:
        """Return the trials that are now ready, in the order of their numbers, or None."""


class Together:
    """A batch is ready when every trial proposed in it is settled."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._settled: defaultdict[int, list[SettledTrial]] = defaultdict(list)

    def propose(self, batch: int, count: int) -> None:
        """Take note of trials that will settle."""
        self._open[batch] += count

    def settle(self, trial: SettledTrial) -> Group | None:
        """Return the whole batch once its last trial is settled."""
        self._settled[trial.batch].append(trial)
        self._open[trial.batch] -= 1
        if self._open[trial.batch] > 0:
            return None
        del self._open[trial.batch]
        return tuple(sorted(self._settled.pop(trial.batch), key=lambda settled: settled.number))


class Arrival:
    """The next `size` trials to settle are ready, whichever they are: biased towards fast ones, kept for comparison."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._settled: list[SettledTrial] = []

    def propose(self, batch: int, count: int) -> None:
        """Proposals do not matter here."""

    def settle(self, trial: SettledTrial) -> Group | None:
        """Return the trials settled since the last group, once they are enough."""
        self._settled.append(trial)
        if len(self._settled) < self._size:
            return None
        group, self._settled = tuple(self._settled), []
        return group


def restore(batching: Batching, open_trials: Iterable[OpenTrial], unlearned: Iterable[SettledTrial]) -> list[Group]:
    """Bring a new batching to the state in which these trials left it; return the groups that are ready already."""
    settled = sorted(unlearned, key=lambda trial: trial.settle_order)
    batches = Counter([trial.batch for trial in open_trials] + [trial.batch for trial in settled])
    for batch, count in batches.items():
        batching.propose(batch, count)
    return [group for trial in settled if (group := batching.settle(trial)) is not None]

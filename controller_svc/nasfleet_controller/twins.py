"""Trials of one network, for a search that reuses rewards: which rewards are known, and who waits for a twin in training."""

from collections import deque
from collections.abc import Iterable, Mapping

from nasfleet_controller.snapshots import KnownReward, OpenTrial


class Twins:
    """Networks by canonical hash. Of the open trials of one network the first is trained and the others wait for its reward.

    So after a restart the open trials themselves say who waits. Without `reuse` nobody ever does.
    """

    def __init__(self, known: Mapping[str, KnownReward], open_trials: Iterable[OpenTrial], *, reuse: bool) -> None:
        self._reuse = reuse
        self._known = dict(known)
        self._open: dict[str, deque[int]] = {}
        self.waiting = [trial.number for trial in open_trials if self.join(trial)]
        """Those of the open trials given that wait for another."""

    def known(self, canonical_hash: str) -> KnownReward | None:
        """Return the reward of this network, if there is one to reuse."""
        return self._known.get(canonical_hash)

    def join(self, trial: OpenTrial) -> bool:
        """Take in an open trial; return whether it waits for another of its network."""
        if not self._reuse:
            return False
        alike = self._open.setdefault(trial.canonical_hash, deque())
        alike.append(trial.number)
        return len(alike) > 1

    def settle(self, trial: OpenTrial, known: KnownReward | None) -> tuple[list[int], int | None]:
        """Take note that a trial that did not wait is settled.

        Returns:
            The trials that have its reward from now on; or, if it has none, the one that is to be trained in its place.
        """
        if not self._reuse:
            return [], None
        alike = self._open.pop(trial.canonical_hash)
        alike.popleft()
        if known is not None:
            self._known[trial.canonical_hash] = known
            return list(alike), None
        if not alike:
            return [], None
        self._open[trial.canonical_hash] = alike
        return [], alike[0]

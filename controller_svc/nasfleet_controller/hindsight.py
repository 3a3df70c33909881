"""What a strategy without a policy is shown of the trials before: they are its whole state, kept as far back as it looks."""

from collections import deque
from collections.abc import Iterable

from nasfleet_controller.open_trials import OpenTrials
from nasfleet_controller.snapshots import OpenTrial
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History

_FRESH_SHARE = 4


class Hindsight:
    """The last `reach` trials that have a reward, in the order in which they were settled; all of them without a `reach`."""

    def __init__(self, credits_earned: Iterable[Credit], reach: int | None) -> None:
        self.wanted = reach != 0
        self._credits = deque(credits_earned, maxlen=reach)

    def settle(self, trial: OpenTrial, reward: float | None) -> None:
        """Take in a settled trial, unless it has no reward."""
        if self.wanted and reward is not None:
            self._credits.append(Credit(trial.number, trial.tokens, trial.layers, reward, trial.policy_version))

    def history(self, trials: OpenTrials) -> History:
        """Return what the strategy is to know now."""
        return History(tuple(self._credits), trials.tokens()) if self.wanted else NO_HISTORY

    def few(self, most: int, trials: OpenTrials, spare: int) -> int:
        """Return how many proposals to ask for, at most so many, while this number of leases is to be had.

        A proposal goes by what is known when it is made. So those that wait are to be few beside those that are in training:
        with a quarter a fleet of any size is kept busy.
        """
        return max(1, min(most, spare, trials.running // _FRESH_SHARE)) if self.wanted else most

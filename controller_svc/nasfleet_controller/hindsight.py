"""What a strategy without a policy is shown of the trials before: they are its whole state, kept as far back as it looks."""

from collections import deque
from collections.abc import Iterable

from nasfleet_controller.open_trials import OpenTrials
from nasfleet_controller.records import Prior
from nasfleet_controller.snapshots import OpenTrial
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History

_FRESH_SHARE = 4


class Hindsight:
    """The last `reach` trials that have a reward, in the order in which they were settled; all of them without a `reach`."""

    def __init__(self, credits_earned: Iterable[Credit], reach: int | None) -> None:
        self.wanted = reach != 0
        self._credits = deque(credits_earned, maxlen=reach)
        self._starved = 0  # trials that were settled when nothing waited, since the last request

    def settle(self, trial: OpenTrial, reward: float | None, queued: int) -> None:
        """Take in a settled trial, unless it has no reward, while so many others waited for its trainer."""
        if self.wanted and reward is not None:
            self._credits.append(Credit(trial.number, trial.tokens, trial.layers, reward, trial.policy_version))
        self._starved += queued == 0

    def history(self, trials: OpenTrials) -> History:
        """Return what the strategy is to know now."""
        return History(tuple(self._credits), trials.tokens()) if self.wanted else NO_HISTORY

    def few(self, most: int, trials: OpenTrials, spare: int) -> int:
        """Return how many proposals to ask for, at most so many, while this number of leases is to be had.

        A proposal goes by what is known when it is made, so few are to wait: a quarter of those in training. Where
        trials take next to no time none are in training, and trainers wait instead: then twice as many as found nothing to do.
        """
        starved, self._starved = self._starved, 0
        return max(1, min(most, spare, max(trials.running // _FRESH_SHARE, 2 * starved))) if self.wanted else most


def of_earlier(priors: Iterable[Prior]) -> tuple[Credit, ...]:
    """Return what trials of an earlier search earned, in the order of their numbers there; here they come before number 0."""
    earlier = sorted(priors, key=lambda prior: prior.number)
    return tuple(
        Credit(place - len(earlier), prior.tokens, prior.layers, prior.reward, policy_version=0)
        for place, prior in enumerate(earlier)
    )

"""What the settled trials of a search came to: how many, at what cost, the best of them and the reward lately."""

from dataclasses import dataclass

from nasfleet_controller.records import TrialState
from nasfleet_controller.reward_average import moved


@dataclass(slots=True)
class Tally:
    """Counts by outcome, as in `records.SearchSnapshot`, whose fields these are."""

    succeeded: int
    failed: int
    lost: int
    trainer_seconds: float
    best: tuple[int, float] | None
    average_reward: float | None

    @property
    def settled(self) -> int:
        """Trials that are done for good."""
        return self.succeeded + self.failed + self.lost

    def succeed(self, number: int, reward: float) -> None:
        """Count a trial that was measured; the best is the first of equals."""
        self.succeeded += 1
        self.average_reward = moved(self.average_reward, reward)
        if self.best is None or reward > self.best[1]:
            self.best = (number, reward)

    def reuse(self, number: int, state: TrialState, reward: float) -> None:
        """Count a trial that has the outcome of another one."""
        if state is TrialState.SUCCEEDED:
            self.succeed(number, reward)
        else:
            self.give_up(reward)

    def give_up(self, reward: float | None) -> None:
        """Count a trial without a measurement: with a reward it failed, without one it was lost."""
        if reward is None:
            self.lost += 1
        else:
            self.failed += 1
            self.average_reward = moved(self.average_reward, reward)

"""When a search is over: whichever of its budgets is used up first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from nasfleet.catalogue import Budget, Convergence


@dataclass(frozen=True, slots=True)
class Usage:
    """What a search has used and reached.

    `exhausted` means that its strategy has no architecture left to try; `mean_rewards` are those of the last updates, in order.
    """

    settled: int
    best: tuple[int, float] | None
    trainer_seconds: float
    running_seconds: float
    exhausted: bool
    mean_rewards: Sequence[float] = ()


def end_reason(budget: Budget, usage: Usage) -> str | None:
    """Return why the search is over, or None if it is not."""
    return next(_reasons(budget, usage), None)


def _reasons(budget: Budget, usage: Usage) -> Iterator[str]:
    if usage.settled >= budget.trials:
        yield f"all {budget.trials} trials are settled"
    if budget.target_reward is not None and usage.best is not None and usage.best[1] >= budget.target_reward:
        yield f"trial {usage.best[0]} reached the target reward {budget.target_reward:g}"
    if budget.trainer_hours is not None and usage.trainer_seconds >= budget.trainer_hours * 3600:
        yield f"{budget.trainer_hours:g} trainer hours are used up"
    if budget.duration is not None and usage.running_seconds >= budget.duration:
        yield f"{budget.duration:g} s are over"
    if budget.convergence is not None:
        yield from _steady(budget.convergence, usage.mean_rewards)
    if usage.exhausted:
        yield f"all {usage.settled} architectures that there are to try are settled"


def _steady(convergence: Convergence, mean_rewards: Sequence[float]) -> Iterator[str]:
    """Yield that the rewards are steady and good enough, if they are."""
    last = mean_rewards[-convergence.updates :]
    if len(last) < convergence.updates:
        return
    mean, deviation = fmean(last), pstdev(last)
    if deviation < convergence.max_std and mean >= convergence.min_mean:
        yield f"the mean rewards of the last {len(last)} updates have settled at {mean:g}, standard deviation {deviation:g}"

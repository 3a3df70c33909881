"""When a search is over: whichever of its budgets is used up first."""

from dataclasses import dataclass

from nasfleet.catalogue import Budget


@dataclass(frozen=True, slots=True)
class Usage:
    """What a search has used and reached; `exhausted` means that its strategy has no architecture left to try."""

    settled: int
    best: tuple[int, float] | None
    trainer_seconds: float
    running_seconds: float
    exhausted: bool


def end_reason(budget: Budget, usage: Usage) -> str | None:
    """Return why the search is over, or None if it is not."""
    if usage.settled >= budget.trials:
        return f"all {budget.trials} trials are settled"
    if budget.target_reward is not None and usage.best is not None and usage.best[1] >= budget.target_reward:
        return f"trial {usage.best[0]} reached the target reward {budget.target_reward:g}"
    if budget.trainer_hours is not None and usage.trainer_seconds >= budget.trainer_hours * 3600:
        return f"{budget.trainer_hours:g} trainer hours are used up"
    if budget.duration is not None and usage.running_seconds >= budget.duration:
        return f"{budget.duration:g} s are over"
    if usage.exhausted:
        return f"all {usage.settled} architectures that there are to try are settled"
    return None

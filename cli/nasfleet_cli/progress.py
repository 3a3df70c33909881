"""How far a search is and when it will end, from what the controller says of it; whichever budget ends it first counts."""

from dataclasses import dataclass

from nasfleet.v1.search_pb2 import Search

_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Progress:
    """`fraction` of the nearest budget that is used, 0 to 1; `seconds_left` is None while no rate is known."""

    settled: int
    trials: int
    fraction: float
    trials_per_second: float
    seconds_left: float | None


def progress_of(search: Search) -> Progress:
    """Return how far the search is."""
    budget, counts = search.spec.budget, search.counts
    settled = counts.succeeded + counts.failed + counts.lost
    trials_per_second = search.trials_per_second or _rate(settled, search.running_seconds)
    uses = [(float(settled), float(budget.trials), trials_per_second)]
    if budget.HasField("trainer_hours"):
        used = search.trainer_seconds
        uses.append((used, budget.trainer_hours * _HOUR_SECONDS, _rate(used, search.running_seconds)))
    if budget.HasField("duration"):
        uses.append((search.running_seconds, budget.duration, 1.0))
    lefts = [max(limit - used, 0.0) / speed for used, limit, speed in uses if speed > 0]
    return Progress(
        settled=settled,
        trials=budget.trials,
        fraction=min(max((used / limit for used, limit, _ in uses if limit > 0), default=0.0), 1.0),
        trials_per_second=trials_per_second,
        seconds_left=min(lefts, default=None),
    )


def _rate(amount: float, seconds: float) -> float:
    return amount / seconds if seconds > 0 else 0.0

"""What runs say about strategies: the best so far against what it cost, how likely one beats another, top models.

Letters in shapes: S seeds, P points of an axis. Rewards that were lost stand nowhere; until a run has its first reward it has
no best, which is NaN. A run that ends early, since its space or its budget is used up, keeps its best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from nasfleet_cli.comparing.runs import Run, SettledTrial

Floats = NDArray[np.float64]


class Axis(StrEnum):
    """What a search may be counted in."""

    TRIALS = "trials"
    SECONDS = "seconds"
    TRAINER_SECONDS = "trainer-seconds"


@dataclass(frozen=True, slots=True)
class Band:
    """Means over seeds with their standard errors: points, means and errors [P] each; no error with a single seed."""

    points: Floats
    means: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """How a contender does.

    Attributes:
        best: mean over seeds of the best reward of a run.
        best_error: its standard error.
        average: mean reward of all its trials.
        distinct: mean number of different architectures in a run.
        beats: probability that a run of it ends with a better reward than one of the baseline; equal ones count half.
        p_value: of the two-sided Mann-Whitney test of that; None for the baseline itself and with a single seed.
        improvement: of the best over the mean random architecture, in per cent of the latter's size; None if that is 0.
        regret: mean of what the best lacks of the optimum, where that is known.
    """

    contender: str
    best: float
    best_error: float
    average: float
    distinct: float
    beats: float
    p_value: float | None
    improvement: float | None
    regret: float | None


def costs(trials: Sequence[SettledTrial], axis: Axis) -> Floats:
    """Return what had been spent when each trial settled, in the order in which they did."""
    match axis:
        case Axis.TRIALS:
            return np.arange(1, len(trials) + 1, dtype=np.float64)
        case Axis.SECONDS:
            return np.array([trial.seconds for trial in trials])
        case Axis.TRAINER_SECONDS:
            return np.array([trial.trainer_seconds for trial in trials])
        case _:
            assert_never(axis)


def best_so_far(trials: Sequence[SettledTrial]) -> Floats:
    """Return the best reward of the trials up to each of them."""
    rewards = np.array([np.nan if trial.reward is None else trial.reward for trial in trials])
    return np.fmax.accumulate(rewards)


def best_at(run: Run, axis: Axis, points: Floats) -> Floats:
    """Return the best reward that a run had when so much was spent [P]."""
    best, spent = best_so_far(run.trials), costs(run.trials, axis)
    indices = np.searchsorted(spent, points, side="right")
    return np.concatenate([[np.nan], best])[indices]


def band(runs: Sequence[Run], axis: Axis, points: Floats) -> Band:
    """Return the mean of the best so far over the runs that have one, from the first point at which all of them do."""
    table = np.stack([best_at(run, axis, points) for run in runs])  # [S, P]
    known = ~np.isnan(table).any(axis=0)
    return mean_band(points[known], table[:, known])


def mean_band(points: Floats, table: Floats) -> Band:
    """Return the mean over seeds of curves [S, P] at points [P]."""
    return Band(points, table.mean(axis=0), _errors(table))


def axis_points(runs: Sequence[Run], axis: Axis, count: int = 200) -> Floats:
    """Return evenly spread points [P] up to where the longest run ends."""
    last = max((float(costs(run.trials, axis)[-1]) for run in runs if run.trials), default=0.0)
    if axis is Axis.TRIALS:
        return np.unique(np.linspace(1, max(last, 1), min(count, max(int(last), 1))).round())
    return np.linspace(0.0, last, count)


def top_models(trials: Sequence[SettledTrial], count: int) -> float:
    """Return the mean reward of the best `count` different architectures, each with its first reward; NaN for too few."""
    first: dict[str, float] = {}
    for trial in trials:
        if trial.reward is not None:
            first.setdefault(trial.architecture, trial.reward)
    best = sorted(first.values(), reverse=True)[:count]
    return float(np.mean(best)) if len(best) == count else float("nan")


def top_model_gains(runs: Sequence[Run], baseline: Sequence[Run], count: int, points: Floats) -> Band:
    """Return by how much the mean of the top models exceeds the baseline's (Zoph & Le 2016, figure 6), seed by seed.

    Runs are paired by their order, which is that of their seeds.
    """
    gains = np.array(
        [
            [top_models(run.trials[: int(at)], count) - top_models(other.trials[: int(at)], count) for at in points]
            for run, other in zip(runs, baseline, strict=True)
        ]
    )
    known = ~np.isnan(gains).any(axis=0)
    return mean_band(points[known], gains[:, known])


def score(runs: Sequence[Run], baseline: Sequence[Run], optimum: float | None) -> Score:
    """Return how a contender's runs compare with the baseline's, which propose at random."""
    ends, others = _ends(runs), _ends(baseline)
    random_mean = float(np.mean(_rewards(baseline)))
    best = float(ends.mean())
    return Score(
        contender=runs[0].contender,
        best=best,
        best_error=float(_errors(ends[:, None])[0]),
        average=float(np.mean(_rewards(runs))),
        distinct=float(np.mean([len({trial.architecture for trial in run.trials}) for run in runs])),
        beats=probability_of_beating(ends, others),
        p_value=None if runs is baseline or len(runs) == 1 else mann_whitney(ends, others),
        improvement=None if random_mean == 0 else 100 * (best - random_mean) / abs(random_mean),
        regret=None if optimum is None else float(optimum - best),
    )


def probability_of_beating(ends: Floats, others: Floats) -> float:
    """Return the share of all pairs of runs in which the first ends better; equal ones count half."""
    differences = ends[:, None] - others[None, :]
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def mann_whitney(ends: Floats, others: Floats) -> float:
    """Return the two-sided p-value of the Mann-Whitney test; 1 if all are equal."""
    from scipy.stats import mannwhitneyu  # takes a second to import

    if np.ptp(np.concatenate([ends, others])) == 0:
        return 1.0
    return float(mannwhitneyu(ends, others).pvalue)


def _ends(runs: Sequence[Run]) -> Floats:
    return np.array([best_so_far(run.trials)[-1] for run in runs])


def _rewards(runs: Sequence[Run]) -> list[float]:
    return [trial.reward for run in runs for trial in run.trials if trial.reward is not None]


def _errors(table: Floats) -> Floats:
    """Return the standard error over the seeds of a table [S, P]; 0 for a single seed."""
    seeds = len(table)
    return np.zeros(table.shape[1]) if seeds == 1 else table.std(axis=0, ddof=1) / np.sqrt(seeds)

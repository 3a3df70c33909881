"""A comparison as a table for the terminal, and as files for whoever wants to go on with its figures."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from nasfleet_cli import figures
from nasfleet_cli.comparing.runs import Run
from nasfleet_cli.comparing.scores import Score
from nasfleet_cli.tables import Column

SCORES: tuple[Column[Score], ...] = (
    Column("STRATEGY", lambda one: one.contender),
    Column("BEST", lambda one: f"{figures.reward(one.best)} ± {one.best_error:.2g}", number=True),
    Column("AVERAGE", lambda one: figures.reward(one.average), number=True),
    Column("DISTINCT", lambda one: f"{one.distinct:,.0f}", number=True),
    Column("BEATS RANDOM", lambda one: f"{one.beats:.0%}", number=True),
    Column("P", lambda one: figures.ABSENT if one.p_value is None else f"{one.p_value:.2g}", number=True),
    Column("OVER MEAN", lambda one: figures.ABSENT if one.improvement is None else f"{one.improvement:+.2f} %", number=True),
    Column("REGRET", lambda one: figures.reward(one.regret), number=True),
)

_COLUMNS = ("strategy", "seed", "trial", "architecture", "reward", "seconds", "trainer_seconds")


def write_runs(runs: Mapping[str, Sequence[Run]], file: Path) -> None:
    """Write every settled trial of every run as CSV; the trial is its place among the settled ones, from 1."""
    with file.open("w", encoding="utf-8", newline="") as output:
        rows = csv.writer(output)
        rows.writerow(_COLUMNS)
        for run in (run for of_one in runs.values() for run in of_one):
            for place, trial in enumerate(run.trials, start=1):
                about = (trial.architecture, trial.reward, trial.seconds, trial.trainer_seconds)
                rows.writerow((run.contender, run.seed, place, *about))


def write_scores(results: Sequence[Score], file: Path) -> None:
    """Write what the table shows, to all digits, as JSON."""
    file.write_text(json.dumps([asdict(one) for one in results], indent=2) + "\n", encoding="utf-8")

"""`nasfleet compare`: one search under several strategies and seeds, as a table, as pictures and as figures."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from nasfleet.catalogue import SearchDocument
from nasfleet.catalogue.fields import block_name
from nasfleet_cli import figures
from nasfleet_cli.comparing.contenders import BASELINE, contenders
from nasfleet_cli.comparing.runs import Contender, Run
from nasfleet_cli.consoles import uncut_console
from nasfleet_cli.documents import read_document
from nasfleet_cli.extras import needing
from nasfleet_cli.readiness import check_trainable
from nasfleet_cli.tables import table

if TYPE_CHECKING:
    from nasfleet_cli.comparing import running

MOST_SEEDS = 10_000


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for beside the file."""

    seeds: int
    output: Path
    data_dir: Path | None
    device: str
    trainers: int | None
    processes: int
    fleet_check: bool

    @property
    def run_options(self) -> tuple[str, ...]:
        """Return them as options of `nasfleet run`."""
        options = ["--device", self.device]
        if self.data_dir is not None:
            options += ["--data-dir", str(self.data_dir.resolve())]
        if self.trainers is not None:
            options += ["--trainers", str(self.trainers)]
        return tuple(options)


@click.command("compare")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--strategies",
    metavar="A,B,C",
    help="Names of strategies, with the settings of FILE or their defaults, and search files, of which the strategy is read. "
    "Without it that of FILE. Random search is always among them.",
)
@click.option("--seeds", type=click.IntRange(1, MOST_SEEDS), default=5, show_default=True, help="Runs of each strategy.")
@click.option("--trials", type=click.IntRange(1), help="Trials of each run. Without it those of FILE.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Directory. Without it comparison-NAME.")
@click.option("--trainers", type=click.IntRange(1), help="Trainer processes of each run, where children are trained.")
@click.option("--processes", type=click.IntRange(1), help="Runs at once on tables and formulas. Without it one per core.")
@click.option(
    "--fleet-check/--no-fleet-check",
    default=True,
    show_default=True,
    help="Whether on tables and formulas one run goes through controller and trainers too, beside the simulated ones.",
)
@click.option(
    "--data-dir",
    envvar="NASFLEET_DATA_DIR",
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="Where data sets are.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="What to train on."
)
def compare(
    file: Path,
    strategies: str | None,
    *,
    seeds: int,
    trials: int | None,
    output: Path | None,
    trainers: int | None,
    processes: int | None,
    fleet_check: bool,
    data_dir: Path | None,
    device: str,
) -> None:
    """Run the search of FILE under several strategies and seeds, and compare them.

    Tables and formulas are searched in this process, so that hundreds of seeds take minutes; other tasks through a controller
    and trainers, one run after the other, and the same command goes on where it was interrupted.
    """
    document = _with_trials(read_document(file), trials)
    named = [text.strip() for text in (strategies or "").split(",") if text.strip()]
    chosen = contenders(document.spec, named or [block_name(type(document.spec.strategy))])
    wishes = Wishes(
        seeds,
        output or Path(f"comparison-{document.name}"),
        data_dir,
        device,
        trainers,
        processes or os.cpu_count() or 1,
        fleet_check,
    )
    check_trainable(document.spec, data_dir, device, wishes.output)
    wishes.output.mkdir(parents=True, exist_ok=True)
    _compare(uncut_console(), document, chosen, wishes)


def _with_trials(document: SearchDocument, trials: int | None) -> SearchDocument:
    if trials is None:
        return document
    budget = replace(document.spec.budget, trials=trials)
    return replace(document, spec=replace(document.spec, budget=budget))


def _compare(console: Console, document: SearchDocument, chosen: Sequence[Contender], wishes: Wishes) -> None:
    with needing("controller"), needing("trainer"), needing("compare"):
        from nasfleet_cli.comparing import running, simulation
    place = running.RunPlace(wishes.data_dir, wishes.output, wishes.run_options)
    wanted = running.planned_runs(chosen, wishes.seeds, document.spec.seed)
    simulated = simulation.can_simulate(document.spec)
    found = (
        running.simulated(wanted, place, min(wishes.processes, len(wanted)))
        if simulated
        else running.through_the_fleet(document, wanted, place)
    )
    runs = running.collected(found, lambda run: _say_run(console, run))
    _report(console, document, runs, wishes)
    if simulated and wishes.fleet_check:
        _check_through_the_fleet(console, document, wanted, runs, place)


def _check_through_the_fleet(
    console: Console,
    document: SearchDocument,
    wanted: Sequence["running.PlannedRun"],
    runs: Mapping[str, Sequence[Run]],
    place: "running.RunPlace",
) -> None:
    """Make one of the simulated runs by a controller and trainers, and say how the two compare."""
    from nasfleet_cli.comparing import running

    chosen = next((one for one in wanted if one.contender.name != BASELINE), wanted[0])
    with tempfile.TemporaryDirectory(prefix="nasfleet-compare-") as directory:
        (run,) = running.through_the_fleet(document, [chosen], replace(place, directory=Path(directory)))
    beside = next(one for one in runs[run.contender] if one.seed == run.seed)
    same = [(one.architecture, one.reward) for one in run.trials] == [(one.architecture, one.reward) for one in beside.trials]
    console.print(f"through controller and trainers, {_said(run)}; simulated: {'the same' if same else _said(beside)}")


def _report(console: Console, document: SearchDocument, runs: Mapping[str, Sequence[Run]], wishes: Wishes) -> None:
    from nasfleet_cli.comparing import optimum, pictures, reports, scores

    best = optimum.known_optimum(document.spec, wishes.data_dir)
    results = [scores.score(of_one, runs[BASELINE], best) for of_one in runs.values()]
    console.print(table(reports.SCORES, results))
    reports.write_runs(runs, wishes.output / "trials.csv")
    reports.write_scores(results, wishes.output / "scores.json")
    title = f"{document.name}, {wishes.seeds} seeds" if wishes.seeds > 1 else document.name
    files = [*pictures.draw_best_so_far(runs, title, wishes.output / "best-so-far")]
    if len(runs) > 1:
        files += pictures.draw_top_models(runs, title, wishes.output / "top-models")
    console.print(f"wrote {', '.join(str(file) for file in files)}, trials.csv and scores.json beside them")


def _say_run(console: Console, run: Run) -> None:
    console.print(_said(run), style="dim")


def _said(run: Run) -> str:
    best = max(trial.reward for trial in run.trials if trial.reward is not None)
    return f"{run.contender}, seed {run.seed}: best {figures.reward(best)} of {len(run.trials):,} trials"

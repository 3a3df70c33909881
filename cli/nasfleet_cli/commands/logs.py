"""`nasfleet logs`: what became of one trial: its curve, its attempts, and the failure with its traceback."""

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nasfleet.v1.trial_pb2 import Attempt, EpochMeasurement, FailureKind, Trial
from nasfleet_cli import figures
from nasfleet_cli.addressing import trial_name
from nasfleet_cli.chart import Series, chart
from nasfleet_cli.commands.get import namespace_option
from nasfleet_cli.consoles import uncut_console
from nasfleet_cli.messages import as_json, as_yaml
from nasfleet_cli.tables import TRIALS, table
from nasfleet_cli.target import Target, connected, target_or_cluster_options
from nasfleet_cli.words import word

_CHART_COLUMNS, _CHART_ROWS = 60, 8
_FEWEST_CHARTED = 3


@click.command("logs")
@click.argument("trial")
@click.option("--search", help="Search of a trial that is given by its number alone.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form.")
@namespace_option
@target_or_cluster_options
def logs(trial: str, target: Target, search: str | None, namespace: str, output: str) -> None:
    """Show the training of TRIAL: SEARCH/NUMBER, as in digits/17."""
    name = trial_name(trial, search, namespace)
    with connected(target) as client:
        found = client.get_trial(str(name))
    match output:
        case "json":
            click.echo(as_json([found], one=True))
        case "yaml":
            click.echo(as_yaml([found], one=True))
        case _:
            _print(uncut_console(), found)


def _print(console: Console, trial: Trial) -> None:
    console.print(table(TRIALS, [trial]))
    epochs = trial.measurement.epochs or trial.epochs
    if len(epochs) >= _FEWEST_CHARTED:
        console.print()
        values = [epoch.value for epoch in epochs]
        for line in chart([Series(values, "cyan", joined=True)], min(values), max(values), _CHART_COLUMNS, _CHART_ROWS):
            console.print("  ", line, sep="")
    if epochs:
        console.print()
        console.print(_epochs(list(epochs)))
    if trial.attempts:
        console.print()
        console.print(_attempts(list(trial.attempts)))
    for attempt in trial.attempts:
        _print_traceback(console, attempt)
    if trial.measurement.HasField("weights_uri"):
        console.print(Text(f"\nweights {trial.measurement.weights_uri}"))


def _epochs(epochs: list[EpochMeasurement]) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("EPOCH", "VALUE", "LOSS", "SECONDS"):
        made.add_column(head, justify="right")
    for epoch in epochs:
        loss = figures.reward(epoch.loss if epoch.HasField("loss") else None)
        made.add_row(str(epoch.epoch), figures.reward(epoch.value), loss, figures.duration(epoch.seconds))
    return made


def _attempts(attempts: list[Attempt]) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("ATTEMPT", "TRAINER", "STARTED", "TOOK", "RESULT"):
        made.add_column(head)
    for number, attempt in enumerate(attempts, start=1):
        started = attempt.start_time.ToDatetime()
        took = (attempt.end_time.ToDatetime() - started).total_seconds() if attempt.HasField("end_time") else None
        made.add_row(
            str(number), attempt.trainer, f"{started:%Y-%m-%d %H:%M:%S}", figures.duration(took), Text(_result(attempt))
        )
    return made


def _result(attempt: Attempt) -> str:
    late = ", came too late" if attempt.late else ""
    if attempt.HasField("failure"):
        return f"{word(FailureKind.Name(attempt.failure.kind), 'FAILURE_KIND_')}: {attempt.failure.message}{late}"
    return f"measured{late}" if attempt.HasField("end_time") else "running"


def _print_traceback(console: Console, attempt: Attempt) -> None:
    if attempt.failure.traceback:
        console.print()
        console.print(Text(attempt.failure.traceback.rstrip("\n"), style="red"))

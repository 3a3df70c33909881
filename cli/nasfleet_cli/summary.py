"""What is said when a search is over, or is looked at afterwards: the best architectures, a picture, the next commands."""

from collections import Counter
from itertools import islice

from rich.console import Console
from rich.text import Text

from nasfleet.client import Client
from nasfleet.errors import ConflictError
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet.v1.search_pb2 import Search
from nasfleet.v1.trial_pb2 import FailureKind, Trial
from nasfleet_cli.addressing import short
from nasfleet_cli.tables import BEST, table
from nasfleet_cli.target import Target
from nasfleet_cli.words import word

BEST_SHOWN = 5
_FAILURES_LOOKED_AT = 1000


def show_summary(console: Console, client: Client, search: Search, target: Target) -> None:
    """Print the results of a search so far."""
    best = list(client.list_best_trials(search.name, BEST_SHOWN))
    if not best:
        _show_failures(console, client, search, target)
        return
    console.print()
    console.print(Text("Best architectures", style="bold"))
    console.print(table(BEST, best))
    _show_drawing(console, client, best[0])
    console.print()
    console.print(Text("Next", style="bold"))
    for command, what in _next_commands(search, best[0], target):
        console.print(Text.assemble("  ", (command, "cyan"), (f"  # {what}", "dim")))


def _show_failures(console: Console, client: Client, search: Search, target: Target) -> None:
    """Say what became of the trials if none was measured, and which failure was the most frequent."""
    unsuccessful = client.list_trials(search.name, filter="state = FAILED", fields=("name", "failure"))
    looked_at = list(islice(unsuccessful, _FAILURES_LOOKED_AT))
    if not looked_at:
        console.print("No trial has been measured yet.", style="yellow")
        return
    counts = search.counts
    console.print(f"No trial was measured: {counts.failed:,} failed, {counts.lost:,} lost.", style="yellow")
    kind = Counter(map(_failure, looked_at)).most_common(1)[0][0]
    first = next(trial for trial in looked_at if _failure(trial) == kind)
    console.print(Text(f"The most frequent failure: {kind}"))
    console.print(Text.assemble("  ", (f"nasfleet logs {short(first.name)}{target.options}", "cyan"), ("  # all of it", "dim")))


def _failure(trial: Trial) -> str:
    return f"{word(FailureKind.Name(trial.failure.kind), 'FAILURE_KIND_')}: {trial.failure.message}"


def _show_drawing(console: Console, client: Client, best: Trial) -> None:
    try:
        exported = client.export_architecture(best.name, ExportFormat.EXPORT_FORMAT_TEXT)
    except ConflictError:
        return  # a space that has no drawing
    console.print()
    console.print(Text(f"Trial {short(best.name)}", style="bold"))
    console.print(Text(exported.content.rstrip("\n")))


def _next_commands(search: Search, best: Trial, target: Target) -> list[tuple[str, str]]:
    name, options = short(search.name), target.options
    commands = [
        (f"nasfleet get trials {name} --best 10{options}", "more of the best"),
        (f"nasfleet logs {short(best.name)}{options}", "how the best one was trained"),
    ]
    if search.spec.search_space.HasField("conv_chain"):
        file = f"{short(best.name).replace('/', '-')}.py"
        commands.append(
            (f"nasfleet export {short(best.name)} --format pytorch --output {file}{options}", "its network as a module")
        )
    else:
        commands.append((f"nasfleet export {short(best.name)} --format json{options}", "its choices"))
    return commands

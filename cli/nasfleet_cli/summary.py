"""What is said when a search is over, or is looked at afterwards: the best architectures, a picture, the next commands."""

from rich.console import Console
from rich.text import Text

from nasfleet.client import Client
from nasfleet.errors import ConflictError
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet.v1.search_pb2 import Search
from nasfleet.v1.trial_pb2 import Trial
from nasfleet_cli.addressing import short
from nasfleet_cli.tables import BEST, table
from nasfleet_cli.target import Target

BEST_SHOWN = 5


def show_summary(console: Console, client: Client, search: Search, target: Target) -> None:
    """Print the results of a search so far."""
    best = list(client.list_best_trials(search.name, BEST_SHOWN))
    if not best:
        console.print("No trial has a reward.", style="yellow")
        return
    console.print()
    console.print(Text("Best architectures", style="bold"))
    console.print(table(BEST, best))
    _show_drawing(console, client, best[0])
    console.print()
    console.print(Text("Next", style="bold"))
    for command, what in _next_commands(search, best[0], target):
        console.print(Text.assemble("  ", (command, "cyan"), (f"  # {what}", "dim")))


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

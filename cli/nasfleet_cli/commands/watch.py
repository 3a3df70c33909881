"""`nasfleet watch`: the live view of a search that runs elsewhere."""

import click
from rich.console import Console

from nasfleet.errors import UnavailableError
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet_cli.addressing import search_name, short
from nasfleet_cli.commands.get import namespace_option, only_search
from nasfleet_cli.consoles import uncut_console
from nasfleet_cli.following import follow
from nasfleet_cli.interrupts import INTERRUPTED_EXIT_CODE
from nasfleet_cli.screens import screen
from nasfleet_cli.summary import show_summary
from nasfleet_cli.target import Target, connected, served, target_or_cluster_options
from nasfleet_cli.view_state import ViewState


@click.command("watch")
@click.argument("search", required=False)
@click.option("--plain", is_flag=True, help="Plain lines, also in a terminal.")
@namespace_option
@target_or_cluster_options
def watch(search: str | None, target: Target, namespace: str, *, plain: bool) -> None:
    """Show how SEARCH goes until it has ended.

    Ctrl-C ends the watching, not the search. A search that has ended is shown with its result.
    """
    console = Console()
    running = target.cluster is not None or served(target) is not None
    with connected(target) as client:
        name = search_name(search, namespace) if search else only_search(client, namespace)
        found = client.get_search(str(name))
        if not (running or _has_ended(found)):
            raise UnavailableError(
                f"no controller serves {target.state}, so {short(found.name)} does not go on: nasfleet run FILE goes on with it"
            )
        hint = f"Ctrl-C ends the watching, not the search · nasfleet suspend {short(found.name)}{target.options}"
        try:
            with screen(console, plain=plain) as shown:
                found = follow(client, ViewState(search=found, hint=hint), shown).search
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED_EXIT_CODE) from None
        show_summary(uncut_console(), client, found, target)


def _has_ended(search: Search) -> bool:
    return search.state in {SearchState.SEARCH_STATE_COMPLETED, SearchState.SEARCH_STATE_CANCELLED}

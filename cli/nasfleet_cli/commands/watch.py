"""`nasfleet watch`: the live view of a search that runs elsewhere."""

import click
from rich.console import Console

from nasfleet_cli.addressing import search_name, short
from nasfleet_cli.commands.get import namespace_option, only_search
from nasfleet_cli.following import follow
from nasfleet_cli.interrupts import INTERRUPTED_EXIT_CODE
from nasfleet_cli.screens import screen
from nasfleet_cli.target import Target, connected, target_options
from nasfleet_cli.view_state import ViewState


@click.command("watch")
@click.argument("search", required=False)
@click.option("--plain", is_flag=True, help="Plain lines, also in a terminal.")
@namespace_option
@target_options
def watch(search: str | None, target: Target, namespace: str, *, plain: bool) -> None:
    """Show how SEARCH goes until it has ended.

    Ctrl-C ends the watching, not the search.
    """
    console = Console()
    with connected(target, may_start=False) as client:
        name = search_name(search, namespace) if search else only_search(client, namespace)
        found = client.get_search(str(name))
        hint = f"Ctrl-C ends the watching, not the search · nasfleet suspend {short(found.name)}{target.options}"
        try:
            with screen(console, plain=plain) as shown:
                follow(client, ViewState(search=found, hint=hint), shown)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED_EXIT_CODE) from None

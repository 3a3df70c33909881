"""`nasfleet suspend`, `resume`, `cancel`, `delete` and `drain`: what people do to a search or a trainer that is there."""

from collections.abc import Sequence

import click

from nasfleet.client import Client
from nasfleet.errors import NotFoundError
from nasfleet.names import SearchName
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet_cli.addressing import search_name
from nasfleet_cli.commands.get import namespace_option
from nasfleet_cli.target import Target, connected, target_or_cluster_options
from nasfleet_cli.words import state_word

_ENDED = {SearchState.SEARCH_STATE_COMPLETED, SearchState.SEARCH_STATE_CANCELLED}


@click.command("suspend")
@click.argument("search")
@namespace_option
@target_or_cluster_options
def suspend(search: str, target: Target, namespace: str) -> None:
    """Take all work on SEARCH back; nothing is lost."""
    name = search_name(search, namespace)
    with connected(target) as client:
        _declare(client, target, name, suspend=True)
        _say(client.suspend_search(str(name)))


@click.command("resume")
@click.argument("search")
@namespace_option
@target_or_cluster_options
def resume(search: str, target: Target, namespace: str) -> None:
    """Go on with a suspended SEARCH."""
    name = search_name(search, namespace)
    with connected(target) as client:
        _declare(client, target, name, suspend=False)
        _say(client.resume_search(str(name)))


@click.command("cancel")
@click.argument("search")
@namespace_option
@target_or_cluster_options
def cancel(search: str, target: Target, namespace: str) -> None:
    """End SEARCH for good; its results stay."""
    name = str(search_name(search, namespace))
    with connected(target) as client:
        _say(client.cancel_search(name))


@click.command("delete")
@click.argument("search")
@click.option("--yes", is_flag=True, help="Do not ask.")
@namespace_option
@target_or_cluster_options
def delete(search: str, target: Target, namespace: str, *, yes: bool) -> None:
    """End SEARCH and delete its results."""
    name = search_name(search, namespace)
    with connected(target) as client:
        found = client.get_search(str(name))
        settled = found.counts.succeeded + found.counts.failed + found.counts.lost
        if not yes:
            click.confirm(f"Delete search {search} with its {settled:,} settled trials?", abort=True)
        if target.cluster is not None and target.cluster.declares(name, found.uid):
            target.cluster.delete(name)  # the operator deletes it at the controller
        else:
            client.delete_search(str(name))
    click.echo(f"search {search} is deleted")


@click.command("drain")
@click.argument("trainers", nargs=-1, required=True, metavar="TRAINER...")
@target_or_cluster_options
def drain(trainers: Sequence[str], target: Target) -> None:
    """Ask each TRAINER to finish or hand back what it holds and to leave."""
    with connected(target) as client:
        found = client.drain_trainers(trainers)
    for name in found:
        click.echo(f"trainer {name} is draining")
    unknown = [name for name in trainers if name not in found]
    if unknown:
        raise NotFoundError(f"there is no trainer {', '.join(unknown)}: see nasfleet get trainers")


def _declare(client: Client, target: Target, name: SearchName, *, suspend: bool) -> None:
    """Declare the wish where the search is declared: what the controller alone were told, the next declaration could undo."""
    if target.cluster is None:
        return
    found = client.get_search(str(name))
    if found.state not in _ENDED and target.cluster.declares(name, found.uid):
        target.cluster.suspend(name, found.uid, suspend=suspend)


def _say(search: Search) -> None:
    name = search.name.rpartition("/")[2]
    click.echo(f"search {name} is {state_word(search)}")

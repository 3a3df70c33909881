"""`nasfleet get`: searches, trials, trainers and pools as tables, JSON or YAML."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

import click
from google.protobuf.message import Message

from nasfleet.client import Client
from nasfleet.errors import InvalidInputError, NotFoundError
from nasfleet.names import DEFAULT_NAMESPACE, PoolName, SearchName
from nasfleet_cli.addressing import search_name
from nasfleet_cli.consoles import uncut_console
from nasfleet_cli.messages import as_json, as_yaml
from nasfleet_cli.tables import SEARCHES, TRAINERS, TRIALS, Column, pool_columns, table
from nasfleet_cli.target import Target, connected, target_or_cluster_options

F = TypeVar("F", bound=Callable[..., Any])
Row = TypeVar("Row", bound=Message)


def output_option(command: F) -> F:
    """Add `-o`."""
    return click.option(
        "-o", "--output", type=click.Choice(["table", "wide", "json", "yaml"]), default="table", show_default=True, help="Form."
    )(command)


def namespace_option(command: F) -> F:
    """Add `-n`."""
    text = f"Namespace of short names; without it that of the context, or {DEFAULT_NAMESPACE!r}."
    return click.option("-n", "--namespace", help=text)(command)


@click.group("get")
def get() -> None:
    """Show searches, trials, trainers or pools."""


@get.command("searches")
@click.argument("search", required=False)
@namespace_option
@output_option
@target_or_cluster_options
def searches(search: str | None, target: Target, namespace: str, output: str) -> None:
    """Show all searches, or the one named SEARCH."""
    with connected(target) as client:
        if search is not None:
            _show([client.get_search(str(search_name(search, namespace)))], SEARCHES, output, one=True)
        else:
            _show(client.list_searches(f"namespaces/{namespace}"), SEARCHES, output)


@get.command("trials")
@click.argument("search", required=False)
@click.option("--filter", "condition", default="", help="Such as 'state = SUCCEEDED AND reward > 0.9 AND parameters < 100000'.")
@click.option("--order-by", default="", help="Such as 'reward desc, number'; without it by number.")
@click.option("--best", type=click.IntRange(1, 1000), metavar="N", help="The N different networks with the highest rewards.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@namespace_option
@output_option
@target_or_cluster_options
def trials(
    search: str | None,
    target: Target,
    namespace: str,
    output: str,
    *,
    condition: str,
    order_by: str,
    best: int | None,
    limit: int | None,
) -> None:
    """Show the trials of SEARCH, which may be left out if there is only one."""
    if best is not None and (condition or order_by or limit):
        raise InvalidInputError("--best has its own order and number: leave --filter, --order-by and --limit out, or --best")
    with connected(target) as client:
        name = str(search_name(search, namespace) if search else only_search(client, namespace))
        if best is not None:
            _show(client.list_best_trials(name, best), TRIALS, output)
        else:
            _show(islice(client.list_trials(name, filter=condition, order_by=order_by), limit), TRIALS, output)


@get.command("trainers")
@output_option
@target_or_cluster_options
def trainers(target: Target, output: str) -> None:
    """Show the trainers that are connected, and what they do."""
    with connected(target) as client:
        _show(client.get_fleet().trainers, TRAINERS, output)


@get.command("pools")
@namespace_option
@output_option
@target_or_cluster_options
def pools(target: Target, namespace: str, output: str) -> None:
    """Show the pools of trainers that a cluster has."""
    with connected(target) as client:
        fleet = client.get_fleet()
    here = [pool for pool in fleet.pools if PoolName.parse(pool.name).namespace == namespace]
    _show(here, pool_columns(fleet.trainers), output)


def only_search(client: Client, namespace: str) -> SearchName:
    """Return the name of the only search of a namespace.

    Raises:
        NotFoundError: if there is none.
        InvalidInputError: if there are several.
    """
    names = [SearchName.parse(search.name) for search in client.list_searches(f"namespaces/{namespace}")]
    if not names:
        raise NotFoundError(f"there is no search in namespace {namespace!r}: start one with nasfleet run FILE")
    if len(names) > 1:
        raise InvalidInputError(f"which search? There are {', '.join(name.search_id for name in names)}: name one of them")
    return names[0]


def _show(rows: Iterable[Row], columns: Sequence[Column[Row]], output: str, *, one: bool = False) -> None:
    match output:
        case "json":
            click.echo(as_json(rows, one=one))
        case "yaml":
            click.echo(as_yaml(rows, one=one))
        case _:
            uncut_console().print(table(columns, rows, wide=output == "wide"))

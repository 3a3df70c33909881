"""`nasfleet controller`, `nasfleet trainer` and `nasfleet operator`: the programs themselves, with their own options."""

import sys
from collections.abc import Callable

import click

from nasfleet_cli.extras import needing

_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command("controller", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def controller(arguments: tuple[str, ...]) -> None:
    """Serve searches to trainers and to people."""
    with needing("controller"):
        from nasfleet_controller.__main__ import main
    _run("controller", main, arguments)


@click.command("trainer", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def trainer(arguments: tuple[str, ...]) -> None:
    """Train child networks for a controller."""
    with needing("trainer"):
        from nasfleet_trainer.__main__ import main
    _run("trainer", main, arguments)


@click.command("operator", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def operator(arguments: tuple[str, ...]) -> None:
    """Run the searches and the trainer pools that are declared in a Kubernetes cluster."""
    with needing("operator"):
        from nasfleet_operator.__main__ import main
    _run("operator", main, arguments)


def _run(name: str, main: Callable[[], int], arguments: tuple[str, ...]) -> None:
    sys.argv = [f"nasfleet {name}", *arguments]
    sys.exit(main())

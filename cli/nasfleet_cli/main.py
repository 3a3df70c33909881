"""The command `nasfleet`."""

import signal
import sys
from pathlib import Path

import click

from nasfleet_cli.commands.compare import compare
from nasfleet_cli.commands.completion import completion
from nasfleet_cli.commands.doctor import doctor
from nasfleet_cli.commands.export import export
from nasfleet_cli.commands.get import get
from nasfleet_cli.commands.lifecycle import cancel, delete, drain, resume, suspend
from nasfleet_cli.commands.logs import logs
from nasfleet_cli.commands.programs import controller, operator, trainer
from nasfleet_cli.commands.run import run
from nasfleet_cli.commands.watch import watch
from nasfleet_cli.translation import translated


class Commands(click.Group):
    """All commands; what users did wrong in any of them is told in one way."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the commands in the order in which people meet them."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with translated():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nasfleet")
def cli() -> None:
    """Search neural network architectures by reinforcement learning, on one machine or on a fleet."""


for command in (
    run,
    compare,
    get,
    watch,
    logs,
    export,
    suspend,
    resume,
    cancel,
    delete,
    drain,
    doctor,
    controller,
    trainer,
    operator,
    completion,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; modules of the user's own are found in the current folder, as with `python -m`."""
    sys.path.insert(0, str(Path.cwd()))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a drawing must not end a command on a poor terminal
    try:
        cli(prog_name="nasfleet")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: the interpreter's own ending is not to be torn

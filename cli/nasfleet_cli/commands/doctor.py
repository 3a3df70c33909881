"""`nasfleet doctor`: what is missing on this machine, and the fix."""

from pathlib import Path

import click
from rich.text import Text

from nasfleet_cli.checks import CHECKS, Level, Surroundings
from nasfleet_cli.consoles import uncut_console
from nasfleet_cli.target import Target, target_options

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
FAILED_EXIT_CODE = 1


@click.command("doctor")
@click.option(
    "--data-dir", envvar="NASFLEET_DATA_DIR", show_envvar=True, type=click.Path(path_type=Path), help="Where data sets are."
)
@target_options
def doctor(target: Target, *, data_dir: Path | None) -> None:
    """Check what is missing on this machine.

    The exit code is 1 if it is something that searches need.
    """
    console = uncut_console()
    failed = False
    for check in CHECKS:
        for finding in check(Surroundings(target, data_dir)):
            failed = failed or finding.level is Level.FAIL
            console.print(Text.assemble((f"{finding.level.value:<5} ", _STYLES[finding.level]), finding.what))
            if finding.fix:
                console.print(Text(f"      fix: {finding.fix}"))
    if failed:
        raise SystemExit(FAILED_EXIT_CODE)

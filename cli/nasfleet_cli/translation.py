"""What users did wrong, or what does not answer, as one message and exit code 2; Ctrl-C as one line and exit code 130.

The only place that turns errors into that.
"""

import contextlib
import errno
from collections.abc import Iterator
from typing import IO, Any

import click

from nasfleet.errors import NasfleetError
from nasfleet_cli.interrupts import INTERRUPTED_EXIT_CODE

EXIT_CODE = 2


class UserError(click.ClickException):
    """The message says what is wrong and what to do; no traceback is shown."""

    exit_code = EXIT_CODE

    def show(self, file: IO[Any] | None = None) -> None:
        """Print every line of the message on standard error."""
        first, *others = self.message.splitlines() or [""]
        click.echo(f"error: {first}", file=file, err=file is None)
        for line in others:
            click.echo(f"       {line}", file=file, err=file is None)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn errors that are no bugs of ours into a `UserError`; all others go through, with their traceback."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(INTERRUPTED_EXIT_CODE) from None
    except NasfleetError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        if error.errno == errno.EPIPE or error.filename is None:
            raise
        raise UserError(f"{error.filename}: {error.strerror}; name another path, or make room or permissions there") from error

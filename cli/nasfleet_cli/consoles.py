"""Where tables and messages are printed: nothing is cut, as with kubectl; a terminal that is too narrow wraps them."""

from rich.console import Console

_UNCUT_COLUMNS = 10_000


def uncut_console() -> Console:
    """Return a console on standard output."""
    return Console(width=_UNCUT_COLUMNS, highlight=False)

"""The two ways to show a search: a live view in a terminal, plain lines anywhere else."""

import contextlib
import time
from collections.abc import Iterator

import click
from rich.console import Console
from rich.live import Live

from nasfleet_cli.following import Screen
from nasfleet_cli.plain_lines import PlainLines, line
from nasfleet_cli.rendering import render
from nasfleet_cli.view_state import ViewState

_REMINDER_SECONDS = 30.0


class LiveScreen:
    """Draws the view again in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, state: ViewState) -> None:
        """Draw it, as high as the terminal."""
        self._live.update(render(state, self._live.console.height), refresh=True)


class PlainScreen:
    """Writes a line now and then."""

    def __init__(self) -> None:
        self._lines = PlainLines()
        self._noticed = 0
        self._message = ""
        self._waited = float("-inf")

    def show(self, state: ViewState) -> None:
        """Write a line if one is due, and what is new besides trials."""
        for notice in state.notices[len(state.notices) - (state.noticed - self._noticed) :]:
            click.echo(notice)
        self._noticed = state.noticed
        if state.search.message not in {"", self._message}:
            click.echo(state.search.message)
        self._message = state.search.message
        now = time.monotonic()
        if state.waiting and now - self._waited >= _REMINDER_SECONDS:
            click.echo(state.waiting)
            self._waited = now
        if self._lines.due(state.search, now):
            click.echo(line(state))
            self._lines = self._lines.said(state.search, now)


@contextlib.contextmanager
def screen(console: Console, *, plain: bool) -> Iterator[Screen]:
    """Yield a live view if the console is a terminal that can draw it, plain lines otherwise or if asked for."""
    if plain or not console.is_terminal or console.is_dumb_terminal or console.options.ascii_only:
        yield PlainScreen()
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield LiveScreen(live)

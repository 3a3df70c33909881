"""Which controller a command talks to: the one named, the one of the state directory, or one started for the moment."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from nasfleet.client import Client
from nasfleet.errors import InvalidInputError, NasfleetError, NotFoundError, UnavailableError
from nasfleet_cli.processes import Serving, start_controller

DEFAULT_STATE = Path("nasfleet-state")
_ANNOUNCEMENT = "controller.json"
_PROBE_SECONDS = 2.0
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Target:
    """A controller by its address, or else by its state directory."""

    controller: str | None
    state: Path

    @property
    def options(self) -> str:
        """Return what to add to a command so that it has this target; empty for the default."""
        if self.controller:
            return f" --controller {self.controller}"
        return "" if self.state == DEFAULT_STATE else f" --state {self.state}"


def target_options(command: F) -> F:
    """Add the options that choose a controller; the command gets them as `target`."""

    @click.option(
        "--controller", envvar="NASFLEET_CONTROLLER", show_envvar=True, metavar="HOST:PORT", help="A running controller."
    )
    @click.option(
        "--state",
        envvar="NASFLEET_STATE",
        show_envvar=True,
        show_default=True,
        default=DEFAULT_STATE,
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the searches and their results.",
    )
    @functools.wraps(command)
    def with_target(*args: Any, controller: str | None, state: Path, **kwargs: Any) -> Any:
        if controller is not None:
            check_address(controller)
        return command(*args, target=Target(controller, state), **kwargs)

    return with_target  # type: ignore[return-value]  # click's decorators change the parameters


def check_address(text: str) -> None:
    """Raise InvalidInputError unless this is HOST:PORT."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:  # noqa: PLR2004 - ports have 16 bits
        raise InvalidInputError(f"--controller is {text!r}: give HOST:PORT, for example 127.0.0.1:50051")


def serving_at(state: Path) -> Serving | None:
    """Return where a controller of this directory says that it serves; it may have been killed since."""
    try:
        return Serving.parse((state / _ANNOUNCEMENT).read_text())
    except (OSError, InvalidInputError):
        return None


def answers(address: str) -> bool:
    """Return whether a controller answers there."""
    try:
        with Client(address, timeout=_PROBE_SECONDS) as client:
            client.get_fleet()
    except NasfleetError:
        return False
    return True


@contextlib.contextmanager
def connected(target: Target, *, may_start: bool = True) -> Iterator[Client]:
    """Yield a client of the target's controller; if none serves, of one that is started for so long, where that may be.

    Raises:
        NotFoundError: if the state directory holds no searches.
        UnavailableError: if none serves and none may be started.
        NasfleetError: if no controller answers or can be started.
    """
    if target.controller:
        with Client(target.controller) as client:
            yield client
        return
    serving = serving_at(target.state)
    if serving is not None and answers(serving.address):
        with Client(serving.address) as client:
            yield client
        return
    if not target.state.is_dir():
        raise NotFoundError(
            f"{target.state} holds no searches: start one with nasfleet run FILE, or give --state or --controller"
        )
    if not may_start:
        raise UnavailableError(
            f"no controller serves {target.state}, so no search runs there: go on with one by nasfleet run FILE"
        )
    program, serving = start_controller(target.state)
    try:
        with Client(serving.address) as client:
            yield client
    finally:
        program.stop()

"""Which controller a command talks to: one that is named, a cluster's, the state directory's, or one started for the moment."""

import contextlib
import functools
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from nasfleet.address import parse_address
from nasfleet.client import Client
from nasfleet.errors import (
    ForbiddenError,
    InvalidInputError,
    NasfleetError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from nasfleet.names import DEFAULT_NAMESPACE
from nasfleet.transport import Trust, read_trust
from nasfleet_cli.forwarding import forwarded
from nasfleet_cli.kubectl import DEFAULT_SERVICE, Cluster, Service
from nasfleet_cli.processes import Program, ProgramEndedError, Serving, start_controller
from nasfleet_cli.state_lock import wait_until_free

DEFAULT_STATE = Path("nasfleet-state")
_ANNOUNCEMENT = "controller.json"
_PROBE_SECONDS = 2.0
_FAREWELL_SECONDS = 1.0  # a controller that has been told to leave takes its announcement back at once
_RELEASE_SECONDS = 10.0
_POLL_SECONDS = 0.1
# What `read_trust` takes, with what it is and what for.
TRUST_OPTIONS = {
    "ca": ("FILE", "Certificates that it is known by; for TLS."),
    "token_file": ("FILE", "Token to show it."),
    "server_name": (None, "Name in its certificate, if that is not its host."),
    "client_certificate": ("FILE", "Certificate to show it, if it asks for one."),
    "client_key": ("FILE", "Key of that certificate."),
}
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Target:
    """A controller by its address, by its cluster, or else by its state directory; and the namespace that was typed, if any.

    Attributes:
        trust: for TLS with the controller that is named by its address; None for plain text.
    """

    controller: str | None
    state: Path
    cluster: Cluster | None = None
    namespace: str | None = None
    trust: Trust | None = None

    @property
    def options(self) -> str:
        """Return what to add to a command so that it has this target; empty for the default."""
        return self._place + ("" if self.namespace is None else f" -n {self.namespace}")

    @property
    def _place(self) -> str:
        if self.controller:
            return f" --controller {self.controller}" + "".join(f" {word}" for word in trust_options(self.trust))
        if self.cluster is not None:
            service, account = self.cluster.service, self.cluster.service_account
            named = "" if str(service) == DEFAULT_SERVICE else f" --service {service}"
            return f" --context {self.cluster.context}{named}" + (f" --service-account {account}" if account else "")
        return "" if self.state == DEFAULT_STATE else f" --state {self.state}"


def trust_options(trust: Trust | None) -> list[str]:
    """Return the options by which a program gets this trust."""
    if trust is None:
        return []
    certificate, key = trust.pair or ("", "")
    given = {
        "--ca": trust.ca,
        "--token-file": trust.token or "",
        "--server-name": trust.server_name,
        "--client-certificate": certificate,
        "--client-key": key,
    }
    return [word for option, value in given.items() if value for word in (option, str(value))]


def _trust_options(command: F) -> F:
    """Add the options by which a controller is trusted and shown who calls."""
    for name, (metavar, text) in reversed(TRUST_OPTIONS.items()):
        variable = f"NASFLEET_{name.upper()}"
        flag = f"--{name.replace('_', '-')}"
        command = click.option(flag, envvar=variable, show_envvar=True, metavar=metavar, default="", help=text)(command)
    return command


def target_options(command: F) -> F:
    """Add the options that choose a controller; the command gets them as `target`."""

    @click.option(
        "--controller", envvar="NASFLEET_CONTROLLER", show_envvar=True, metavar="HOST:PORT", help="A running controller."
    )
    @_trust_options
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
        trusted = {name: kwargs.pop(name) for name in TRUST_OPTIONS}
        trust = None
        if controller is not None:
            parse_address(controller, "--controller")
            trust = read_trust(**trusted)
        elif typed := [name for name in trusted if _was_typed(name)]:
            raise InvalidInputError(f"--{typed[0].replace('_', '-')} is given without --controller, which it is for")
        target = Target(controller, state, namespace=kwargs.get("namespace"), trust=trust)
        return command(*args, target=target, **kwargs)

    return with_target  # type: ignore[return-value]  # click's decorators change the parameters


def target_or_cluster_options(command: F) -> F:
    """Add the options that choose a controller, also one in a cluster; a namespace that was not chosen is the context's."""

    @click.option("--context", help="A cluster, by its context in the kubeconfig; needs kubectl.")
    @click.option(
        "--service",
        envvar="NASFLEET_SERVICE",
        show_envvar=True,
        show_default=True,
        default=DEFAULT_SERVICE,
        metavar="NAMESPACE/NAME:PORT",
        help="The controller's service in that cluster.",
    )
    @click.option(
        "--service-account",
        envvar="NASFLEET_SERVICE_ACCOUNT",
        show_envvar=True,
        default="",
        help="Who to be for that controller: a service account of the namespace, which kubectl gets a token of.",
    )
    @target_options
    @functools.wraps(command)
    def with_cluster(*args: Any, context: str | None, service: str, service_account: str, target: Target, **kwargs: Any) -> Any:
        if context is not None:
            if _was_typed("controller"):
                raise InvalidInputError("--context and --controller name two controllers: give one of them")
            target = replace(target, controller=None, cluster=Cluster(context, Service.parse(service), service_account))
        if "namespace" in kwargs and kwargs["namespace"] is None:
            kwargs["namespace"] = DEFAULT_NAMESPACE if target.cluster is None else target.cluster.namespace()
        return command(*args, target=target, **kwargs)

    return with_cluster  # type: ignore[return-value]  # click's decorators change the parameters


def _was_typed(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def serving_at(state: Path) -> Serving | None:
    """Return where a controller of this directory says that it serves; it may have been killed since."""
    try:
        return Serving.parse((state / _ANNOUNCEMENT).read_text())
    except (OSError, InvalidInputError):
        return None


def answers(address: str, trust: Trust | None = None) -> bool:
    """Return whether a controller answers there, be it that it does not let us in."""
    try:
        with Client(address, trust, timeout=_PROBE_SECONDS) as client:
            client.get_fleet()
    except (UnauthenticatedError, ForbiddenError):
        return True
    except NasfleetError:
        return False
    return True


def served(target: Target) -> str | None:
    """Return the address of the target's controller, or None if none serves its directory."""
    if target.controller:
        return target.controller
    serving = serving_at(target.state)
    return serving.address if serving is not None and answers(serving.address) else None


def served_for_good(target: Target) -> str | None:
    """Return the address of the target's controller unless it is about to leave, as when its command line was killed."""
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while (address := served(target)) is not None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return address


def started(state: Path, metrics: str = "") -> tuple[Program, Serving]:
    """Return a controller that is started on this directory as soon as a controller that leaves has left it.

    Raises:
        NasfleetError: if it cannot be started; the message says why.
    """
    wait_until_free(state, _RELEASE_SECONDS)
    return start_controller(state, metrics)


@contextlib.contextmanager
def last_words(program: Program | None) -> Iterator[None]:
    """Turn the silence of a controller of our own that has ended into ProgramEndedError, with the end of its log."""
    try:
        yield
    except UnavailableError as error:
        if program is None or isinstance(error, ProgramEndedError):
            raise
        try:
            program.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            raise error from None
        raise program.ended() from error


@contextlib.contextmanager
def connected(target: Target) -> Iterator[Client]:
    """Yield a client of the target's controller; if none serves a state directory, of one that is started for so long.

    Raises:
        NotFoundError: if the state directory holds no searches.
        NasfleetError: if no controller answers or can be started.
    """
    with contextlib.ExitStack() as stack:
        if target.cluster is not None:
            address = stack.enter_context(forwarded(target.cluster))
            yield stack.enter_context(Client(address, stack.enter_context(target.cluster.trust())))
            return
        if (served_at := served(target)) is not None:
            yield stack.enter_context(Client(served_at, target.trust))
            return
    if not target.state.is_dir():
        raise NotFoundError(
            f"{target.state} holds no searches: start one with nasfleet run FILE, or give --state or --controller"
        )
    program, serving = started(target.state)
    try:
        with last_words(program), Client(serving.address) as client:
            yield client
    finally:
        program.stop()

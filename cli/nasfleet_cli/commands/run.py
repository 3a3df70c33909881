"""`nasfleet run`: a search from its file, on one machine, from start to results; Ctrl-C suspends, the same command resumes."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from nasfleet.catalogue import SearchDocument
from nasfleet.client import Client
from nasfleet.errors import ConflictError, InvalidInputError
from nasfleet.names import SearchName
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet_cli.consoles import uncut_console
from nasfleet_cli.documents import read_document
from nasfleet_cli.following import follow
from nasfleet_cli.interrupts import INTERRUPTED_EXIT_CODE, interrupts
from nasfleet_cli.processes import Program, Trainers
from nasfleet_cli.readiness import check_trainable
from nasfleet_cli.rendering import STATE_STYLES
from nasfleet_cli.screens import screen
from nasfleet_cli.summary import show_summary
from nasfleet_cli.target import Target, last_words, served_for_good, started, target_options, trust_options
from nasfleet_cli.view_state import ViewState
from nasfleet_cli.words import state_word

SUSPENDED_EXIT_CODE = 1
MOST_TRAINERS = 256
CALL_SECONDS = 60.0  # a controller that has just begun may have a policy to load


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for beside the file and the target."""

    trainers: int | None
    data_dir: Path | None
    device: str
    plain: bool


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--trainers",
    type=click.IntRange(0, MOST_TRAINERS),
    help="Trainer processes on this machine. Without it one per processor core, at most as many as the search can use; "
    "none for a controller that is named with --controller.",
)
@click.option(
    "--data-dir",
    envvar="NASFLEET_DATA_DIR",
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="Where data sets are.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="What to train on."
)
@click.option("--plain", is_flag=True, help="Plain lines, also in a terminal.")
@target_options
def run(file: Path, target: Target, *, trainers: int | None, data_dir: Path | None, device: str, plain: bool) -> None:
    """Run the search of FILE and show it until it has ended.

    Ctrl-C suspends the search, and nothing is lost: the same command resumes it. FILE may change in between where the
    reference of the search document says so.
    """
    document = read_document(file)
    if document.spec.suspend:
        raise InvalidInputError(f"spec.suspend is true in {file}: remove it, or set it to false, to run the search")
    wishes = Wishes(trainers, data_dir, device, plain)
    console = uncut_console()
    if not target.controller:
        _check_gang(document, trainers)
    if trainers != 0 and not (target.controller and trainers is None):
        check_trainable(document.spec, data_dir, device, target.state / "artifacts")
    with interrupts(), contextlib.ExitStack() as stack:
        controller = _controller(console, target, stack)
        client = stack.enter_context(Client(controller.address, target.trust, timeout=CALL_SECONDS))
        stack.enter_context(last_words(controller.program))
        search = _ensured(console, client, document)
        if search.state in {SearchState.SEARCH_STATE_COMPLETED, SearchState.SEARCH_STATE_CANCELLED}:
            _say_state(console, search)
            _say_how_to_go_on(console, search, file)
        else:
            search = _followed(console, client, search, controller, target, wishes).search
            _say_state(console, search)
        show_summary(console, client, search, target)
    if search.state == SearchState.SEARCH_STATE_SUSPENDED:  # by somebody else, or by an error of its strategy
        raise SystemExit(SUSPENDED_EXIT_CODE)


def _check_gang(document: SearchDocument, trainers: int | None) -> None:
    """Refuse a gang that the trainers of this machine cannot make up, before any is started."""
    size, count = document.spec.gang.size, _count(document.spec.parallelism, document.spec.gang.size, trainers)
    if size > max(count, 1):
        raise InvalidInputError(
            f"spec.gang.size is {size}, more than the {count} trainers that are to be started: "
            f"give --trainers {size} or more, or a smaller gang"
        )


def _count(parallelism: int, gang: int, trainers: int | None) -> int:
    """Return how many trainers are started beside a controller of our own: as asked, else what cores and search allow."""
    return min(_cores(), parallelism * gang) if trainers is None else trainers


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Controller:
    """The controller in use: its address, and its process if it is our own."""

    address: str
    program: Program | None

    def check(self) -> None:
        """Raise ProgramEndedError if it was ours and has ended."""
        if self.program is not None and self.program.exit_code is not None:
            raise self.program.ended()


def _controller(console: Console, target: Target, stack: contextlib.ExitStack) -> Controller:
    if target.controller:
        return Controller(target.controller, None)
    address = served_for_good(target)
    if address is not None:
        raise ConflictError(
            f"a controller serves {target.state} already: to use it give --controller {address}, "
            "to run apart from it give another --state"
        )
    program, serving = started(target.state, metrics="127.0.0.1:0")
    stack.callback(program.stop)
    console.print(f"controller {serving.address} · metrics http://{serving.metrics}/metrics", style="dim")
    return Controller(serving.address, program)


def _ensured(console: Console, client: Client, document: SearchDocument) -> Search:
    """Declare the search, resume it if it was suspended, and say what differs from the last time."""
    name = str(SearchName(document.namespace, document.name))
    ensured = client.ensure_search(name, document.spec)
    search = ensured.search
    for path in ensured.changed_fields:
        console.print(f"changed {path}")
    if search.state == SearchState.SEARCH_STATE_SUSPENDED:
        search = client.resume_search(name)
        console.print(f"search {document.name} goes on")
    return search


def _followed(
    console: Console, client: Client, search: Search, controller: Controller, target: Target, wishes: Wishes
) -> ViewState:
    trainers = _trainers(search, controller, target, wishes)

    def upkeep() -> Iterable[str]:
        controller.check()
        return trainers.revive()

    name = SearchName.parse(search.name).search_id
    hint = f"Ctrl-C suspends, the same command resumes · elsewhere: nasfleet get trials {name}{target.options}"
    try:
        with screen(Console(), plain=wishes.plain) as shown:
            return follow(client, ViewState(search=search, hint=hint), shown, upkeep=upkeep, stop_if_suspended=True)
    except KeyboardInterrupt:
        _suspend(console, client, search)
        raise SystemExit(INTERRUPTED_EXIT_CODE) from None
    finally:
        trainers.stop()


def _suspend(console: Console, client: Client, search: Search) -> None:
    console.print("suspending...", style="yellow")
    with contextlib.suppress(ConflictError):  # it has ended meanwhile
        client.suspend_search(search.name)
    _say_state(console, client.get_search(search.name))


def _trainers(search: Search, controller: Controller, target: Target, wishes: Wishes) -> Trainers:
    cores, count = _cores(), wishes.trainers
    if count is None:
        count = 0 if controller.program is None else _count(search.spec.parallelism, max(1, search.spec.gang.size), None)
    arguments = ["--controller", controller.address, *trust_options(target.trust)]
    arguments += ["--slots", "1", "--agents", "1", "--device", wishes.device]
    arguments += ["--threads", str(max(cores // max(count, 1), 1)), "--artifacts", str((target.state / "artifacts").resolve())]
    for key, value in search.spec.trainer_pool_selector.match_labels.items():  # they are made for this search
        arguments += ["--label", f"{key}={value}"]
    if wishes.data_dir is not None:
        arguments += ["--data-dir", str(wishes.data_dir)]
    return Trainers([arguments] * count, target.state / "logs")


def _say_state(console: Console, search: Search) -> None:
    state = state_word(search)
    reason = f": {search.message}" if search.message and search.message != state else ""
    resume = "; the same command resumes it" if search.state == SearchState.SEARCH_STATE_SUSPENDED else ""
    name = SearchName.parse(search.name).search_id
    console.print(f"search {name} is {state}{reason}{resume}", style=STATE_STYLES.get(search.state, ""))


def _say_how_to_go_on(console: Console, search: Search, file: Path) -> None:
    more = "raise spec.budget.trials to go on, or " if search.state == SearchState.SEARCH_STATE_COMPLETED else ""
    console.print(f"In {file}, {more}change metadata.name to start a new search.")

"""Following a search: streams of the controller, read by threads, become one view several times a second."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self

from nasfleet.client import Client
from nasfleet.errors import ForbiddenError, UnavailableError
from nasfleet.names import SearchName
from nasfleet.v1.fleet_pb2 import Trainer
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet.v1.trial_pb2 import Trial
from nasfleet_cli.view_state import ViewState
from nasfleet_cli.waiting import Waiting

FRAME_SECONDS = 0.2
FLEET_SECONDS = 0.5
RETRY_SECONDS = 1.0


class Screen(Protocol):
    """Where a search is shown."""

    def show(self, state: ViewState) -> None:
        """Show it as it now is."""
        ...


@dataclass(slots=True)
class News:
    """What came since the last frame; None where nothing did."""

    search: Search | None = None
    trainers: list[Trainer] | None = None
    trials: list[Trial] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    error: BaseException | None = None


class Streams:
    """What a controller says of one search, read by threads; `ended` is set when the search has ended and all was read."""

    def __init__(self, client: Client, name: SearchName) -> None:
        self.ended = threading.Event()
        self._client = client
        self._name = str(name)
        self._lock = threading.Lock()
        self._news = News()
        self._closed = threading.Event()
        self._cursor = 0
        self._threads = [
            threading.Thread(target=self._guarded, args=(read,), daemon=True)
            for read in (self._read_search, self._read_trials, self._read_fleet)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()

    def take(self) -> News:
        """Return what came since the last call, or raise what ended a stream for good."""
        with self._lock:
            taken, self._news = self._news, News()
        if taken.error is not None:
            raise taken.error
        return taken

    def _guarded(self, read: Callable[[], None]) -> None:
        """Read until the stream ends; a controller that does not answer is asked again, and anything else is passed on."""
        while not self._closed.is_set():
            try:
                read()
            except UnavailableError as error:
                with self._lock:
                    self._news.notices.append(f"{error}; trying again")
                self._closed.wait(RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - raised again by `take`, in the thread that can act on it
                with self._lock:
                    self._news.error = error
                return
            else:
                return

    def _read_search(self) -> None:
        for search in self._client.watch_search(self._name):
            with self._lock:
                self._news.search = search

    def _read_trials(self) -> None:
        for trial, cursor in self._client.watch_trials(self._name, self._cursor):
            with self._lock:
                self._news.trials.append(trial)
                self._cursor = cursor
        self.ended.set()

    def _read_fleet(self) -> None:
        while not self._closed.wait(FLEET_SECONDS):
            try:
                trainers = list(self._client.get_fleet().trainers)
            except ForbiddenError as error:  # who may see the search need not be one who may see the whole fleet
                with self._lock:
                    self._news.notices.append(f"trainers are not shown: {error}")
                return
            with self._lock:
                self._news.trainers = trainers


def follow(
    client: Client,
    state: ViewState,
    screen: Screen,
    *,
    upkeep: Callable[[], Iterable[str]] = tuple,
    stop_if_suspended: bool = False,
) -> ViewState:
    """Show a search until it has ended; return it as it then is.

    `upkeep` is called for every frame and returns what is to be said.
    """
    waiting = Waiting()
    with Streams(client, SearchName.parse(state.search.name)) as streams:
        screen.show(state)
        while True:
            over = streams.ended.wait(FRAME_SECONDS)
            state = folded(state, streams.take(), upkeep())
            now = time.monotonic()
            waiting = waiting.then(state.search, now)
            state = replace(state, waiting=waiting.told(state.search, state.trainers, now))
            screen.show(state)
            suspended = stop_if_suspended and state.search.state == SearchState.SEARCH_STATE_SUSPENDED
            if over or suspended:
                break
    state = replace(state, search=client.get_search(state.search.name), hint="", waiting="")
    screen.show(state)
    return state


def folded(state: ViewState, news: News, notices: Iterable[str]) -> ViewState:
    """Return the view after the news."""
    if news.search is not None:
        state = state.with_search(news.search)
    if news.trainers is not None:
        state = state.with_trainers(news.trainers)
    if news.trials:
        state = state.with_settled(news.trials)
    for notice in (*news.notices, *notices):
        state = state.with_notice(notice)
    return state

"""The one writer: commands change the state, their records are committed together, and only then is anybody told.

While a commit is under way the next commands gather; the busier the controller, the larger the group. When the store cannot
be written the state in memory is ahead of it and is thrown away: streams end, the state is loaded anew, trainers come back
and say again what was not acknowledged.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog

from nasfleet.errors import NasfleetError, UnavailableError
from nasfleet.names import SearchName
from nasfleet_controller.batching import BatchRequest, Group
from nasfleet_controller.boundaries import Observer, Store
from nasfleet_controller.moment import this_moment
from nasfleet_controller.records import SearchCreated, SearchState, SearchWarmed
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.state import ControllerState
from nasfleet_controller.store.trials import StoredTrial
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.thinking import Draw, Mind, Thinker, new_search

TICK_SECONDS = 0.25
RELOAD_SECONDS = 1.0

T = TypeVar("T")
log = structlog.get_logger()


class Runner:
    """Owns the state, the store's writing end and the thinking thread."""

    def __init__(self, store: Store, *observers: Observer) -> None:
        self._store = store
        self._observers = observers
        self._thinker = Thinker()
        self._thoughts: set[asyncio.Task[None]] = set()
        self._minds: dict[int, Mind] = {}
        self._state: ControllerState | None = None
        self._refusal: UnavailableError | None = None
        self._inbox: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._taken: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._change_count = 0
        self._next_change: asyncio.Event = asyncio.Event()

    @property
    def state(self) -> ControllerState:
        """The state as of now.

        Raises:
            UnavailableError: while there is none, since the store cannot be read or written.
        """
        if self._state is None:
            raise UnavailableError("the store is not available at the moment; try again")
        return self._state

    @property
    def waiting(self) -> int:
        """Commands that wait for the commit of those before them."""
        return len(self._inbox)

    async def run(self, on_ready: Callable[[bool], None]) -> None:
        """Serve until cancelled; `on_ready` is told whenever the store begins or ceases to work."""
        try:
            while True:
                try:
                    await self._load()
                    on_ready(True)
                    await self._serve()
                except UnavailableError as error:
                    on_ready(False)
                    log.warning("store_unavailable", reason=str(error))
                    for observer in self._observers:
                        observer.store_failed()
                    self._abandon(error)
                    await asyncio.sleep(RELOAD_SECONDS)
        finally:
            self._abandon(UnavailableError("the controller is shutting down"))
            await asyncio.to_thread(self._thinker.close)

    async def submit(self, command: Callable[[], T]) -> T:
        """Run a command on the state and return its result once all that it changed is durable.

        Raises:
            NasfleetError: the command's own, which has then changed nothing; UnavailableError if the commit failed.
        """
        if self._refusal is not None:
            raise self._refusal
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._inbox.append((command, done))
        self._wake.set()
        return await done

    async def changed(self, seen: int) -> int:
        """Wait until something was committed since `seen`, a number that this returned before; 0 at first."""
        while self._change_count == seen:
            await self._next_change.wait()
        return self._change_count

    async def best_trials(self, name: SearchName, count: int) -> Sequence[StoredTrial]:
        """Return the best measured trials of a search, as far as they are durable, or raise NotFoundError."""
        return await asyncio.to_thread(self._store.best, name, count)

    def create(self, created: SearchCreated, warmed: SearchWarmed | None = None) -> Search:
        """Take in a new search, and what it begins with; part of a command."""
        at = created.at
        snapshot = SearchSnapshot(created.search_id, created.name, created.uid, created.spec, created.state, "", at, at, 0.0)
        search = new_search(replace(snapshot, warmed=warmed))
        self.state.add(search, created, *(() if warmed is None else (warmed,)))
        return search

    def delete(self, search: Search) -> None:
        """Forget a search and its strategy; part of a command."""
        self.state.delete(search, this_moment())
        self._minds.pop(search.search_id, None)

    async def _load(self) -> None:
        await asyncio.to_thread(self._store.probe)  # a full disk can still be read
        snapshot = await asyncio.to_thread(self._store.load)
        self._minds = {}
        moment = this_moment()
        searches = [new_search(_resumed(found, moment.at)) for found in snapshot.searches]
        self._state = ControllerState(searches, snapshot.last_fence, snapshot.last_search_id, moment, snapshot.pools)
        self._refusal = None
        for observer in self._observers:
            observer.loaded(snapshot)
        self._notify()

    async def _serve(self) -> None:
        while True:
            self._taken, self._inbox = self._inbox, []
            self._wake.clear()
            results = [outcome for command, done in self._taken if (outcome := _carry_out(command, done)) is not None]
            self.state.advance(this_moment())
            self._think()
            await self._commit(results)
            if not self._inbox:
                # Not wait_for: until Python 3.12 that may swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await self._wake.wait()

    async def _commit(self, results: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
        """Make durable what happened, then let everybody know."""
        if records := self.state.take_records():
            began = time.perf_counter()
            commit = asyncio.create_task(asyncio.to_thread(self._store.commit, records))
            try:
                await asyncio.shield(commit)
            finally:
                # No thread is ended by cancelling: whoever opens the store next must not come between.
                await asyncio.gather(commit, return_exceptions=True)
            seconds = time.perf_counter() - began
            for observer in self._observers:
                observer.committed(records, seconds)
            self._notify()
        for done, result in results:
            if not done.done():
                done.set_result(result)
        self.state.streams.publish()

    def _notify(self) -> None:
        self._change_count += 1
        self._next_change.set()
        self._next_change = asyncio.Event()

    def _abandon(self, error: UnavailableError) -> None:
        """Give up the state in memory: nobody was told of what is not in the store."""
        for thought in self._thoughts:
            thought.cancel()
        waiting, self._inbox, self._taken = [*self._taken, *self._inbox], [], []
        for _, done in waiting:
            if not done.done():
                done.set_exception(error)
        state, self._state, self._refusal = self._state, None, error
        if state is not None:
            state.streams.close(error)

    def _think(self) -> None:
        """Ask the strategies for what is due; what they answer comes back as commands, in the order of the questions."""
        for search in self.state.searches.values():
            while (group := search.begin_learning()) is not None:
                self._begin(search, self._learn(search, group))
            if (request := search.begin_batch()) is not None:
                self._begin(search, self._draw(search, request))

    def _begin(self, search: Search, thought: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(thought, name=f"{search.name}")
        self._thoughts.add(task)
        task.add_done_callback(self._thoughts.discard)

    def _learn(self, search: Search, group: Group) -> Coroutine[Any, Any, None]:
        def take(update: Update | None) -> None:
            moment = this_moment()
            self.state.keep(search.learn(group, update, moment.at), moment)

        mind = self._mind(search)
        return self._answer(search, mind, partial(mind.learn, group), take)

    def _draw(self, search: Search, request: BatchRequest) -> Coroutine[Any, Any, None]:
        def take(draw: Draw) -> None:
            moment = this_moment()
            self.state.keep(search.propose(request, draw.policy_version, draw.layers, draw.proposals, moment.at), moment)

        # The hashes are read in the thinking thread, and only the answer to this very question adds to them.
        mind = self._mind(search)
        return self._answer(search, mind, partial(mind.draw, request, search.hashes), take)

    def _mind(self, search: Search) -> Mind:
        """Return the strategy of a search, which begins where the last update left it when it is first needed."""
        if search.search_id not in self._minds:
            priors = () if search.warmed is None else search.warmed.priors
            checkpoint = search.update.checkpoint if search.update else None
            self._minds[search.search_id] = Mind(search.spec, checkpoint, priors)
        return self._minds[search.search_id]

    async def _answer(self, search: Search, mind: Mind, job: Callable[[], T], take: Callable[[T], None]) -> None:
        """Think, then take the answer into the state; a strategy that fails suspends its search and says why."""
        command: Callable[[], None]
        try:
            command = partial(take, await self._thinker.think(job))
        except Exception as error:
            log.exception("strategy_failed", search=str(search.name))
            why = f"its strategy failed: {type(error).__name__}: {error}; resume it once that is mended"
            command = partial(self._give_up, search, why)

        def take_if_asked_still() -> None:
            if self._minds.get(search.search_id) is mind:  # else it failed meanwhile, or its search is gone
                command()

        with contextlib.suppress(UnavailableError):
            await self.submit(take_if_asked_still)

    def _give_up(self, search: Search, why: str) -> None:
        """Suspend a search whose strategy failed; the strategy begins anew where its last update left it."""
        self._minds.pop(search.search_id, None)  # of several jobs of it each may fail
        moment = this_moment()
        self.state.keep(search.give_up(why, moment.at), moment)


def _resumed(found: SearchSnapshot, at: float) -> SearchSnapshot:
    """Return a search as it goes on now: the time since its last record was the controller's, not its own."""
    return replace(found, moved_at=at) if found.state is SearchState.RUNNING else found


def _carry_out(command: Callable[[], T], done: asyncio.Future[T]) -> tuple[asyncio.Future[T], T] | None:
    """Run one command; its own error goes back to whoever gave it."""
    try:
        return done, command()
    except NasfleetError as error:
        if not done.done():
            done.set_exception(error)
        return None

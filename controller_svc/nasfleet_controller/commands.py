"""What people and the operator can do to searches; every call is durable when it returns, and may be repeated."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nasfleet.catalogue import SearchSpec
from nasfleet.catalogue.changes import changes
from nasfleet.catalogue.known_decisions import keeping_decisions
from nasfleet.errors import ConflictError, NotFoundError, UnavailableError
from nasfleet.names import SearchName
from nasfleet_controller.moment import this_moment
from nasfleet_controller.records import Prior, Record, SearchCreated, SearchState, SearchWarmed
from nasfleet_controller.runner import Runner
from nasfleet_controller.search import Search
from nasfleet_controller.strategies.suiting import check_suits
from nasfleet_controller.views import SearchView, view_search
from nasfleet_controller.warm_starts import priors_of, refuse_misfit


@dataclass(frozen=True, slots=True)
class Ensured:
    """What became of a declaration; `search` is absent for a dry run of a search that is not there."""

    search: SearchView | None
    created: bool
    changed_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a search that is to be created begins with."""

    source_uid: str
    priors: tuple[Prior, ...]


class SearchCommands:
    """Searches by name."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def view(self, name: SearchName) -> SearchView:
        """Return a search as it is now, or raise NotFoundError; like everything told, it is durable."""
        return await self._runner.submit(lambda: self._view(self._find(name)))

    async def views(self, namespace: str | None) -> list[SearchView]:
        """Return the searches of a namespace, or of all with None, newest first."""
        return await self._runner.submit(lambda: self._views(namespace))

    async def ensure(self, name: SearchName, uid: str, spec: SearchSpec, *, dry_run: bool) -> Ensured:
        """Make a search be as declared.

        Raises:
            InvalidInputError: if the strategy does not suit the search space, as far as that is known, or a warm start not fit.
            ConflictError: if another search has the name, or a field differs that may not change after the start.
        """
        beginning = await self._beginning(name, spec)
        return await self._runner.submit(lambda: self._ensure(name, uid, spec, beginning, dry_run=dry_run))

    async def suspend(self, name: SearchName) -> SearchView:
        """Take all leases back and propose nothing until resumed."""
        return await self._act(name, Search.suspend)

    async def resume(self, name: SearchName) -> SearchView:
        """Go on."""
        return await self._act(name, Search.resume)

    async def cancel(self, name: SearchName) -> SearchView:
        """End it before its budget is used up."""
        return await self._act(name, Search.cancel)

    async def delete(self, name: SearchName) -> None:
        """Forget it, if it is there."""

        def command() -> None:
            if (search := self._runner.state.named(name)) is not None:
                self._runner.delete(search)

        await self._runner.submit(command)

    async def _act(self, name: SearchName, act: Callable[[Search, float], Sequence[Record]]) -> SearchView:
        def command() -> SearchView:
            search, moment = self._find(name), this_moment()
            self._runner.state.keep(act(search, moment.at), moment)
            return self._view(search)

        return await self._runner.submit(command)

    async def _beginning(self, name: SearchName, spec: SearchSpec) -> Beginning | None:
        """Return what a new search begins with, read before it is created; None for one that is there, or begins with none."""
        if spec.warm_start is None or self._runner.state.named(name) is not None:
            return None
        source = SearchName(name.namespace, spec.warm_start.search)
        earlier = self._runner.state.named(source)
        refuse_misfit(name, spec, None if earlier is None else earlier.spec)
        best = await self._runner.best_trials(source, spec.warm_start.top)
        return Beginning("" if earlier is None else earlier.uid, priors_of(spec, best))

    def _ensure(self, name: SearchName, uid: str, spec: SearchSpec, beginning: Beginning | None, *, dry_run: bool) -> Ensured:
        search = self._runner.state.named(name)
        if search is None:
            if spec.search_space.unlowered is None:
                check_suits(spec)
            if spec.warm_start is not None and beginning is None:
                raise UnavailableError(f"search {name.search_id} was deleted at this moment: declare it again")
            search_view = None if dry_run else self._create(name, uid, spec, beginning)
            return Ensured(search_view, created=True, changed_fields=())
        if uid and uid != search.uid:
            raise ConflictError(
                f"another search is named {name.search_id} (uid {search.uid}): choose another name or delete it"
            )
        spec = keeping_decisions(spec, search.spec)
        # Decisions that come with a declaration are as good as a trainer's while none are known.
        allowed, refused = changes(keeping_decisions(search.spec, spec), spec)
        if refused:
            raise ConflictError(
                f"{', '.join(refused)} may not change after the start of search {name.search_id}: "
                "undo that, or give the search another metadata.name"
            )
        if spec != search.spec and not dry_run:
            moment = this_moment()
            self._runner.state.keep(search.change(spec, moment.at), moment)
        return Ensured(self._view(search), created=False, changed_fields=allowed)

    def _create(self, name: SearchName, uid: str, spec: SearchSpec, beginning: Beginning | None) -> SearchView:
        state = SearchState.SUSPENDED if spec.suspend else SearchState.RUNNING
        search_id = self._runner.state.last_search_id + 1
        created = SearchCreated(search_id, name, uid or uuid.uuid4().hex, spec, state, this_moment().at)
        warmed = None if beginning is None else SearchWarmed(search_id, beginning.source_uid, beginning.priors)
        return self._view(self._runner.create(created, warmed))

    def _views(self, namespace: str | None) -> list[SearchView]:
        newest_first = sorted(self._runner.state.searches.values(), key=lambda search: -search.search_id)
        return [self._view(search) for search in newest_first if namespace in {None, search.name.namespace}]

    def _find(self, name: SearchName) -> Search:
        search = self._runner.state.named(name)
        if search is None:
            raise NotFoundError(f"there is no search {name.search_id!r} in namespace {name.namespace!r}")
        return search

    def _view(self, search: Search) -> SearchView:
        state, moment = self._runner.state, this_moment()
        rate = state.rates[search.search_id].per_second(moment.now)
        return view_search(search, state.notice(search), rate, moment.at)

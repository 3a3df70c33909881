"""The controller's view, looked at every other second: what has changed since is a reason for a pass."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import structlog

from nasfleet.errors import NasfleetError
from nasfleet.names import PoolName, SearchName
from nasfleet_operator.cache import Key
from nasfleet_operator.controller import Controller, ControllerView
from nasfleet_operator.kinds import POOLS, SEARCHES
from nasfleet_operator.views import FleetView, SearchSeen

log = structlog.get_logger()


class Polled:
    """What was seen last; `view` is None while the controller does not answer."""

    def __init__(self, controller: Controller, namespaces: Collection[str] = ()) -> None:
        """Prepare to look at the searches and pools of these namespaces, or of all."""
        self._controller = controller
        self._namespaces = namespaces
        self._answered = True
        self._seen_meanwhile: dict[Key, FleetView | SearchSeen | None] = {}
        self.view: ControllerView | None = None

    async def look(self) -> frozenset[Key] | None:
        """Look anew; return whom the news concern, None for all since the controller went or came."""
        before = self.view
        self._seen_meanwhile.clear()
        try:
            self.view = _within(await self._controller.look(), self._namespaces)
            self._answered = True
        except NasfleetError as error:
            if self._answered:
                log.warning("controller_unavailable", error=str(error))
            self.view, self._answered = None, False
        if before is None or self.view is None:
            return frozenset() if before is self.view else None
        for key, found in self._seen_meanwhile.items():
            self.view = _with(self.view, key, found)
        return frozenset(_changed(before, self.view))

    def search(self, key: Key) -> SearchSeen | None:
        """Return a search as it was seen last."""
        return None if self.view is None else self.view.searches.get(SearchName(key.namespace, key.name))

    def fleet(self, key: Key) -> FleetView | None:
        """Return a pool and its trainers as they were seen last; None while the controller does not answer."""
        return None if self.view is None else self.view.fleets.get(PoolName(key.namespace, key.name), FleetView())

    def declared_pools(self) -> frozenset[Key]:
        """Return the pools that the controller knows, also those that are no more."""
        fleets = {} if self.view is None else self.view.fleets
        return frozenset(Key(POOLS, name.namespace, name.pool_id) for name, fleet in fleets.items() if fleet.pool is not None)

    async def look_at(self, key: Key) -> None:
        """Look at one search or pool anew, since something was just declared about it or depends on it."""
        if self.view is None:
            return
        found: FleetView | SearchSeen | None
        if key.kind is POOLS:
            found = await self._controller.fleet(PoolName(key.namespace, key.name))
        else:
            found = await self._controller.search(SearchName(key.namespace, key.name))
        # Looking at everything, if that goes on, may have seen this before it changed.
        self._seen_meanwhile[key] = found
        if self.view is not None:
            self.view = _with(self.view, key, found)


async def poll(polled: Polled, every: float, add: Callable[[Key], None], all_keys: Callable[[], frozenset[Key]]) -> None:
    """Look every so many seconds, for ever."""
    while True:
        await asyncio.sleep(every)
        concerned = await polled.look()
        for key in all_keys() if concerned is None else concerned:
            add(key)


def _within(view: ControllerView, namespaces: Collection[str]) -> ControllerView:
    if not namespaces:
        return view
    return ControllerView(
        {name: search for name, search in view.searches.items() if name.namespace in namespaces},
        {name: fleet for name, fleet in view.fleets.items() if name.namespace in namespaces},
    )


def _with(view: ControllerView, key: Key, found: FleetView | SearchSeen | None) -> ControllerView:
    """Return a view in which one pool or search is as it was found."""
    if isinstance(found, FleetView):
        return replace(view, fleets={**view.fleets, PoolName(key.namespace, key.name): found})
    name = SearchName(key.namespace, key.name)
    others = {other: seen for other, seen in view.searches.items() if other != name}
    return replace(view, searches=others if found is None else {**others, name: found})


def _changed(before: ControllerView, after: ControllerView) -> Iterator[Key]:
    for name in before.searches.keys() | after.searches.keys():
        if before.searches.get(name) != after.searches.get(name):
            yield Key(SEARCHES, name.namespace, name.search_id)
    for pool in before.fleets.keys() | after.fleets.keys():
        if _without_times(before.fleets.get(pool)) != _without_times(after.fleets.get(pool)):
            yield Key(POOLS, pool.namespace, pool.pool_id)


def _without_times(fleet: FleetView | None) -> FleetView | None:
    """Return a fleet without what changes with time alone; plans say themselves when they want to look again."""
    if fleet is None:
        return None
    return replace(fleet, trainers=tuple(replace(trainer, idle_seconds=None) for trainer in fleet.trainers))

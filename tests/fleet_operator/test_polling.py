"""What is seen of the controller while things are declared to it and while it comes and goes."""

import asyncio
from collections.abc import Mapping

import pytest

from nasfleet.catalogue import Synthetic
from nasfleet.errors import UnavailableError
from nasfleet.names import PoolName, SearchName
from nasfleet_operator.cache import Key
from nasfleet_operator.controller import ControllerView
from nasfleet_operator.kinds import POOLS, SEARCHES
from nasfleet_operator.polling import Polled
from nasfleet_operator.views import FleetView, PoolView, SearchState, SearchView, TrainerState, TrainerView
from nasfleet_testing.programs import synthetic_search

NAME, KEY = SearchName("team", "digits"), Key(SEARCHES, "team", "digits")
POOL, POOL_KEY = PoolName("team", "gpus"), Key(POOLS, "team", "gpus")
SEARCH = SearchView(uid="1", spec=synthetic_search(10, 2, Synthetic()), state=SearchState.RUNNING, created_at=0.0)


class Remembering:
    """A controller that says what the test wants it to; `gate` holds up whoever looks at everything after it was seen."""

    def __init__(self) -> None:
        self.searches: dict[SearchName, SearchView] = {}
        self.fleets: dict[PoolName, FleetView] = {}
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def look(self) -> ControllerView:
        if self.away:
            raise UnavailableError("away")
        seen = ControllerView(dict(self.searches), dict(self.fleets))
        await self.gate.wait()
        return seen

    async def search(self, name: SearchName) -> SearchView | None:
        return self.searches.get(name)

    async def fleet(self, name: PoolName) -> FleetView:
        return self.fleets.get(name, FleetView())


@pytest.fixture
def controller() -> Remembering:
    return Remembering()


@pytest.fixture
async def polled(controller: Remembering) -> Polled:
    one = Polled(controller)  # type: ignore[arg-type]  # it is asked no more than this
    await one.look()
    return one


async def test_what_was_declared_while_everything_was_looked_at_is_not_forgotten(
    polled: Polled, controller: Remembering
) -> None:
    controller.gate.clear()
    looking = asyncio.create_task(polled.look())
    await asyncio.sleep(0)
    controller.searches[NAME] = SEARCH
    await polled.look_at(KEY)
    controller.gate.set()
    await looking
    assert polled.search(KEY) == SEARCH


async def test_only_news_concern_anybody(polled: Polled, controller: Remembering) -> None:
    def fleet(idle_seconds: float) -> Mapping[PoolName, FleetView]:
        trainer = TrainerView(name="one", state=TrainerState.IDLE, idle_seconds=idle_seconds)
        return {POOL: FleetView(trainers=(trainer,))}

    controller.searches[NAME] = SEARCH
    controller.fleets |= fleet(1.0)
    assert await polled.look() == {KEY, POOL_KEY}
    controller.fleets |= fleet(3.0)
    assert await polled.look() == frozenset()
    del controller.searches[NAME]
    assert await polled.look() == {KEY}


async def test_all_are_concerned_when_the_controller_goes_and_when_it_comes_back(
    polled: Polled, controller: Remembering
) -> None:
    controller.away = True
    assert await polled.look() is None
    assert polled.fleet(POOL_KEY) is None
    assert await polled.look() == frozenset()
    controller.away = False
    assert await polled.look() is None
    assert polled.fleet(POOL_KEY) == FleetView()


async def test_only_the_watched_namespaces_are_looked_at_and_only_declared_pools_are_known(controller: Remembering) -> None:
    elsewhere, undeclared = PoolName("other", "gpus"), PoolName("team", "none")
    declared = FleetView(pool=PoolView(labels={}, service_account="", wanted_size=1))
    controller.fleets = {POOL: declared, elsewhere: declared, undeclared: FleetView()}
    controller.searches = {NAME: SEARCH, SearchName("other", "digits"): SEARCH}
    one = Polled(controller, ("team",))  # type: ignore[arg-type]  # it is asked no more than this
    assert one.declared_pools() == frozenset()
    await one.look()
    assert one.declared_pools() == {POOL_KEY}
    assert one.view == ControllerView({NAME: SEARCH}, {POOL: declared, undeclared: FleetView()})
    controller.fleets[elsewhere] = FleetView()
    assert await one.look() == frozenset()

"""What the controller shows of its state: values, made when somebody asks, so that nobody reads what the runner changes."""

from collections.abc import Iterable
from dataclasses import dataclass

from nasfleet.catalogue import SearchSpec
from nasfleet.names import PoolName, SearchName
from nasfleet_controller.demand import wanted_slots
from nasfleet_controller.records import PoolDeclared, SearchState, SearchWarmed
from nasfleet_controller.search import Search
from nasfleet_controller.state import ControllerState
from nasfleet_controller.strategies.strategy import Update


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search and how it goes; the fields are those of `nasfleet.v1.Search`."""

    search_id: int
    name: SearchName
    uid: str
    spec: SearchSpec
    space_size: int | None
    state: SearchState
    message: str
    queued: int
    running: int
    succeeded: int
    failed: int
    lost: int
    distinct: int
    best: tuple[int, float] | None
    average_reward: float | None
    update: Update | None
    trainer_seconds: float
    running_seconds: float
    created_at: float
    moved_at: float
    trials_per_second: float
    warmed: SearchWarmed | None


def view_search(search: Search, notice: str, trials_per_second: float, at: float) -> SearchView:
    """Return a search as it is now; a notice of its trainers stands in for an empty message, or says what is waited for."""
    return SearchView(
        search_id=search.search_id,
        name=search.name,
        uid=search.uid,
        spec=search.spec,
        space_size=search.space_size,
        state=search.state,
        message=_message(search, notice),
        queued=search.waiting,
        running=search.running,
        succeeded=search.tally.succeeded,
        failed=search.tally.failed,
        lost=search.tally.lost,
        distinct=len(search.hashes),
        best=search.tally.best,
        average_reward=search.tally.average_reward,
        update=search.update,
        trainer_seconds=search.tally.trainer_seconds,
        running_seconds=search.running_seconds(at),
        created_at=search.created_at,
        moved_at=search.moved_at,
        trials_per_second=trials_per_second,
        warmed=search.warmed,
    )


def _message(search: Search, notice: str) -> str:
    plugin = search.spec.search_space.unlowered
    if plugin is None or not search.waits_for_space:
        return search.message or notice
    wanted = "start one of this version, of those that trainerPoolSelector admits, that can import it"
    return f"waits for a trainer to lower its search space {plugin.object}: {notice or wanted}"


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as it was declared, which of its trainers get nothing more, and how many slots searches could use."""

    declared: PoolDeclared
    cordoned: frozenset[str]
    wanted_slots: int


def view_pools(state: ControllerState, names: Iterable[PoolName], now: float) -> list[PoolView]:
    """Return declared pools as they are now; a scrape may ask from any thread, so every dictionary is copied first."""
    pools, searches, trainers = state.dispatcher.pools, list(state.searches.values()), list(state.dispatcher.trainers.values())
    wanted = wanted_slots(pools, searches, trainers, now)
    return [
        PoolView(declared, pools.cordoned(name), wanted[name])
        for name in names
        if (declared := pools.declared.get(name)) is not None
    ]

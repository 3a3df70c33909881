"""The controller as the operator uses it: what is asked of it and what is seen of it, over its gRPC contract."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from nasfleet.catalogue import InvalidParametersError, SearchSpec
from nasfleet.client import Client
from nasfleet.codec import spec_from_proto
from nasfleet.errors import ConflictError, InvalidInputError, NotFoundError
from nasfleet.names import ALL_NAMESPACES, PoolName, SearchName
from nasfleet.v1 import fleet_pb2, search_pb2
from nasfleet_operator.plan import DeclarePool, DeclareSearch
from nasfleet_operator.views import (
    BestTrial,
    FleetView,
    PoolView,
    SearchSeen,
    SearchState,
    SearchView,
    TrainerState,
    TrainerView,
    TrialCounts,
    UnreadableSearch,
)

T = TypeVar("T")

_SEARCH_STATES: Mapping[int, SearchState] = {
    search_pb2.SearchState.Value(f"SEARCH_STATE_{state.name}"): state for state in SearchState
}
_TRAINER_STATES: Mapping[int, TrainerState] = {
    fleet_pb2.TrainerState.Value(f"TRAINER_STATE_{state.name}"): state
    for state in TrainerState
    if state is not TrainerState.UNKNOWN
}


@dataclass(frozen=True, slots=True)
class ControllerView:
    """All that the controller says of searches and pools at one moment, by their names."""

    searches: Mapping[SearchName, SearchSeen] = field(default_factory=dict)
    fleets: Mapping[PoolName, FleetView] = field(default_factory=dict)


class Controller(Protocol):
    """What the operator asks of the controller; every method raises UnavailableError if that does not answer in time."""

    async def look(self) -> ControllerView:
        """Return everything."""

    async def search(self, name: SearchName) -> SearchSeen | None:
        """Return one search; None if there is none of that name."""

    async def fleet(self, name: PoolName) -> FleetView:
        """Return one pool and its trainers."""

    async def declare_pool(self, pool: DeclarePool) -> None:
        """Make a pool be as declared; InvalidInputError or ConflictError if the controller refuses."""

    async def forget_pool(self, name: PoolName) -> None:
        """Forget what a pool was declared to be; that it is not known is success."""

    async def declare_search(self, search: DeclareSearch) -> None:
        """Make a search be as declared; InvalidInputError or ConflictError if the controller refuses."""

    async def refusal(self, search: DeclareSearch) -> str | None:
        """Return why the controller would refuse a declaration; None if it would not."""

    async def forget_search(self, name: SearchName) -> None:
        """End a search and delete its trials; that there is none is success."""


class GrpcController:
    """The Controller behind a client, each call in a thread."""

    def __init__(self, client: Client, threads: ThreadPoolExecutor) -> None:
        self._client = client
        self._threads = threads

    async def look(self) -> ControllerView:
        """Return everything."""
        fleet = await self._run(self._client.get_fleet)
        searches = await self._run(lambda: list(self._client.list_searches(ALL_NAMESPACES)))
        return ControllerView({SearchName.parse(one.name): search_seen(one) for one in searches}, fleet_views(fleet))

    async def search(self, name: SearchName) -> SearchSeen | None:
        """Return one search; None if there is none of that name."""
        try:
            return search_seen(await self._run(lambda: self._client.get_search(str(name))))
        except NotFoundError:
            return None

    async def fleet(self, name: PoolName) -> FleetView:
        """Return one pool and its trainers."""
        views = fleet_views(await self._run(lambda: self._client.get_fleet(str(name))))
        return views.get(name, FleetView())

    async def declare_pool(self, pool: DeclarePool) -> None:
        """Make a pool be as declared; InvalidInputError or ConflictError if the controller refuses."""
        await self._run(
            lambda: self._client.ensure_pool(
                str(pool.name),
                labels=pool.labels,
                service_account=pool.service_account,
                wanted_size=pool.wanted_size,
                cordoned=pool.cordoned,
                gone=pool.gone,
            )
        )

    async def forget_pool(self, name: PoolName) -> None:
        """Forget what a pool was declared to be; that it is not known is success."""
        await self._run(lambda: self._client.delete_pool(str(name)))

    async def declare_search(self, search: DeclareSearch) -> None:
        """Make a search be as declared; InvalidInputError or ConflictError if the controller refuses."""
        await self._run(lambda: self._client.ensure_search(str(search.name), search.spec, uid=search.uid))

    async def refusal(self, search: DeclareSearch) -> str | None:
        """Return why the controller would refuse a declaration; None if it would not."""
        try:
            await self._run(lambda: self._client.ensure_search(str(search.name), search.spec, uid=search.uid, dry_run=True))
        except (InvalidInputError, ConflictError) as error:
            return str(error)
        return None

    async def forget_search(self, name: SearchName) -> None:
        """End a search and delete its trials; that there is none is success."""
        await self._run(lambda: self._client.delete_search(str(name)))

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def search_seen(search: search_pb2.Search) -> SearchSeen:
    """Return a search; one that cannot be read is a value too, so that it keeps nobody from seeing the others."""
    try:
        spec = spec_from_proto(search.spec)
    except InvalidParametersError as error:
        return UnreadableSearch(search.uid, str(error))
    state = _SEARCH_STATES.get(search.state)
    if state is None:
        return UnreadableSearch(search.uid, f"its state is number {search.state}")
    return _search_view(search, spec, state)


def _search_view(search: search_pb2.Search, spec: SearchSpec, state: SearchState) -> SearchView:
    counts, best = search.counts, search.best_trial
    return SearchView(
        uid=search.uid,
        spec=spec,
        state=state,
        message=search.message,
        counts=TrialCounts(
            queued=counts.queued,
            running=counts.running,
            succeeded=counts.succeeded,
            failed=counts.failed,
            lost=counts.lost,
            distinct=counts.distinct,
        ),
        best=BestTrial(number=best.number, reward=best.reward, architecture=best.canonical_hash)
        if search.HasField("best_trial")
        else None,
        trainer_seconds=search.trainer_seconds,
        trials_per_second=search.trials_per_second,
        created_at=search.create_time.ToNanoseconds() / 1e9,
        ended_at=search.end_time.ToNanoseconds() / 1e9 if search.HasField("end_time") else None,
    )


def fleet_views(fleet: fleet_pb2.GetFleetResponse) -> dict[PoolName, FleetView]:
    """Return the fleet by pools; trainers without one, or whose pool's name is none of Kubernetes', are nobody's here."""
    trainers: dict[str, list[TrainerView]] = {}
    for trainer in fleet.trainers:
        trainers.setdefault(trainer.pool, []).append(_trainer_view(trainer))
    declared = {pool.name: _pool_view(pool) for pool in fleet.pools}
    views = {}
    for name in trainers.keys() | declared.keys():
        try:
            parsed = PoolName.parse(name)
        except InvalidInputError:
            continue
        views[parsed] = FleetView(pool=declared.get(name), trainers=tuple(trainers.get(name, ())))
    return views


def _trainer_view(trainer: fleet_pb2.Trainer) -> TrainerView:
    return TrainerView(
        name=trainer.trainer,
        state=_TRAINER_STATES.get(trainer.state, TrainerState.UNKNOWN),
        leases=len(trainer.trials),
        idle_seconds=trainer.idle_seconds if trainer.HasField("idle_seconds") else None,
    )


def _pool_view(pool: fleet_pb2.Pool) -> PoolView:
    return PoolView(
        labels=dict(pool.labels),
        service_account=pool.service_account,
        wanted_size=pool.wanted_size,
        cordoned=frozenset(pool.cordoned_trainers),
        wanted_slots=pool.wanted_slots,
    )

"""One pass over one resource: observe, plan, carry out. It depends on no other pass having run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from nasfleet.names import PoolName
from nasfleet_operator.applications import Application, applied
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.cluster import Cluster
from nasfleet_operator.controller import Controller
from nasfleet_operator.deployment import object_name
from nasfleet_operator.execution import Executor, RefusedError
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.kinds import BUDGETS, CONFIG_MAPS, DEPLOYMENTS, POOLS, Kind
from nasfleet_operator.observed import PoolObserved, PoolResource, SearchObserved, SearchResource
from nasfleet_operator.plan import (
    Announce,
    ApplyObject,
    DeclarePool,
    DeclareSearch,
    ForgetSearch,
    Plan,
    SetReplicas,
    WriteStatus,
)
from nasfleet_operator.polling import Polled
from nasfleet_operator.pool_planning import plan_absent_pool, plan_pool
from nasfleet_operator.search_planning import plan_search
from nasfleet_operator.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Refusal:
    generation: int
    labels: Mapping[str, str]
    message: str
    at: float

    def holds(self, pool: PoolResource, now: float, settings: Settings) -> bool:
        """Return whether it is still to be told of rather than tried again; labels do not make another generation."""
        of_this = (self.generation, self.labels) == (pool.generation, pool.labels)
        return of_this and now < self.at + settings.retry_seconds


@dataclass(slots=True)
class _Memory:
    """What is remembered of a resource from pass to pass; losing it costs a call or two."""

    uid: str
    announced: dict[str, float] = field(default_factory=dict)
    refusals: dict[FailureKind, _Refusal] = field(default_factory=dict)
    applied: dict[str, Application] = field(default_factory=dict)

    def learn(self, plan: Plan, now: float) -> None:
        """Remember what was done."""
        self.announced.update({effect.name: now for effect in plan.effects if isinstance(effect, Announce)})
        for effect in plan.effects:
            if isinstance(effect, ApplyObject):
                kind = effect.manifest["kind"]
                self.applied[kind] = applied(self.applied.get(kind), effect, now)


class Reconciler:
    """Makes passes. The clock is in Unix seconds; `certificates` reads what trainers are to know the controller by."""

    def __init__(
        self,
        cluster: Cluster,
        controller: Controller,
        cache: Cache,
        polled: Polled,
        settings: Settings,
        certificates: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = cluster
        self._controller = controller
        self._cache = cache
        self._polled = polled
        self._settings = settings
        self._certificates = certificates
        self._clock = clock
        self._executor = Executor(cluster, controller, cache)
        self._memories: dict[Key, _Memory] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Make one pass; return after how many seconds to look again though nothing happens.

        Raises:
            NasfleetError: if something that the plan needs did not work; the next pass takes up what is missing.
        """
        resource = self._cache.pool(key) if key.kind is POOLS else self._cache.search(key)
        if resource is None:
            self._memories.pop(key, None)
            if key.kind is POOLS:
                await self._forget_pool(key)
            return None
        memory = self._remember(key, resource.identity.uid)
        try:
            return await self._pass(key, memory, resource)
        except RefusedError as refused:
            if not isinstance(resource, PoolResource):
                raise
            log.warning("refused", reason=refused.kind, error=str(refused))
            memory.refusals[refused.kind] = _Refusal(resource.generation, resource.labels, str(refused), self._clock())
            return await self._pass(key, memory, resource)

    async def _pass(self, key: Key, memory: _Memory, resource: PoolResource | SearchResource) -> float | None:
        now = self._clock()
        if isinstance(resource, PoolResource):
            plan = plan_pool(await self._observe_pool(key, memory, resource, now), self._settings, now)
        else:
            plan = await self._plan_search(key, memory, resource, now)
        await self._executor.carry_out(plan)
        memory.learn(plan, now)
        if any(isinstance(effect, DeclarePool | DeclareSearch | ForgetSearch) for effect in plan.effects):
            await self._polled.look_at(key)
        # What was done may show more to do, and no event need tell of it: its outcome is in the cache already. But for a pool's
        # new size, which the watch brings.
        acted = any(not isinstance(effect, WriteStatus | Announce | SetReplicas) for effect in plan.effects)
        return 0.0 if acted else plan.again_in

    async def _forget_pool(self, key: Key) -> None:
        plan = plan_absent_pool(PoolName(key.namespace, key.name), self._polled.fleet(key))
        await self._executor.carry_out(plan)
        if plan.effects:
            await self._polled.look_at(key)

    async def _observe_pool(self, key: Key, memory: _Memory, pool: PoolResource, now: float) -> PoolObserved:
        name = object_name(pool.identity)
        certificates = self._certificates()
        return PoolObserved(
            pool=pool,
            deployment=await self._made(DEPLOYMENTS, key, name),
            budget=await self._made(BUDGETS, key, name),
            trust=await self._made(CONFIG_MAPS, key, name) if certificates else None,
            certificates=certificates,
            pods=self._cache.pods(key),
            lost=self._cache.lost(key, now),
            fleet=self._polled.fleet(key),
            announced=frozenset(memory.announced),
            applied=memory.applied,
            refusals={kind: one.message for kind, one in memory.refusals.items() if one.holds(pool, now, self._settings)},
        )

    async def _made(self, kind: Kind, key: Key, name: str) -> Mapping[str, Any] | None:
        # What bears the name but not our labels is not watched, and must not be taken over.
        return self._cache.made(kind, key, name) or await self._cluster.get(kind, key.namespace, name)

    async def _plan_search(self, key: Key, memory: _Memory, search: SearchResource, now: float) -> Plan:
        """Return the plan of a search; what the controller would refuse is told of rather than declared."""
        if search.deleted_at is not None:
            await self._polled.look_at(key)  # a search that is missed now stays at the controller for good
        observed = SearchObserved(
            search=search,
            at_controller=self._polled.search(key),
            reachable=self._polled.view is not None,
            announced=frozenset(memory.announced),
        )
        plan = plan_search(observed, self._settings, now)
        declared = next((effect for effect in plan.effects if isinstance(effect, DeclareSearch)), None)
        refusal = None if declared is None else await self._controller.refusal(declared)
        return plan if refusal is None else plan_search(replace(observed, refusal=refusal), self._settings, now)

    def _remember(self, key: Key, uid: str) -> _Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = _Memory(uid)
        due = self._clock() - 2 * self._settings.announce_seconds
        memory.announced = {name: at for name, at in memory.announced.items() if at > due}
        return memory

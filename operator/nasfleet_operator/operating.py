"""An operator at work: workers that take keys from the queue and make passes, and what puts keys into it."""

import asyncio
import time
from random import Random

import structlog

from nasfleet.errors import NasfleetError
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.cluster import Cluster
from nasfleet_operator.config import OperatorConfig
from nasfleet_operator.controller import Controller
from nasfleet_operator.kinds import POOLS, SEARCHES
from nasfleet_operator.metrics import OperatorMetrics
from nasfleet_operator.polling import Polled, poll
from nasfleet_operator.reconciling import Reconciler
from nasfleet_operator.resync import list_all, relist_declared, resync
from nasfleet_operator.work_queue import Schedule, Spacing, WorkQueue

log = structlog.get_logger()


class Operator:
    """What one operator knows and does; the watches that feed it are in `handlers`."""

    def __init__(self, cluster: Cluster, controller: Controller, config: OperatorConfig, metrics: OperatorMetrics) -> None:
        self.cache = Cache(config.settings.recent_seconds)
        self.queue = WorkQueue[Key](Schedule(Spacing(), Random()), time.monotonic)
        self.listed_anew = asyncio.Event()
        self._cluster = cluster
        self._config = config
        self._metrics = metrics
        self._polled = Polled(controller, config.namespaces)
        self._reconciler = Reconciler(cluster, controller, self.cache, self._polled, config.settings, self._certificates)
        metrics.watch_state(self.queue.waiting, lambda: self.cache.count(POOLS), lambda: self.cache.count(SEARCHES))

    async def look(self) -> None:
        """See everything once, before the first pass: no plan may take what it has not seen for what is not there."""
        await list_all(self._cluster, self.cache)
        await self._polled.look()
        for key in self._all_keys():
            self.queue.add(key)

    async def run(self) -> None:
        """Make passes until cancelled; ends by an error only."""
        config, add = self._config, self.queue.add
        async with asyncio.TaskGroup() as group:
            group.create_task(poll(self._polled, config.poll_seconds, add, self._all_keys))
            group.create_task(resync(self._cluster, self.cache, self._all_keys, add, self.listed_anew, config.resync_seconds))
            group.create_task(relist_declared(self._cluster, self.cache, add, config.relist_seconds))
            for _ in range(config.workers):
                group.create_task(self._work())

    async def reconcile(self, key: Key) -> float | None:
        """Make one pass over a resource, now; see `Reconciler.reconcile`."""
        return await self._reconciler.reconcile(key)

    def _all_keys(self) -> frozenset[Key]:
        """Return all that there may be something to do about, pools included that only the controller knows still."""
        return self.cache.resources() | self._polled.declared_pools()

    def _certificates(self) -> str:
        trust = self._config.trust
        return "" if trust is None else trust.certificates()

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            with structlog.contextvars.bound_contextvars(kind=key.kind.name, namespace=key.namespace, name=key.name):
                await self._pass(key)

    async def _pass(self, key: Key) -> None:
        began = time.monotonic()
        try:
            again_in = await self.reconcile(key)
        except Exception as error:
            log.warning("pass_failed", error=str(error), exc_info=not isinstance(error, NasfleetError))
            self._metrics.count_failure(key.kind.name, type(error).__name__)
            self.queue.fail(key)
        else:
            self.queue.succeed(key, again_in)
        self._metrics.count_pass(key.kind.name, time.monotonic() - began)

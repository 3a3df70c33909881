"""Operators that a test moves by hand, pass by pass, against a real API server and a real controller, and kills at will."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient

from nasfleet.errors import NasfleetError
from nasfleet.names import SearchName
from nasfleet.pacing import Pace
from nasfleet_operator.api_server import ApiServer
from nasfleet_operator.cache import Key
from nasfleet_operator.cluster import KubernetesCluster
from nasfleet_operator.config import OperatorConfig
from nasfleet_operator.controller import Controller
from nasfleet_operator.kinds import DEPLOYMENTS, PODS, POOLS, SEARCHES, Kind
from nasfleet_operator.metrics import OperatorMetrics
from nasfleet_operator.operating import Operator
from nasfleet_operator.program import configure
from nasfleet_operator.views import SearchState, SearchView
from nasfleet_testing.failpoints import Effect, Failpoints, KilledError, watched

NAMESPACES = Kind("v1", "Namespace", "namespaces")
ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")
POOL, SEARCH = "gpus", "digits"  # what a stage is about unless a test says otherwise
PATIENCE_SECONDS = 120.0
STEP_SECONDS = 0.25
REST_SECONDS = 20.0


def operator_config(kubeconfig: Path, controller: str = "127.0.0.1:1", *more: str) -> OperatorConfig:
    """Return the settings of an operator that a test makes."""
    flags = ("--trainer-image", "trainer:1", "--kubeconfig", str(kubeconfig), "--controller", controller, *more)
    return OperatorConfig.read(flags, {})


@asynccontextmanager
async def api_server(config: OperatorConfig) -> AsyncIterator[ApiServer]:
    """Give the API server to call as whoever owns the kubeconfig of these settings."""
    async with ApiClient(await configure(config)) as client:
        yield ApiServer(client, Pace(10_000, 10_000), 30.0, lambda *_: None)


@dataclass(slots=True)
class Stage:
    """One resource in a namespace of its own, with the operator that looks after it; `user` is a user's hand.

    Operators reach the controller unless they are told of another one, as if it were gone: `reached`.
    """

    user: ApiServer
    operators: ApiServer
    controller: Controller
    config: OperatorConfig
    namespace: str
    points: Failpoints = field(default_factory=Failpoints)
    reached: Controller | None = None
    operator: Operator | None = None

    @property
    def cluster(self) -> KubernetesCluster:
        """The API server as a user sees it."""
        return KubernetesCluster(self.user, (self.namespace,))

    async def prepare(self) -> None:
        """Make the namespace and the service account of its trainers."""
        await self.user.call("create", NAMESPACES, NAMESPACES.path(None), body={"metadata": {"name": self.namespace}})
        await self.create(ACCOUNTS, {"metadata": {"name": "nasfleet-trainer"}})

    async def delete_namespace(self) -> None:
        """Delete the namespace; its end is not waited for."""
        await self.user.call("delete", NAMESPACES, NAMESPACES.path(None, self.namespace))

    async def create(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Create an object as a user does."""
        await self.user.call("create", kind, kind.path(self.namespace), body=body, query={"fieldValidation": "Strict"})

    async def patch(self, kind: Kind, name: str, body: Mapping[str, Any], subresource: str = "") -> None:
        """Change an object as a user does."""
        path = kind.path(self.namespace, name, subresource)
        await self.user.call("patch", kind, path, body=body, content="application/merge-patch+json")

    async def delete(self, kind: Kind, name: str) -> None:
        """Delete an object as a user does."""
        await self.user.call("delete", kind, kind.path(self.namespace, name))

    async def get(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Return an object; None if it is not there."""
        return await self.cluster.get(kind, self.namespace, name)

    async def list(self, kind: Kind) -> list[Mapping[str, Any]]:
        """Return the objects of a kind."""
        return [item async for page in self.cluster.list(kind) for item in page.items]

    def new_operator(self) -> Operator:
        """Return an operator that knows nothing yet."""
        cluster, reached = KubernetesCluster(self.operators, (self.namespace,)), self.reached or self.controller
        return Operator(*watched(cluster, reached, self.points), self.config, OperatorMetrics())

    async def work(self, key: Key, until: Callable[["Stage"], Awaitable[bool]], *, replace_killed: bool = True) -> None:
        """Make passes until something is so and a pass has had no effect, over a world that has come to rest.

        The operator that was at work goes on. One that is killed is followed by a new one, at once or in the next `work`.
        Each pass sees what is there: how passes bear a cache that lags behind is not seen here, but with the whole program.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                effects = await self.step(key)
            except KilledError:
                self.operator = None
                if not replace_killed:
                    return
            except NasfleetError:
                await asyncio.sleep(STEP_SECONDS)  # as in the queue: again later
            else:
                if not effects and await until(self):
                    return
                if not effects:
                    await asyncio.sleep(STEP_SECONDS)
        found = await self.get(key.kind, key.name) or {}
        pytest.fail(f"not within {PATIENCE_SECONDS:g} s: {self.points.passes}; {found.get('status')}")

    async def step(self, key: Key) -> Sequence[Effect]:
        """Make one pass; return the effects that it had."""
        await self.rest()
        self.operator = self.operator or self.new_operator()
        self.points.begin_pass()
        await self.operator.look()
        await self.operator.reconcile(key)
        return self.points.passes[-1]

    async def rest(self) -> None:
        """Wait until all has come of the effects so far, so that what a pass sees does not depend on how quick others are.

        Not for ever: what never comes to rest is to be borne too.
        """
        await self.wait(lambda it: it._rests(), REST_SECONDS)

    async def wait(self, until: Callable[["Stage"], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait without making passes until something is so, or so many seconds have passed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if await until(self):
                return
            await asyncio.sleep(STEP_SECONDS)

    async def _rests(self) -> bool:
        deployments, pods = await self.list(DEPLOYMENTS), await self.list(PODS)
        wanted = sum(one["spec"]["replicas"] for one in deployments)
        going = any("deletionTimestamp" in pod["metadata"] for pod in pods)
        if going or len(pods) != wanted or not all(map(_rolled_out, deployments)):
            return False
        seen = await self.controller.search(SearchName(self.namespace, SEARCH))
        # A search proposes a moment after it was declared; until then it does not say what it waits for.
        return not isinstance(seen, SearchView) or seen.state is not SearchState.RUNNING or _open_trials(seen) > 0


def _rolled_out(deployment: Mapping[str, Any]) -> bool:
    status, replicas = deployment.get("status", {}), deployment["spec"]["replicas"]
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
    return counts == {replicas} and status.get("observedGeneration") == deployment["metadata"]["generation"]


def _open_trials(search: SearchView) -> int:
    return search.counts.queued + search.counts.running


def pool_key(stage: Stage, name: str = POOL) -> Key:
    """Return what passes over a pool are about."""
    return Key(POOLS, stage.namespace, name)


def search_key(stage: Stage, name: str = SEARCH) -> Key:
    """Return what passes over a search are about."""
    return Key(SEARCHES, stage.namespace, name)

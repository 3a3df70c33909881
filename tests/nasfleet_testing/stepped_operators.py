"""Operators that a test moves by hand, pass by pass, against a real API server and a real controller, and kills at will."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient

from nasfleet.errors import NasfleetError
from nasfleet_operator.api_server import ApiServer
from nasfleet_operator.cache import Key
from nasfleet_operator.cluster import KubernetesCluster
from nasfleet_operator.config import OperatorConfig
from nasfleet_operator.controller import Controller
from nasfleet_operator.kinds import POOLS, SEARCHES, Kind
from nasfleet_operator.metrics import OperatorMetrics
from nasfleet_operator.operating import Operator
from nasfleet_operator.pacing import Pace
from nasfleet_operator.program import configure
from nasfleet_testing.failpoints import Failpoints, KilledError, watched

NAMESPACES = Kind("v1", "Namespace", "namespaces")
ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")
PATIENCE_SECONDS = 120.0
STEP_SECONDS = 0.25


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
    """One resource in a namespace of its own, with the operator that looks after it; `user` is a user's hand."""

    user: ApiServer
    operators: ApiServer
    controller: Controller
    config: OperatorConfig
    namespace: str
    points: Failpoints = field(default_factory=Failpoints)

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
        cluster = KubernetesCluster(self.operators, (self.namespace,))
        return Operator(*watched(cluster, self.controller, self.points), self.config, OperatorMetrics())

    async def work(self, key: Key, until: Callable[["Stage"], Awaitable[bool]]) -> None:
        """Make passes until something is so and a pass has had no effect; a killed operator is followed by a new one.

        Each pass sees what is there: how passes bear a cache that lags behind is not seen here, but with the whole program.
        """
        operator = self.new_operator()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            if time.monotonic() > deadline:
                found = await self.get(key.kind, key.name) or {}
                pytest.fail(f"not within {PATIENCE_SECONDS:g} s: {self.points.effects}; {found.get('status')}")
            before = len(self.points.effects)
            try:
                await operator.look()
                await operator.reconcile(key)
            except KilledError:
                operator = self.new_operator()
                continue
            except NasfleetError:
                pass  # as in the queue: again later
            else:
                if len(self.points.effects) == before and await until(self):
                    return
            await asyncio.sleep(STEP_SECONDS)


def pool_key(stage: Stage, name: str = "gpus") -> Key:
    """Return what passes over a pool are about."""
    return Key(POOLS, stage.namespace, name)


def search_key(stage: Stage, name: str = "digits") -> Key:
    """Return what passes over a search are about."""
    return Key(SEARCHES, stage.namespace, name)

"""The watch of what is made against a real API server, also with its way cut and its past forgotten."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from kubernetes.aio.client import ApiClient

from nasfleet.pacing import Pace
from nasfleet_operator.api_server import ApiServer, WatchExpiredError
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.kinds import EVENTS, PODS, POOLS
from nasfleet_operator.made_watch import watch_made
from nasfleet_operator.program import configure
from nasfleet_testing import control_plane as control_planes
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.processes import eventually
from nasfleet_testing.stepped_operators import operator_config

WITHIN = 20.0


class Relay:
    """A way to an address that can be cut."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._open: set[asyncio.StreamWriter] = set()
        self.cut = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection(self._host, self._port)
        self._open |= {writer, there_writer}
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    def close(self) -> None:
        """Cut the way."""
        self.cut = True
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()


@asynccontextmanager
async def api_server(control_plane: ControlPlane, address: str = "") -> AsyncIterator[ApiServer]:
    configuration = await configure(operator_config(control_plane.kubeconfig))
    if address:
        configuration.host = f"https://{address}"
    async with ApiClient(configuration) as client:
        yield ApiServer(client, Pace(100, 200), 5.0, lambda *_: None)


def make_pod(control_plane: ControlPlane, namespace: str, name: str) -> None:
    labels = "--labels=nasfleet.dev/pool=gpus"
    control_plane.do("run", name, "--image=none", labels, "--restart=Never", f"--namespace={namespace}")


async def until(holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(eventually, holds, "pods as they are", within=WITHIN)


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def forget_before(control_plane: ControlPlane, version: str) -> None:
    body = json.dumps({"revision": version, "physical": True}).encode()
    with urllib.request.urlopen(f"http://{control_plane.database}/v3/kv/compaction", body, timeout=10) as done:
        assert done.status == 200


@pytest.fixture
def cache() -> Cache:
    return Cache(600.0)


async def test_pods_are_seen_to_come_and_to_go(control_plane: ControlPlane, namespace: str, cache: Cache) -> None:
    make_pod(control_plane, namespace, "first")
    key, told = Key(POOLS, namespace, "gpus"), list[Key]()
    async with api_server(control_plane) as server:
        watching = asyncio.create_task(watch_made(server, PODS, namespace, cache, told.append, lambda: None))
        await until(lambda: [pod.name for pod in cache.pods(key)] == ["first"])
        await asyncio.to_thread(make_pod, control_plane, namespace, "second")
        await until(lambda: len(cache.pods(key)) == 2)
        await asyncio.to_thread(control_plane.do, "delete", "pod", "first", "--force", f"--namespace={namespace}")
        await until(lambda: [pod.name for pod in cache.pods(key)] == ["second"])
        await cancelled(watching)
    assert set(told) == {key}


async def test_what_happens_while_the_way_is_cut_is_seen_afterwards(
    control_plane: ControlPlane, namespace: str, cache: Cache
) -> None:
    key, relisted = Key(POOLS, namespace, "gpus"), list[None]()
    make_pod(control_plane, namespace, "first")
    relay = Relay(control_plane.address)
    listening = await asyncio.start_server(relay, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    async with api_server(control_plane, f"{host}:{port}") as server:
        watching = asyncio.create_task(
            watch_made(server, PODS, namespace, cache, lambda _: None, lambda: relisted.append(None))
        )
        await until(lambda: len(cache.pods(key)) == 1)
        relay.close()
        await asyncio.to_thread(make_pod, control_plane, namespace, "second")
        await asyncio.to_thread(control_plane.do, "delete", "pod", "first", "--force", f"--namespace={namespace}")
        assert [pod.name for pod in cache.pods(key)] == ["first"]
        relay.cut = False
        await until(lambda: [pod.name for pod in cache.pods(key)] == ["second"])
        assert not relisted, "it goes on where it was cut, and needs no list"
        await cancelled(watching)
    relay.close()
    listening.close()


async def test_a_version_that_is_forgotten_is_told_apart(kubernetes_programs: None, tmp_path: Path) -> None:
    with control_planes.control_plane(tmp_path, bare=True) as own:
        own.do("create", "configmap", "something")
        about = json.loads(own.do("get", "configmap", "something", "--output=json"))["metadata"]
        await asyncio.to_thread(forget_before, own, about["resourceVersion"])
        async with api_server(own) as server:
            with pytest.raises(WatchExpiredError):
                # Of events the API server keeps no copy, so that it asks its database at once.
                async with aclosing(server.watch(replace(EVENTS, api_version="v1"), "default", "1")) as watch:
                    await anext(watch)

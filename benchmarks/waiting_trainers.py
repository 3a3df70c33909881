"""A thousand trainers in one thread: each takes what it is given, says that it has begun, and never ends it.

Each has a connection of its own, as trainers in pods have.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.transport import Trust, aio_way
from nasfleet.v1.fleet_pb2 import Hello, WorkRequest
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub

if TYPE_CHECKING:
    from nasfleet.v1.fleet_pb2_grpc import FleetServiceAsyncStub

HEARTBEAT_SECONDS = 5.0
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


@contextmanager
def waiting_trainers(controller: str, pool: str, names: Iterable[str], trust: Trust | None = None) -> Iterator[None]:
    """Have trainers with one slot each until the end of the context."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    working = asyncio.run_coroutine_threadsafe(_work(controller, pool, list(names), trust), loop)
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError, TimeoutError, Exception):
            working.result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _work(controller: str, pool: str, names: list[str], trust: Trust | None) -> None:
    await asyncio.gather(*(_trainer(aio_way(controller, trust, OWN_CONNECTION).channel(), pool, name) for name in names))


async def _trainer(channel: grpc.aio.Channel, pool: str, name: str) -> None:
    begun: asyncio.Queue[list[int]] = asyncio.Queue()
    hello = Hello(
        protocol_version=PROTOCOL_VERSION, instance_id=f"{pool}/{name}", trainer=name, pool=pool, slots=1, device="cpu"
    )

    async def say() -> AsyncIterator[WorkRequest]:
        yield WorkRequest(hello=hello)
        while True:
            fences: list[int] = []
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    fences = await begun.get()
            yield WorkRequest(started_fences=fences)

    async with channel:
        fleet: FleetServiceAsyncStub = FleetServiceStub(channel)  # type: ignore[assignment]  # grpc-stubs knows one kind of channel
        async for told in fleet.Work(say()):
            if told.assignments:
                begun.put_nowait([assignment.fence for assignment in told.assignments])

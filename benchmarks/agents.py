"""How much processor time the agents of one process need for a no-op trial, against a server that does nothing else.

    python benchmarks/agents.py --agents 100 --trials 20000

The server assigns and acknowledges without any store, in a process of its own; what is measured is the trainer process.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection

import grpc
from prometheus_client import CollectorRegistry

from nasfleet import PROTOCOL_VERSION
from nasfleet.catalogue.conv_chain import ConvChain
from nasfleet.catalogue.search import Budget, SearchSpec
from nasfleet.catalogue.spaces import SearchSpaceSection
from nasfleet.catalogue.strategies import Random
from nasfleet.catalogue.tasks import Synthetic
from nasfleet.codec import spec_to_proto
from nasfleet.spaces.building import build_space
from nasfleet.v1.fleet_pb2 import (
    OUTCOME_STATUS_COUNTED,
    Acknowledgement,
    Assignment,
    Hello,
    SearchAnnouncement,
    Welcome,
    WorkRequest,
    WorkResponse,
)
from nasfleet.v1.fleet_pb2_grpc import FleetServiceServicer, add_FleetServiceServicer_to_server
from nasfleet_trainer.agent import Agent
from nasfleet_trainer.hosting import CHANNEL_OPTIONS
from nasfleet_trainer.lowerings import Lowerings
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots

SEARCH = "namespaces/default/searches/noop"


class LeanServer(FleetServiceServicer):
    """Keeps two assignments with every trainer until all trials are done."""

    def __init__(self, trials: int) -> None:
        space = SearchSpaceSection(space=ConvChain())
        spec = SearchSpec(search_space=space, strategy=Random(), task=Synthetic(), budget=Budget(trials=trials))
        self._tokens = [0] * sum(decision.width for decision in build_space(space).decisions)
        self._announcement = SearchAnnouncement(search=SEARCH, spec=spec_to_proto(spec))
        self._left = trials
        self._pending = trials
        self._fence = 0
        self.done = asyncio.Event()

    async def Work(  # noqa: N802 - the name is the contract's
        self,
        request_iterator: AsyncIterator[WorkRequest],
        context: object,  # noqa: ARG002 - likewise
    ) -> AsyncIterator[WorkResponse]:
        """Serve one trainer."""
        welcome = Welcome(protocol_version=PROTOCOL_VERSION, lease_seconds=30, heartbeat_seconds=5)
        yield WorkResponse(welcome=welcome, searches=[self._announcement], assignments=self._lease(2))
        async for request in request_iterator:
            if not request.outcomes:
                continue
            self._pending -= len(request.outcomes)
            yield WorkResponse(
                acknowledgements=[
                    Acknowledgement(outcome_id=outcome.outcome_id, status=OUTCOME_STATUS_COUNTED)
                    for outcome in request.outcomes
                ],
                assignments=self._lease(len(request.outcomes)),
            )
            if not self._pending:
                self.done.set()

    def _lease(self, count: int) -> list[Assignment]:
        count = min(count, self._left)
        self._left -= count
        first, self._fence = self._fence, self._fence + count
        return [
            Assignment(fence=fence, trial=f"{SEARCH}/trials/{fence}", tokens=self._tokens, seed=fence)
            for fence in range(first + 1, first + count + 1)
        ]


async def serve(trials: int, pipe: Connection) -> None:
    """Serve until all trials are done, and say so."""
    server = grpc.aio.server()
    servicer = LeanServer(trials)  # type: ignore[abstract] # trainers call Work alone
    add_FleetServiceServicer_to_server(servicer, server)
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await servicer.done.wait()
    pipe.send("done")
    await server.stop(grace=1.0)


def run_server(trials: int, pipe: Connection) -> None:
    """Be the server's process."""
    asyncio.run(serve(trials, pipe))


async def work(address: str, count: int, pipe: Connection) -> None:
    """Run the agents until the server has had enough."""
    metrics, searches = Metrics(CollectorRegistry()), Searches(Place())
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        running = []
        for number in range(count):
            hello = Hello(protocol_version=PROTOCOL_VERSION, trainer=f"noop-{number}", slots=1, device="cpu")
            slots = Slots(searches, Place(), 1, metrics)
            agent = Agent(lambda: channel, hello, searches, slots, Lowerings(Place(), 1), metrics, 30.0)
            running.append(asyncio.create_task(agent.run()))
        await asyncio.to_thread(pipe.recv)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def measure(agents: int, trials: int) -> tuple[float, float]:
    """Return trials per second of wall time, and per second of this process's processor time."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=run_server, args=(trials, theirs))
    server.start()
    address = f"127.0.0.1:{ours.recv()}"
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    asyncio.run(work(address, agents, ours))
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    server.join()
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return trials / (ended - began), trials / processor


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    figures = [measure(given.agents, given.trials) for _ in range(given.repeat)]
    wall, processor = (statistics.median(column) for column in zip(*figures, strict=True))
    print(f"{given.agents} agents, medians of {given.repeat}: {wall:.0f} trials/s of wall time with the server beside it,")
    print(f"{processor:.0f} trials per second of the agents' processor time")


if __name__ == "__main__":
    main()

"""A controller whose brain is the test: real gRPC, in the test's own loop, saying exactly what it is told to say."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.catalogue.rewards import Accuracy
from nasfleet.catalogue.search import Budget, SearchSpec, TrialSettings
from nasfleet.catalogue.spaces import ChoiceDecision, Choices, SearchSpaceSection
from nasfleet.catalogue.strategies import Random
from nasfleet.catalogue.tasks import PluginTask, Synthetic, Tabular
from nasfleet.codec import spec_to_proto
from nasfleet.v1.fleet_pb2 import (
    OUTCOME_STATUS_COUNTED,
    Acknowledgement,
    Assignment,
    DrainTrainersRequest,
    DrainTrainersResponse,
    GetFleetRequest,
    GetFleetResponse,
    Hello,
    Outcome,
    SearchAnnouncement,
    Welcome,
    WorkRequest,
    WorkResponse,
)
from nasfleet.v1.fleet_pb2_grpc import FleetServiceServicer, add_FleetServiceServicer_to_server

SEARCH = "namespaces/default/searches/probe"
PATIENCE_SECONDS = 30.0  # far more than anything here takes; only a failing test waits so long


def search_spec(task: Synthetic | Tabular | PluginTask, timeout: float = 0.0) -> SearchSpec:
    """Return a search of three decisions with two, three and four options."""
    decisions = tuple(ChoiceDecision(name=name, options=tuple(range(count))) for name, count in (("a", 2), ("b", 3), ("c", 4)))
    return SearchSpec(
        search_space=SearchSpaceSection(space=Choices(decisions=decisions)),
        strategy=Random(),
        task=task,
        reward=Accuracy(),
        budget=Budget(trials=100),
        trial=TrialSettings(timeout=timeout),
    )


def announce(task: Synthetic | Tabular | PluginTask, timeout: float = 0.0, search: str = SEARCH) -> SearchAnnouncement:
    """Return the announcement of such a search."""
    return SearchAnnouncement(search=search, spec=spec_to_proto(search_spec(task, timeout)))


def assign(fence: int, tokens: tuple[int, ...] = (0, 0, 0), search: str = SEARCH) -> Assignment:
    """Return an assignment of the trial that has the number of its fence."""
    return Assignment(fence=fence, trial=f"{search}/trials/{fence}", tokens=tokens, seed=fence)


class Stream:
    """One trainer's stream, seen from the controller's side."""

    def __init__(self, hello: Hello) -> None:
        self.hello = hello
        self.requests: list[WorkRequest] = []
        self._incoming: asyncio.Queue[WorkRequest] = asyncio.Queue()
        self._outcomes: deque[Outcome] = deque()
        self.outgoing: asyncio.Queue[WorkResponse | None] = asyncio.Queue()
        self.ended = asyncio.Event()

    def hear(self, request: WorkRequest) -> None:
        """Take in what the trainer says."""
        self.requests.append(request)
        self._incoming.put_nowait(request)

    def say(self, **parts: object) -> None:
        """Send a WorkResponse with these fields."""
        self.outgoing.put_nowait(WorkResponse(**parts))  # type: ignore[arg-type] # fields by name

    def acknowledge(self, *outcomes: Outcome) -> None:
        """Count these outcomes."""
        self.say(
            acknowledgements=[
                Acknowledgement(outcome_id=outcome.outcome_id, status=OUTCOME_STATUS_COUNTED) for outcome in outcomes
            ]
        )

    def end(self) -> None:
        """Break the stream."""
        self.outgoing.put_nowait(None)

    async def request(self) -> WorkRequest:
        """Return the next request, waiting for it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._incoming.get()

    async def outcome(self) -> Outcome:
        """Return the next outcome, waiting for it; requests without one are passed over."""
        while not self._outcomes:
            self._outcomes.extend((await self.request()).outcomes)
        return self._outcomes.popleft()


class ScriptedController(FleetServiceServicer):
    """Serves `Work` on a port of its own; every stream that a trainer opens is handed to the test."""

    def __init__(self, heartbeat_seconds: float = 5.0, refusal: tuple[grpc.StatusCode, str] | None = None) -> None:
        self._welcome = Welcome(
            protocol_version=PROTOCOL_VERSION, lease_seconds=6 * heartbeat_seconds, heartbeat_seconds=heartbeat_seconds
        )
        self._refusal = refusal
        self._streams: asyncio.Queue[Stream] = asyncio.Queue()
        self._server: grpc.aio.Server | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        await self.start("127.0.0.1:0")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, address: str) -> None:
        """Serve at this address."""
        self._server = grpc.aio.server()
        add_FleetServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(address)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Go away, as if killed."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    async def restart(self) -> None:
        """Go away and come back at the same address."""
        await self.stop()
        await self.start(self.address)

    async def stream(self) -> Stream:
        """Return the next stream that a trainer opens."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._streams.get()

    async def Work(  # noqa: N802 - the name is the contract's
        self, request_iterator: AsyncIterator[WorkRequest], context: grpc.aio.ServicerContext[WorkRequest, WorkResponse]
    ) -> AsyncIterator[WorkResponse]:
        """Serve one trainer."""
        first = await anext(request_iterator)
        if self._refusal is not None:
            await context.abort(*self._refusal)
        stream = Stream(first.hello)
        stream.hear(first)
        listening = asyncio.create_task(_listen(request_iterator, stream))
        self._streams.put_nowait(stream)
        try:
            yield WorkResponse(welcome=self._welcome)
            while (response := await stream.outgoing.get()) is not None:
                yield response
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the test broke the stream")
        finally:
            stream.ended.set()
            listening.cancel()

    async def GetFleet(self, request: GetFleetRequest, context: object) -> GetFleetResponse:  # noqa: N802 - as above
        """Refuse: trainers do not ask."""
        raise NotImplementedError

    async def DrainTrainers(self, request: DrainTrainersRequest, context: object) -> DrainTrainersResponse:  # noqa: N802
        """Refuse: trainers do not ask."""
        raise NotImplementedError


async def _listen(requests: AsyncIterator[WorkRequest], stream: Stream) -> None:
    async for request in requests:
        stream.hear(request)

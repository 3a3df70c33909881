"""Trainers whose brain is the test: real streams to a real controller, saying exactly what they are told to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.spaces.decision import Decision
from nasfleet.spaces.wire import decisions_to_proto
from nasfleet.v1.fleet_pb2 import Hello, Lowered, Lowering, WorkRequest, WorkResponse
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub

PATIENCE_SECONDS = 30.0  # far more than anything here takes; only a failing test waits so long

_Stream = grpc.aio.StreamStreamCall[WorkRequest, WorkResponse]


class ScriptedTrainer:
    """One stream of one trainer."""

    def __init__(self, call: _Stream) -> None:
        self._call = call
        self.responses: list[WorkResponse] = []
        self._lowerings: asyncio.Queue[Lowering] = asyncio.Queue()

    @property
    def asked(self) -> int:
        """How many spaces it has been asked to lower."""
        return sum(len(response.lowerings) for response in self.responses)

    async def say(self, **parts: Any) -> None:
        """Send a WorkRequest with these fields; without any it is a heartbeat."""
        await self._call.write(WorkRequest(**parts))

    async def lowering(self) -> Lowering:
        """Return the next space that it is asked to lower, waiting for it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._lowerings.get()

    async def answer(self, lowering: Lowering, *decisions: Decision, **instead: str) -> None:
        """Answer with decisions, or with what was wrong."""
        lowered = Lowered(lowering=lowering.lowering, **instead)
        if decisions:
            lowered.decisions.CopyFrom(decisions_to_proto(decisions))
        await self.say(lowered=[lowered])

    async def listen(self) -> None:
        """Take in what the controller says until the stream ends."""
        while (response := await self._call.read()) is not grpc.aio.EOF:
            self.responses.append(response)
            for lowering in response.lowerings:
                self._lowerings.put_nowait(lowering)


@asynccontextmanager
async def scripted_trainer(address: str, name: str, *, lowers: bool = True, **about: Any) -> AsyncIterator[ScriptedTrainer]:
    """Connect a trainer; its stream breaks with the context."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = FleetServiceStub(channel).Work(None)
        trainer = ScriptedTrainer(call)
        hello = {"protocol_version": PROTOCOL_VERSION, "instance_id": name, "trainer": name, "slots": 1, "device": "cpu"}
        await trainer.say(hello=Hello(**(hello | {"lowers_spaces": lowers} | about)))
        await call.read()  # the welcome
        listening = asyncio.create_task(trainer.listen())
        try:
            yield trainer
        finally:
            call.cancel()
            await asyncio.gather(listening, return_exceptions=True)

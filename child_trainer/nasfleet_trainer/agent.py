"""The agent: one trainer's stream to the controller, kept up whatever happens, and the children that come over it."""

import asyncio
from collections.abc import Callable
from random import Random
from uuid import uuid4

import grpc
import structlog

from nasfleet.errors import ConflictError
from nasfleet.v1.fleet_pb2 import Hello, Rendezvous, WorkRequest, WorkResponse
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub
from nasfleet.v1.trial_pb2 import EpochMeasurement
from nasfleet_trainer.leases import FAREWELL_SECONDS, Action, EndEarly, Leases, Result, Start, Stop
from nasfleet_trainer.lowerings import Lowerings
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Searches
from nasfleet_trainer.slots import Slots

log = structlog.get_logger()

_Stream = grpc.aio.StreamStreamCall[WorkRequest, WorkResponse]

_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.1, 5.0
# The controller has understood this trainer and will not have it: trying again would not help.
_REFUSALS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNIMPLEMENTED)


class RefusedError(ConflictError):
    """The controller refuses this trainer; the message says why."""


def backoff_seconds(failures: int, jitter: Random) -> float:
    """Return how long to wait after so many failures in a row, at least one: exponential, with full jitter above a half."""
    longest = min(_FIRST_BACKOFF_SECONDS * 2.0 ** (failures - 1), _LONGEST_BACKOFF_SECONDS)
    return longest * jitter.uniform(0.5, 1.0)


class Agent:
    """One trainer. All that it decides is decided by `Leases`; it carries words to the controller and children to slots."""

    def __init__(
        self,
        channel: Callable[[], grpc.aio.Channel],
        hello: Hello,
        searches: Searches,
        slots: Slots,
        lowerings: Lowerings,
        metrics: Metrics,
        grace_seconds: float,
    ) -> None:
        self._channel = channel
        self._hello = Hello()
        self._hello.CopyFrom(hello)
        self._hello.instance_id = uuid4().hex
        self._searches = searches
        self._slots = slots
        self._lowerings = lowerings
        self._metrics = metrics
        self._grace_seconds = grace_seconds
        self._jitter = Random(self._hello.instance_id)
        self._leases = Leases(self._hello.instance_id, hello.slots, self._jitter)
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._connected = False
        self._log = log.bind(trainer=hello.trainer)

    @property
    def unready(self) -> str:
        """Why no trial should be expected to reach it now; empty if one could. May be asked from any thread."""
        if self._leases.draining:
            return f"trainer {self._hello.trainer} is draining"
        return "" if self._connected else f"trainer {self._hello.trainer} has no stream to the controller"

    async def run(self) -> None:
        """Work until drained.

        Raises:
            RefusedError: if the controller will not have this trainer.
        """
        structlog.contextvars.bind_contextvars(trainer=self._hello.trainer)  # for its children's tasks too
        serving = asyncio.create_task(self._serve())
        leaving = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
        finally:
            serving.cancel()
            leaving.cancel()
            await asyncio.gather(serving, leaving, return_exceptions=True)
            await self._slots.close()

    def drain(self, *, at_once: bool = False) -> None:
        """Take no further children; give those in training the grace to end, then hand them back; then `run` returns."""
        grace_seconds = 0.0 if at_once else self._grace_seconds
        self._log.info("draining", grace_seconds=grace_seconds, held=len(self._leases.held))
        self._act(self._leases.drain(self._now(), grace_seconds))
        loop = asyncio.get_running_loop()
        loop.call_later(grace_seconds, self._advance)
        loop.call_later(grace_seconds + FAREWELL_SECONDS, self._advance)

    def _advance(self) -> None:
        self._act(self._leases.advance(self._now()))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _act(self, actions: list[Action]) -> None:
        """Carry out what the leases say, and look whether there is something to tell the controller now."""
        for action in actions:
            match action:
                case Start():
                    self._slots.start(action.assignment, self._on_epoch, self._on_end, self._on_port)
                case Stop():
                    self._slots.stop(action.fence)
                case EndEarly():
                    self._slots.end_early(action.fence)
        self._news.set()
        if self._leases.done(self._now()):
            self._over.set()

    def _on_epoch(self, fence: int, epoch: EpochMeasurement) -> None:
        self._leases.epoch(fence, epoch)
        self._news.set()

    def _on_port(self, fence: int, port: int) -> None:
        self._leases.meet(Rendezvous(fence=fence, host=self._hello.gang_host, port=port))
        self._news.set()

    def _on_end(self, fence: int, result: Result | None) -> None:
        self._act(self._leases.ended(fence, result))

    async def _serve(self) -> None:
        failures = 0
        while True:
            code, details = await self._converse()
            if code in _REFUSALS:
                raise RefusedError(f"the controller refuses trainer {self._hello.trainer}: {details}")
            failures = 1 if self._connected else failures + 1
            self._connected = False
            seconds = backoff_seconds(failures, self._jitter)
            self._metrics.reconnects.inc()
            if failures == 1:  # and not again for every attempt while the controller is away
                self._log.warning("stream_broken", code=code.name, details=details)
            await asyncio.sleep(seconds)

    async def _converse(self) -> tuple[grpc.StatusCode, str]:
        """Keep one stream up for as long as it lasts, and return how it ended."""
        call = FleetServiceStub(self._channel()).Work(None)
        tasks = (asyncio.create_task(self._listen(call)), asyncio.create_task(self._speak(call)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            endings = await asyncio.gather(*tasks, return_exceptions=True)
            await self._lowerings.drop()
            for ending in endings:
                _raise_unexpected(ending)
            call.cancel()
        return await call.code(), await call.details() or ""

    async def _listen(self, call: _Stream) -> None:
        async for response in call:
            if response.HasField("welcome"):
                self._connected = True
                self._log.info("connected", held=len(self._leases.held))
            for announcement in response.searches:
                self._searches.announce(announcement)
            for lowering in response.lowerings:
                self._lowerings.start(lowering, self._news.set)
            if response.drain and not self._leases.draining:
                self.drain()  # first, so that an assignment beside it goes back at once
            self._act(self._leases.hear(response, self._now()))

    async def _speak(self, call: _Stream) -> None:
        await call.write(self._leases.rejoin(self._hello, self._now()))
        while True:
            if answers := self._lowerings.take():
                await call.write(WorkRequest(lowered=answers, draining=self._leases.draining))
            request = self._leases.say(self._now())
            if request is None:
                await self._wait_for_news(self._leases.speak_at)
            else:
                await call.write(request)

    async def _wait_for_news(self, until: float) -> None:
        alarm = asyncio.get_running_loop().call_at(until, self._news.set)
        await self._news.wait()
        self._news.clear()
        alarm.cancel()


def _raise_unexpected(ending: BaseException | None) -> None:
    """Let a bug be seen; that a stream breaks, at whichever end, is no bug and is told by its status."""
    # InvalidStateError is what grpc.aio raises for a write after the end.
    expected = (asyncio.CancelledError, grpc.aio.AioRpcError, asyncio.InvalidStateError)
    if ending is not None and not isinstance(ending, expected):
        raise ending

"""The agent's side of a slot's process: starts it, hands it children, and ends it when a child goes wrong."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from nasfleet.v1.fleet_pb2 import Assignment, Lowered, Lowering, SearchAnnouncement
from nasfleet.v1.trial_pb2 import (
    FAILURE_KIND_CRASHED,
    FAILURE_KIND_GANG_BROKEN,
    FAILURE_KIND_OUT_OF_MEMORY,
    FAILURE_KIND_TIMED_OUT,
    FAILURE_KIND_TRAINER_UNABLE,
    EpochMeasurement,
    Failure,
    FailureKind,
    Measurement,
)
from nasfleet_trainer import frames
from nasfleet_trainer.frames import Kind
from nasfleet_trainer.leases import Result
from nasfleet_trainer.searches import Place
from nasfleet_trainer.stages import Listener

log = structlog.get_logger()

# The child writes its stack at the timeout itself; so much later its process is ended.
_STACK_SECONDS = 0.5
_START_SECONDS = 300.0  # importing from a cold network volume takes minutes, never this long
_EXIT_SECONDS = 5.0
_TAIL_BYTES = 16_000
# After these the process may hold memory or a device in an unknown state; other failures leave it as it was.
_UNSAFE = (FAILURE_KIND_CRASHED, FAILURE_KIND_GANG_BROKEN, FAILURE_KIND_OUT_OF_MEMORY, FAILURE_KIND_TIMED_OUT)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told what a child says before it ends: epochs, gauges, the port at which its gang meets, stages."""

    epoch: Callable[[EpochMeasurement], None]
    gauges: Callable[[Mapping[str, float]], None]
    port: Callable[[int], None]
    stage: Listener


class SlotProcess:
    """A process that trains one child at a time; it is started when first needed and replaced when it is broken."""

    def __init__(self, place: Place, threads: int) -> None:
        self._command = [sys.executable, "-m", "nasfleet_trainer.slot", "--device", place.device]
        if place.data_dir is not None:
            self._command += ["--data-dir", str(place.data_dir)]
        if place.artifacts_dir is not None:
            self._command += ["--artifacts-dir", str(place.artifacts_dir)]
        if place.gang_host:
            self._command += ["--gang-host", place.gang_host]
        count = str(threads)
        self._environment = os.environ | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
        self._process: asyncio.subprocess.Process | None = None
        self._announced: dict[str, SearchAnnouncement] = {}
        self._tail = bytearray()
        self._forwarding: asyncio.Task[None] | None = None

    async def train(self, announcement: SearchAnnouncement, assignment: Assignment, told: Listeners) -> Result:
        """Return what came of a child; if this is cancelled, the child is ended at once."""
        try:
            result = await self._attempt(announcement, assignment, told)
        except BaseException:
            await self.close()
            raise
        if isinstance(result, Failure) and result.kind in _UNSAFE:
            await self.close()
        return result

    async def lower(self, lowering: Lowering) -> Lowered | Failure:
        """Return what came of a search space, or how the process ended that was to lower it; `close` it in any case."""
        try:
            process = await self._ready()
        except (OSError, asyncio.IncompleteReadError) as error:
            return await self._explain_no_start(error)
        assert process.stdin is not None
        try:
            process.stdin.write(frames.encode(Kind.LOWERING, lowering.SerializeToString()))
            await process.stdin.drain()
            kind, payload = await frames.read(_stdout(process))
        except (asyncio.IncompleteReadError, ConnectionError):
            return await self._explain_death(process, "the search space's", "while it was lowered")
        if kind is not Kind.LOWERED:
            raise ConnectionError(f"a slot's process answers a lowering with no {kind.name}")
        return Lowered.FromString(payload)

    def end_early(self, fence: int) -> None:
        """Have the child of this fence end with the epoch under way; one that has ended already is not concerned."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(frames.encode(Kind.END_EARLY, str(fence).encode()))

    async def close(self) -> None:
        """End the process and everything that it has started, at once."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        await process.wait()
        if self._forwarding is not None:
            # What escaped the process group may keep the pipe open.
            await asyncio.wait([self._forwarding], timeout=1.0)
            self._forwarding.cancel()

    async def _attempt(self, announcement: SearchAnnouncement, assignment: Assignment, told: Listeners) -> Result:
        try:
            process = await self._ready()
        except (OSError, asyncio.IncompleteReadError) as error:
            return await self._explain_no_start(error)
        self._tail.clear()
        limit = announcement.spec.trial.timeout
        try:
            async with asyncio.timeout(limit + _STACK_SECONDS if limit else None):
                await self._send(process, announcement, assignment)
                return await _receive(process, told)
        except TimeoutError:
            await self.close()
            return self._failure(FAILURE_KIND_TIMED_OUT, f"the attempt took longer than trial.timeout, {limit:g} s")
        except (asyncio.IncompleteReadError, ConnectionError):
            return await self._explain_death(process, "the child's", "in training")

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self.close()
        self._announced.clear()
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is the agent's business, and a kill reaches what the child has started
        )
        self._forwarding = asyncio.create_task(self._forward_errors(process))
        async with asyncio.timeout(_START_SECONDS):
            await frames.read(_stdout(process))
        log.info("slot_process_started", pid=process.pid)
        return process

    async def _forward_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while chunk := await process.stderr.read(_TAIL_BYTES):
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
            sys.stderr.write(chunk.decode(errors="replace"))

    async def _send(
        self, process: asyncio.subprocess.Process, announcement: SearchAnnouncement, assignment: Assignment
    ) -> None:
        assert process.stdin is not None
        if self._announced.get(announcement.search) != announcement:
            process.stdin.write(frames.encode(Kind.SEARCH, announcement.SerializeToString()))
            self._announced[announcement.search] = announcement
        process.stdin.write(frames.encode(Kind.ASSIGNMENT, assignment.SerializeToString()))
        await process.stdin.drain()

    async def _explain_no_start(self, error: OSError | asyncio.IncompleteReadError) -> Failure:
        """Return the failure of a child whose process did not come to the point of taking it."""
        match error:
            case TimeoutError():
                how = f"was not ready after {_START_SECONDS:g} s"
            case OSError():
                how = f"could not be started: {error}"
            case _:
                assert self._process is not None
                how = f"ended at once, with {_ending(await _exit_code(self._process))}"
        await self.close()
        return self._failure(FAILURE_KIND_TRAINER_UNABLE, f"the slot's process, {' '.join(self._command)}, {how}")

    async def _explain_death(self, process: asyncio.subprocess.Process, whose: str, when: str) -> Failure:
        """Return the failure of what ran in a process that has ended, or at least its end of the pipe."""
        code = await _exit_code(process)
        await self.close()
        if code == -signal.SIGKILL:
            message = (
                f"{whose} process was killed (SIGKILL), most likely because the machine or its container ran out of memory"
            )
            return self._failure(FAILURE_KIND_OUT_OF_MEMORY, message)
        if code is None:
            return self._failure(FAILURE_KIND_CRASHED, f"{whose} process broke its pipe {when}, went on and was killed")
        return self._failure(FAILURE_KIND_CRASHED, f"{whose} process ended {when}, with {_ending(code)}")

    def _failure(self, kind: FailureKind.ValueType, message: str) -> Failure:
        return Failure(kind=kind, message=message, traceback=self._tail.decode(errors="replace"))


async def _receive(process: asyncio.subprocess.Process, told: Listeners) -> Result:
    while True:
        match await frames.read(_stdout(process)):
            case Kind.EPOCH, payload:
                told.epoch(EpochMeasurement.FromString(payload))
            case Kind.GAUGES, payload:
                told.gauges(json.loads(payload))
            case Kind.PORT, payload:
                told.port(int(payload))
            case Kind.STAGE, payload:
                told.stage(*json.loads(payload))
            case Kind.MEASUREMENT, payload:
                return Measurement.FromString(payload)
            case Kind.FAILURE, payload:
                return Failure.FromString(payload)
            case kind, _:
                raise ConnectionError(f"a slot's process sends no {kind.name}")


async def _exit_code(process: asyncio.subprocess.Process) -> int | None:
    """Return how a process whose pipe is broken has ended, or None if it goes on."""
    await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=_EXIT_SECONDS)
    return process.returncode


def _ending(code: int | None) -> str:
    if code is None:
        return "its pipe closed and the process still there"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _stdout(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout


def _kill(process: asyncio.subprocess.Process) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass  # it has ended, and nothing is left of its group

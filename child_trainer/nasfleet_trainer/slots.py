"""The slots of one trainer: each child runs where it belongs, in the agent's own loop or in a process of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from nasfleet.codec import epoch_to_proto, failure_to_proto, measurement_to_proto
from nasfleet.measurement import EpochMeasurement, FailureKind
from nasfleet.v1 import trial_pb2
from nasfleet.v1.fleet_pb2 import Assignment, SearchAnnouncement
from nasfleet_trainer.child_traces import UNTRACED, ChildTrace, ChildTraces
from nasfleet_trainer.course import Course, StoppedEarly
from nasfleet_trainer.failures import TimedOutError, classify
from nasfleet_trainer.leases import Result
from nasfleet_trainer.metrics import Metrics, kind_word
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.seeds import SeedSeries
from nasfleet_trainer.slot_process import Listeners, SlotProcess
from nasfleet_trainer.stages import Listener
from nasfleet_trainer.tasks.loading import runs_inline

OnEpoch = Callable[[int, trial_pb2.EpochMeasurement], None]
_OnOwnEpoch = Callable[[trial_pb2.EpochMeasurement], None]
_OnOwnPort = Callable[[int], None]
OnEnd = Callable[[int, Result | None], None]
OnPort = Callable[[int, int], None]

log = structlog.get_logger()

# When a gang breaks, the trainer whose fault it is has so long to say why before the others say that they were left alone.
BLAME_SECONDS = 5.0


class Slots:
    """Children in training, by fence. How many there may be at once is the business of `Leases`."""

    def __init__(
        self, searches: Searches, place: Place, threads: int, metrics: Metrics, traces: ChildTraces = UNTRACED
    ) -> None:
        self._searches = searches
        self._place = place
        self._threads = threads
        self._metrics = metrics
        self._traces = traces
        self._children: dict[int, asyncio.Task[Result]] = {}
        self._idle: list[SlotProcess] = []
        self._at_work: dict[int, SlotProcess] = {}
        self._ended_early: set[int] = set()  # of the children that train in the agent's own loop

    def start(self, assignment: Assignment, on_epoch: OnEpoch, on_end: OnEnd, on_port: OnPort) -> None:
        """Begin to train a child; `on_end` is called once, with None if it was stopped, `on_port` if a gang meets there."""
        reports = partial(on_epoch, assignment.fence), partial(on_port, assignment.fence)
        child = asyncio.create_task(self._train(assignment, *reports))
        self._children[assignment.fence] = child
        # Not a `finally` in the task: a task that is cancelled before its first step never gets there.
        child.add_done_callback(partial(self._ended, assignment.fence, on_end))

    def stop(self, fence: int) -> None:
        """End a child."""
        child = self._children.get(fence)
        if child is not None:
            child.cancel()

    def end_early(self, fence: int) -> None:
        """Have a child end with the epoch under way; `on_end` is told its measurement so far."""
        if (process := self._at_work.get(fence)) is not None:
            process.end_early(fence)
        elif fence in self._children:
            self._ended_early.add(fence)

    async def close(self) -> None:
        """End all children and processes."""
        for child in self._children.values():
            child.cancel()
        await asyncio.gather(*self._children.values(), return_exceptions=True)
        await asyncio.gather(*(process.close() for process in self._idle))

    def _ended(self, fence: int, on_end: OnEnd, child: asyncio.Task[Result]) -> None:
        del self._children[fence]
        self._ended_early.discard(fence)
        on_end(fence, None if child.cancelled() else _result(child))

    async def _train(self, assignment: Assignment, on_epoch: _OnOwnEpoch, on_port: _OnOwnPort) -> Result:
        structlog.contextvars.bind_contextvars(trial=assignment.trial)  # for all that this child's task logs
        with self._metrics.child(), self._traces.child(assignment) as trace:
            result = await self._measure(assignment, trace, on_epoch, on_port)
            trace.end(result)
            if isinstance(result, trial_pb2.Failure) and result.kind == trial_pb2.FAILURE_KIND_GANG_BROKEN:
                await asyncio.sleep(BLAME_SECONDS)
        if isinstance(result, trial_pb2.Failure):
            log.warning("child_failed", kind=kind_word(result.kind), message=result.message)
        self._metrics.count(result)
        return result

    async def _measure(self, assignment: Assignment, trace: ChildTrace, on_epoch: _OnOwnEpoch, on_port: _OnOwnPort) -> Result:
        def take(epoch: trial_pb2.EpochMeasurement) -> None:
            self._metrics.epoch(epoch.seconds)
            on_epoch(epoch)
            trace.epoch(epoch)

        try:
            search = self._searches.of(assignment)
            if runs_inline(search.spec):
                return await self._inline(assignment, search.spec.trial.timeout, take)
            return await self._in_process(assignment, search.announcement, take, on_port, trace.stage)
        except Exception as error:  # noqa: BLE001 - a task may raise anything; the table knows what each error means
            return failure_to_proto(classify(error))

    async def _inline(self, assignment: Assignment, limit: float, on_epoch: _OnOwnEpoch) -> Result:
        def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:  # noqa: ARG001 - none are trained on
            on_epoch(epoch_to_proto(epoch))
            course.take(epoch)

        course = Course(lambda: assignment.fence in self._ended_early)
        series = SeedSeries(self._searches.child_run(assignment), report)
        task = self._searches.inline_task(assignment)
        deadline = asyncio.timeout(limit or None)
        try:
            async with deadline:
                for child, of_child in series.children():
                    series.add(await task.train(child, of_child))
                return measurement_to_proto(course.flagged(series.measurement()))
        except StoppedEarly:
            return measurement_to_proto(course.so_far())
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise TimedOutError(f"the attempt took longer than trial.timeout, {limit:g} s") from error

    async def _in_process(
        self,
        assignment: Assignment,
        announcement: SearchAnnouncement,
        on_epoch: _OnOwnEpoch,
        on_port: _OnOwnPort,
        on_stage: Listener,
    ) -> Result:
        process = self._idle.pop() if self._idle else SlotProcess(self._place, self._threads)
        self._at_work[assignment.fence] = process
        try:
            told = Listeners(on_epoch, partial(self._metrics.gauge, process), on_port, on_stage)
            return await process.train(announcement, assignment, told)
        finally:
            self._metrics.forget(process)
            del self._at_work[assignment.fence]
            self._idle.append(process)


def _result(child: asyncio.Task[Result]) -> Result:
    """Return what came of a child; an error of the trainer's own ends the attempt too, at no cost for the network."""
    error = child.exception()
    if error is None:
        return child.result()
    log.error("child_lost", exc_info=error)
    return failure_to_proto(replace(classify(error), kind=FailureKind.TRAINER_UNABLE))

"""The process of one slot: trains one child after another and stays warm, so that torch and the data are loaded once.

Whatever a child does to this process - a segmentation fault, exit, all memory, an endless loop - the agent survives and starts
another one. Started by the agent only: `python -m nasfleet_trainer.slot --device cpu`.
"""

import argparse
import faulthandler
import json
import os
import queue
import reprlib
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from nasfleet.catalogue.spaces import PluginSpace
from nasfleet.catalogue.tasks import PluginTask
from nasfleet.catalogue.wire import block_from_proto
from nasfleet.codec import epoch_to_proto, failure_to_proto, measurement_to_proto
from nasfleet.errors import InvalidInputError
from nasfleet.lowering import NoSpaceError, lower
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.wire import decisions_to_proto
from nasfleet.v1.fleet_pb2 import Assignment, Lowered, Lowering, SearchAnnouncement
from nasfleet_trainer.course import Course, StoppedEarly
from nasfleet_trainer.failures import TrainerUnableError, classify
from nasfleet_trainer.frames import Kind, encode, read_blocking
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.seeds import SeedSeries
from nasfleet_trainer.stages import listening
from nasfleet_trainer.tasks.task import Report, Task

MOST_MESSAGE = 1_000  # characters


class Wire:
    """The private pipes to the agent: what a task prints goes to standard error and can never garble them."""

    def __init__(self) -> None:
        self._source = os.fdopen(os.dup(0), "rb")
        self._sink = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device, not a path
            os.dup2(nothing.fileno(), 0)
        self._frames: queue.SimpleQueue[tuple[Kind, bytes]] = queue.SimpleQueue()
        self.ended_early = 0
        """Fence of the last child that was to be ended early."""
        threading.Thread(target=self._listen, daemon=True).start()

    def receive(self) -> tuple[Kind, bytes]:
        """Return the next frame, waiting for it."""
        return self._frames.get()

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a frame at once."""
        self._sink.write(encode(kind, payload))
        self._sink.flush()

    def _listen(self) -> NoReturn:
        while True:
            try:
                kind, payload = read_blocking(self._source)
            except EOFError:
                # The agent is gone, perhaps killed; a child in training, and whatever it has started, would never notice.
                if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
                    os.killpg(0, signal.SIGKILL)
                os._exit(0)
            if kind is Kind.END_EARLY:  # the child that trains in the main thread cannot wait for it
                self.ended_early = int(payload)
            else:
                self._frames.put((kind, payload))


class Checked:
    """Passes on what a task reports, once it is seen to be epochs; `task` is what people call it."""

    def __init__(self, report: Report, task: str) -> None:
        self._report = report
        self._task = task

    def __call__(self, epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        """Pass on one epoch.

        Raises:
            InvalidInputError: if it is none; a user's task may report anything.
            StoppedEarly: if the training ends with it.
        """
        if not isinstance(epoch, EpochMeasurement):
            raise InvalidInputError(
                f"{self._task}.train reported {reprlib.repr(epoch)}: report a nasfleet.measurement.EpochMeasurement"
            )
        self._report(epoch, examples=examples)


class Reporter:
    """Sends the epochs of one child to the agent; of a gang only rank 0 does: the others' epochs are the same."""

    def __init__(self, wire: Wire, course: Course, rank: int) -> None:
        self._wire = wire
        self._course = course
        self._rank = rank

    def __call__(self, epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        """Send one epoch, and what only this process can know of the device.

        Raises:
            StoppedEarly: if the training ends with it.
        """
        if self._rank == 0:
            self._wire.send(Kind.EPOCH, epoch_to_proto(epoch).SerializeToString())
        gauges: dict[str, float] = {}
        if examples is not None and epoch.seconds > 0:
            gauges["examples_per_second"] = examples / epoch.seconds
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            gauges["device_memory_bytes"] = torch.cuda.memory_reserved()
        if gauges:
            self._wire.send(Kind.GAUGES, json.dumps(gauges).encode())
        self._course.take(epoch)


def train(searches: Searches, assignment: Assignment, wire: Wire, place: Place) -> None:
    """Train one child and send what came of it, whatever that is."""
    try:
        if timeout := searches.of(assignment).spec.trial.timeout:
            # The agent ends this process a moment later and takes the stack from standard error.
            faulthandler.dump_traceback_later(timeout)
        measurement = _measure(searches, assignment, wire, place)
        wire.send(Kind.MEASUREMENT, measurement_to_proto(measurement).SerializeToString())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a task is somebody else's code; the table knows each error
        wire.send(Kind.FAILURE, failure_to_proto(classify(error)).SerializeToString())
    finally:
        faulthandler.cancel_dump_traceback_later()


def _measure(searches: Searches, assignment: Assignment, wire: Wire, place: Place) -> Measurement:
    """Return what the search's task says of a child, or raise InvalidInputError if a user's task says something else."""
    section, run = searches.of(assignment).spec.task, searches.child_run(assignment)
    name = section.object if isinstance(section, PluginTask) else type(section).__name__
    task, course = searches.task(assignment), Course(lambda: wire.ended_early == assignment.fence)
    if run.world_size > 1 and not getattr(task, "trains_in_gangs", False):
        raise TrainerUnableError(
            f"{name} cannot train one network in {run.world_size} trainers: remove spec.gang, or give its class "
            "trains_in_gangs = True once it can"
        )
    series = SeedSeries(run, Reporter(wire, course, run.rank))
    try:
        with _staged(wire), _gang(assignment, wire, place):
            _train_series(task, series, name)
    except StoppedEarly:
        return course.so_far()
    measurement = course.flagged(series.measurement())
    return replace(measurement, trainer_seconds=measurement.seconds * run.world_size) if run.world_size > 1 else measurement


def _train_series(task: Task, series: SeedSeries, name: str) -> None:
    for child, report in series.children():
        measured = task.train(child, Checked(report, name))
        if not isinstance(measured, Measurement):
            raise InvalidInputError(
                f"{name}.train returned {reprlib.repr(measured)}: return a nasfleet.measurement.Measurement"
            )
        series.add(measured)


def _staged(wire: Wire) -> AbstractContextManager[None]:
    """Return the context in which a child is trained: its stages are told to the agent, which may trace its trial."""

    def tell(name: str, began: float, ended: float) -> None:
        wire.send(Kind.STAGE, json.dumps([name, began, ended]).encode())

    return listening(tell)


def _gang(assignment: Assignment, wire: Wire, place: Place) -> AbstractContextManager[None]:
    """Return the context in which a child is trained: that of its gang, if it has one."""
    if not assignment.HasField("gang"):
        return nullcontext()
    from nasfleet_trainer.gathering import gathered  # not before: it imports torch

    def announce(port: int) -> None:
        wire.send(Kind.PORT, str(port).encode())

    return gathered(assignment.gang, place.device, place.gang_host, announce)


def lower_space(lowering: Lowering, wire: Wire) -> None:
    """Lower a search space of the user's own and send what came of it."""
    answer = Lowered(lowering=lowering.lowering)
    try:
        plugin = lower(block_from_proto(PluginSpace, lowering.space), "the trainer")
        answer.decisions.CopyFrom(decisions_to_proto(plugin.decisions))
    except NoSpaceError as error:
        answer.no_space = _line(error)
    except InvalidInputError as error:
        answer.unable = _line(error)
    wire.send(Kind.LOWERED, answer.SerializeToString())


def _line(error: InvalidInputError) -> str:
    """Return what an error says as one line that a message takes: what a user's code raises may say anything."""
    return " ".join(str(error).encode("utf-8", "backslashreplace").decode("utf-8").split())[:MOST_MESSAGE]


def main() -> NoReturn:
    """Serve the agent until it closes the pipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--artifacts-dir", type=Path)
    parser.add_argument("--gang-host", default="")
    arguments = parser.parse_args()
    faulthandler.enable()
    wire = Wire()
    place = Place(arguments.device, arguments.data_dir, arguments.artifacts_dir, arguments.gang_host)
    searches = Searches(place)
    wire.send(Kind.READY)
    while True:
        match wire.receive():
            case Kind.SEARCH, payload:
                searches.announce(SearchAnnouncement.FromString(payload))
            case Kind.ASSIGNMENT, payload:
                train(searches, Assignment.FromString(payload), wire, place)
            case Kind.LOWERING, payload:
                lower_space(Lowering.FromString(payload), wire)
            case kind, _:
                raise ValueError(f"the agent sends no {kind.name}")


if __name__ == "__main__":
    main()

"""Slots with real processes, and children that do their worst to them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from nasfleet.catalogue.tasks import PluginTask
from nasfleet.v1.trial_pb2 import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, announce, assign
from nasfleet_trainer import slot_process, slots
from nasfleet_trainer.frames import Kind, encode, read_blocking
from nasfleet_trainer.leases import Result
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots

HARMLESS, POISONOUS = (0, 0, 0), (1, 0, 0)


class Bench:
    """Slots, and what came of the children that were put into them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.searches = Searches(Place())
        self.slots = Slots(self.searches, Place(), 1, self.metrics)
        self.epochs: list[EpochMeasurement] = []
        self.epoch_came = asyncio.Event()
        self._fences = 0

    def poison(self, deed: str, timeout: float = 0.0) -> None:
        self.searches.announce(
            announce(PluginTask(object="nasfleet_testing.poison_task:PoisonTask", parameters={"deed": deed}), timeout)
        )

    def start(self, tokens: tuple[int, int, int]) -> "asyncio.Future[Result | None]":
        ended: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._fences += 1
        self.slots.start(
            assign(self._fences, tokens),
            self._on_epoch,
            lambda _, result: ended.set_result(result),
            lambda *_: None,
        )
        return ended

    def _on_epoch(self, _: int, epoch: EpochMeasurement) -> None:
        self.epochs.append(epoch)
        self.epoch_came.set()

    async def train(self, tokens: tuple[int, int, int]) -> Result:
        result = await asyncio.wait_for(self.start(tokens), PATIENCE_SECONDS)
        assert result is not None
        return result

    async def process_id(self) -> int:
        """Return the process that a harmless child is trained in."""
        result = await self.train(HARMLESS)
        assert isinstance(result, Measurement), result
        return int(result.value)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    made = Bench()
    yield made
    await made.slots.close()


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(process_id: int) -> None:
    while alive(process_id):
        time.sleep(0.01)


def wait_for_end_of_group(group: int) -> None:
    """Wait until no process is left: what init has not yet reaped is dead, but still a member."""
    with suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            time.sleep(0.01)


async def test_an_error_of_the_trainer_itself_ends_the_attempt_at_no_cost_for_the_network_and_the_next_one_is_trained(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Result) -> None:
        raise ZeroDivisionError("a defect of ours")

    bench.poison("error")
    with monkeypatch.context() as patched:
        patched.setattr(bench.metrics, "count", broken)
        failure = await bench.train(HARMLESS)
    assert isinstance(failure, Failure)
    assert failure.kind == FailureKind.FAILURE_KIND_TRAINER_UNABLE
    assert "a defect of ours" in failure.message
    assert "in broken" in failure.traceback
    assert await bench.process_id()


@pytest.mark.parametrize(
    ("deed", "kind", "in_message", "in_traceback"),
    [
        ("segfault", "CRASHED", "SIGSEGV", "in segfault"),
        ("exit_at_once", "CRASHED", "exit code 3", ""),
        ("sigkill", "OUT_OF_MEMORY", "ran out of memory", ""),
        ("memory_error", "OUT_OF_MEMORY", "MemoryError", "in memory_error"),
        ("torch_out_of_memory", "OUT_OF_MEMORY", "can't allocate memory", "in torch_out_of_memory"),
        ("error", "CRASHED", "KeyError: 'no such layer'", "in error"),
        ("system_exit", "CRASHED", "a library gave up", "in system_exit"),
    ],
)
async def test_a_child_that_ruins_its_process_fails_alone_and_the_slot_gets_a_new_one(
    bench: Bench, deed: str, kind: str, in_message: str, in_traceback: str
) -> None:
    bench.poison(deed)
    before = await bench.process_id()
    failure = await bench.train(POISONOUS)
    assert isinstance(failure, Failure)
    assert FailureKind.Name(failure.kind) == f"FAILURE_KIND_{kind}"
    assert in_message in failure.message
    assert in_traceback in failure.traceback
    assert await bench.process_id() != before
    assert not alive(before)


@pytest.mark.parametrize("deed", ["not_finite_epoch", "not_finite_measurement"])
async def test_a_child_that_is_not_finite_leaves_the_process_warm(bench: Bench, deed: str) -> None:
    bench.poison(deed)
    before = await bench.process_id()
    failure = await bench.train(POISONOUS)
    assert isinstance(failure, Failure)
    assert FailureKind.Name(failure.kind) == "FAILURE_KIND_NOT_FINITE"
    assert await bench.process_id() == before


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("ReturnsNumber", "ReturnsNumber.train returned 0.5: return a nasfleet.measurement.Measurement"),
        ("ReturnsNothing", "ReturnsNothing.train returned None: return a nasfleet.measurement.Measurement"),
        ("ReportsNumber", "ReportsNumber.train reported 0.25: report a nasfleet.measurement.EpochMeasurement"),
    ],
)
async def test_a_task_that_gives_something_else_than_it_should_is_named_with_that(bench: Bench, task: str, said: str) -> None:
    bench.searches.announce(announce(PluginTask(object=f"nasfleet_testing.careless_tasks:{task}")))
    failure = await bench.train(HARMLESS)
    assert isinstance(failure, Failure)
    assert failure.message == f"nasfleet_testing.careless_tasks:{said}"


async def test_what_a_child_prints_and_reads_does_not_reach_the_pipes(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.poison("print_and_read")
    assert isinstance(await bench.train(POISONOUS), Measurement)
    assert isinstance(await bench.train(POISONOUS), Measurement)
    assert "AAAA" in capfd.readouterr().err


async def test_a_child_that_hangs_is_ended_at_its_timeout_with_its_stack(bench: Bench) -> None:
    bench.poison("hang_in_a_loop_without_end", timeout=0.5)
    before = await bench.process_id()
    failure = await bench.train(POISONOUS)
    assert isinstance(failure, Failure)
    assert FailureKind.Name(failure.kind) == "FAILURE_KIND_TIMED_OUT"
    assert "longer than trial.timeout, 0.5 s" in failure.message
    assert "hang_in_a_loop_without_end" in failure.traceback
    assert await bench.process_id() != before


async def test_a_process_that_breaks_its_pipe_and_goes_on_is_ended_and_said_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_process, "_EXIT_SECONDS", 0.2)
    bench.poison("close_pipes_and_hang")
    before = await bench.process_id()
    failure = await bench.train(POISONOUS)
    assert isinstance(failure, Failure)
    assert FailureKind.Name(failure.kind) == "FAILURE_KIND_CRASHED"
    assert failure.message == "the child's process broke its pipe in training, went on and was killed"
    assert not alive(before)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such library >&2; exit 3", "ended at once, with exit code 3"),
        ("exec sleep 600", "was not ready after 0.5 s"),
        (None, "could not be started: [Errno 2] No such file or directory"),
    ],
)
async def test_a_process_that_does_not_start_is_the_trainers_failure_and_says_why(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None, words: str
) -> None:
    python = tmp_path / "python"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    if "not ready" in words:
        monkeypatch.setattr(slot_process, "_START_SECONDS", 0.5)
    bench.poison("none")
    failure = await bench.train(HARMLESS)
    assert isinstance(failure, Failure)
    assert FailureKind.Name(failure.kind) == "FAILURE_KIND_TRAINER_UNABLE"
    assert f"the slot's process, {python} -m nasfleet_trainer.slot --device cpu, {words}" in failure.message
    assert ("no such library" in failure.traceback) == ("exit code 3" in words)


async def test_a_stopped_child_is_ended_with_all_that_it_started(bench: Bench) -> None:
    bench.poison("hang_with_children")
    group = await bench.process_id()
    bench.epoch_came.clear()
    ended = bench.start(POISONOUS)
    await bench.epoch_came.wait()
    bench.slots.stop(2)
    assert await asyncio.wait_for(ended, PATIENCE_SECONDS) is None
    wait_for_end_of_group(group)


async def test_a_child_that_is_stopped_before_its_first_step_frees_its_slot(bench: Bench) -> None:
    bench.poison("none")
    ended = bench.start(HARMLESS)
    bench.slots.stop(1)
    assert await asyncio.wait_for(ended, PATIENCE_SECONDS) is None


def test_the_process_of_a_slot_ends_when_its_agent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    command = [sys.executable, "-m", "nasfleet_trainer.slot"]
    search = announce(PluginTask(object="nasfleet_testing.poison_task:PoisonTask", parameters={"deed": "hang_with_children"}))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as slot:
        assert slot.stdin is not None
        assert slot.stdout is not None
        slot.stdin.write(encode(Kind.SEARCH, search.SerializeToString()))
        slot.stdin.write(encode(Kind.ASSIGNMENT, assign(1, POISONOUS).SerializeToString()))
        slot.stdin.flush()
        assert [read_blocking(slot.stdout)[0] for _ in range(2)] == [Kind.READY, Kind.EPOCH]
        slot.stdin.close()
        slot.wait(PATIENCE_SECONDS)
    wait_for_end_of_group(slot.pid)


async def test_an_idle_process_that_was_killed_is_replaced(bench: Bench) -> None:
    bench.poison("none")
    process_id = await bench.process_id()
    os.kill(process_id, signal.SIGKILL)
    await asyncio.to_thread(wait_for_end, process_id)
    assert await bench.process_id() != process_id


async def test_epochs_gauges_and_outcomes_of_a_process_are_counted(bench: Bench) -> None:
    bench.poison("error")
    await bench.train(HARMLESS)
    await bench.train(POISONOUS)
    assert [epoch.value for epoch in bench.epochs] == [0.5, 0.5]
    sample = bench.registry.get_sample_value
    assert sample("nasfleet_trainer_outcomes_total", {"kind": "measured"}) == 1
    assert sample("nasfleet_trainer_outcomes_total", {"kind": "crashed"}) == 1
    assert sample("nasfleet_trainer_epoch_seconds_count") == 2
    assert sample("nasfleet_trainer_children") == 0


async def test_a_trainer_that_was_left_alone_by_its_gang_lets_others_say_why_first_and_replaces_its_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "BLAME_SECONDS", 1.5)
    bench.poison("left_alone")
    process = await bench.process_id()
    began = time.monotonic()
    failure = await bench.train(POISONOUS)
    assert time.monotonic() - began >= 1.5
    assert isinstance(failure, Failure)
    assert FailureKind.Name(failure.kind) == "FAILURE_KIND_GANG_BROKEN"
    assert await bench.process_id() != process

"""Search spaces lowered by a trainer: real processes, and objects that do their worst to them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from nasfleet.catalogue.tasks import Synthetic
from nasfleet.spaces.decision import Choice
from nasfleet.spaces.wire import decisions_from_proto
from nasfleet.v1.catalogue_pb2 import PluginSpace
from nasfleet.v1.fleet_pb2 import Lowered, Lowering
from nasfleet_testing.programs import trainer
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, ScriptedController, Stream, announce, assign

MODULE = """
import os, pathlib, sys, time
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.decision import Choice

pathlib.Path(__file__).with_suffix(".pid").write_text(str(os.getpid()))


def depths(deepest):
    print("in the way of the pipe", flush=True)
    return AssignmentSpace((Choice("depth", "depth", tuple(range(1, deepest + 1))),))


def raises(): raise ZeroDivisionError("no\\nluck \\ud800")
def exits(): sys.exit(3)
def dies(): os._exit(3)
def hangs(): time.sleep(3600)
def number(): return 5
def endless():
    class Space:
        decisions = iter(lambda: Choice("a", "a", (1, 2)), None)
    return Space()
def twins(): return type("Space", (), {"decisions": (Choice("a", "a", (1, 2)), Choice("a", "b", (1, 2)))})
def odd(): return type("Space", (), {"decisions": (Choice("a", "a", (None, 2)),)})
def huge(): return AssignmentSpace((Choice("a", "a", tuple(f"{n}" * 100 for n in range(1000, 5000))),))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a module that programs of this test find; return its file."""
    file = tmp_path / "worst_space.py"
    file.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))  # handed on to programs
    return file


@asynccontextmanager
async def asked(tmp_path: Path) -> AsyncIterator[tuple[ScriptedController, Stream]]:
    async with ScriptedController() as controller:
        with trainer(controller.address, tmp_path / "trainer.log"):
            yield controller, await controller.stream()


def question(number: int, name: str, seconds: float = PATIENCE_SECONDS, **parameters: object) -> Lowering:
    lowering = Lowering(lowering=number, space=PluginSpace(object=name), timeout_seconds=seconds)
    lowering.space.parameters.update(parameters)
    return lowering


async def answers(stream: Stream, count: int) -> dict[int, Lowered]:
    """Return so many answers by number, waiting for them."""
    found: dict[int, Lowered] = {}
    while len(found) < count:
        found.update({answer.lowering: answer for answer in (await stream.request()).lowered})
    return found


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with suppress(OSError):  # a process that has ended waits for its parent to look
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_what_comes_of_each_object(tmp_path: Path, module: Path) -> None:
    wrong = {
        "absent_module:space": ("unable", "No module named 'absent_module'; run the trainer in the folder"),
        "worst_space:absent": ("unable", "has no attribute 'absent'"),
        "worst_space:raises": ("unable", "ZeroDivisionError: no luck \\ud800"),
        "worst_space:exits": ("unable", "SystemExit: 3"),
        "worst_space:dies": ("unable", "the search space's process ended while it was lowered, with exit code 3"),
        "worst_space:number": ("no_space", "gives 'int' without decisions"),
        "worst_space:endless": ("no_space", "1025 decisions"),
        "worst_space:twins": ("no_space", "2 decisions are called 'a'"),
        "worst_space:odd": ("no_space", "neither text nor numbers nor truth values"),
        "worst_space:huge": ("no_space", "more than 1,048,576"),
    }
    async with asked(tmp_path) as (_, stream):
        assert stream.hello.lowers_spaces
        stream.say(lowerings=[question(0, "worst_space:depths", deepest=3)])
        stream.say(lowerings=[question(number, name) for number, name in enumerate(wrong, start=1)])
        said = await answers(stream, len(wrong) + 1)
    assert decisions_from_proto(said[0].decisions) == (Choice("depth", "depth", (1, 2, 3)),)
    for number, (result, says) in enumerate(wrong.values(), start=1):
        assert said[number].WhichOneof("result") == result, said[number]
        assert says in getattr(said[number], result)


async def test_an_object_that_hangs_is_ended_in_time_and_children_go_on_meanwhile(tmp_path: Path, module: Path) -> None:
    async with asked(tmp_path) as (_, stream):
        stream.say(lowerings=[question(1, "worst_space:hangs", seconds=6.0)])
        stream.say(searches=[announce(Synthetic())], assignments=[assign(1)])
        assert (await stream.outcome()).HasField("measurement")
        assert not any(request.lowered for request in stream.requests)
        assert (await answers(stream, 1))[1].unable == "worst_space:hangs did not return within 6 s; correct it"
        assert gone(int(module.with_suffix(".pid").read_text()))


async def test_a_module_that_was_corrected_in_place_is_read_again(tmp_path: Path, module: Path) -> None:
    async with asked(tmp_path) as (_, stream):
        stream.say(lowerings=[question(1, "worst_space:number")])
        assert (await answers(stream, 1))[1].HasField("no_space")
        await asyncio.to_thread(module.write_text, MODULE.replace("def number(): return 5", "def number(): return depths(2)"))
        stream.say(lowerings=[question(2, "worst_space:number")])
        assert (await answers(stream, 1))[2].HasField("decisions")


async def test_with_its_stream_a_question_is_forgotten_and_its_process_ended(tmp_path: Path, module: Path) -> None:
    async with asked(tmp_path) as (controller, stream):
        stream.say(lowerings=[question(1, "worst_space:hangs")])
        await until(lambda: module.with_suffix(".pid").exists() and bool(module.with_suffix(".pid").read_text()))
        stream.end()
        again = await controller.stream()
        assert gone(int(module.with_suffix(".pid").read_text()))
        again.say(lowerings=[question(1, "worst_space:depths", deepest=2)])
        assert (await answers(again, 1))[1].HasField("decisions")
        assert sum(len(request.lowered) for request in again.requests) == 1


async def test_no_process_of_a_space_outlives_its_trainer(tmp_path: Path, module: Path) -> None:
    async with ScriptedController() as controller:
        with trainer(controller.address, tmp_path / "trainer.log") as process:
            stream = await controller.stream()
            stream.say(lowerings=[question(1, "worst_space:hangs")])
            await until(lambda: module.with_suffix(".pid").exists() and bool(module.with_suffix(".pid").read_text()))
            code = await asyncio.to_thread(process.terminate)
        assert code == 0
        assert gone(int(module.with_suffix(".pid").read_text()))

"""The trainer program as it is started: flags, signals, its parent's end, metrics."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from nasfleet.catalogue.tasks import Synthetic
from nasfleet.v1.trial_pb2 import FAILURE_KIND_RETURNED
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, ScriptedController, announce, assign
from nasfleet_trainer.config import Config, parse


@asynccontextmanager
async def program(*flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "nasfleet_trainer", "--device", "cpu", *flags)
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def free_port() -> int:
    """Return a port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def exit_code(process: asyncio.subprocess.Process) -> int:
    return await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)


async def test_sigterm_finishes_the_child_and_exits_with_0() -> None:
    async with ScriptedController() as controller, program("--controller", controller.address) as process:
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epoch_seconds=1))], assignments=[assign(1)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        process.terminate()
        outcome = await stream.outcome()
        assert outcome.HasField("measurement")
        stream.acknowledge(outcome)
        assert await exit_code(process) == 0


def test_a_trainer_that_is_told_to_leave_before_it_has_begun_exits_with_0() -> None:
    code = (
        "import sys, time, nasfleet_trainer.hosting as hosting, nasfleet_trainer.__main__ as program;"
        "hosting.find_device = lambda _: print('looking', flush=True) or time.sleep(600);"
        "sys.argv = ['trainer', '--controller', '127.0.0.1:1'];"
        "sys.exit(program.main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "looking\n"
            process.terminate()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


async def test_a_second_signal_ends_the_grace() -> None:
    async with ScriptedController() as controller, program("--controller", controller.address, "--grace", "600") as process:
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epoch_seconds=3600))], assignments=[assign(1)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        process.terminate()
        while not stream.requests[-1].draining:
            await stream.request()
        process.send_signal(signal.SIGINT)
        outcome = await stream.outcome()
        assert outcome.failure.kind == FAILURE_KIND_RETURNED
        stream.acknowledge(outcome)
        assert await exit_code(process) == 0


async def test_with_its_parent_gone_a_trainer_hands_back_and_leaves() -> None:
    flags = ("--exit-with-parent", "--grace", "600")
    async with ScriptedController() as controller, program("--controller", controller.address, *flags) as process:
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epoch_seconds=3600))], assignments=[assign(1)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        assert process.stdin is not None
        process.stdin.close()
        assert (await stream.outcome()).failure.kind == FAILURE_KIND_RETURNED
        assert await exit_code(process) == 0  # also without an acknowledgement


async def test_several_agents_have_numbered_names_and_common_metrics() -> None:
    port = free_port()
    flags = ("--agents", "3", "--slots", "2", "--name", "box", "--label", "gpu=none", "--metrics-port", str(port))
    async with ScriptedController() as controller, program("--controller", controller.address, *flags):
        streams = [await controller.stream() for _ in range(3)]
        hellos = [stream.hello for stream in streams]
        assert sorted(hello.trainer for hello in hellos) == ["box-0", "box-1", "box-2"]
        assert len({hello.instance_id for hello in hellos}) == 3
        assert [(hello.slots, dict(hello.labels)) for hello in hellos] == [(2, {"gpu": "none"})] * 3
        for fence, stream in enumerate(streams, start=1):
            stream.say(searches=[announce(Synthetic())], assignments=[assign(fence)])
            await stream.outcome()
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode())
        assert 'nasfleet_trainer_outcomes_total{kind="measured"} 3.0' in page


def answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as page:
            return page.status, page.read().decode().strip()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode().strip()


async def test_probes_say_whether_it_lives_and_whether_work_can_reach_it() -> None:
    port = free_port()
    flags = ("--name", "t", "--metrics-host", "0.0.0.0", "--metrics-port", str(port), "--grace", "600")

    async def probe(path: str) -> tuple[int, str]:
        return await asyncio.to_thread(answer, port, path)

    async def becomes(path: str, expected: tuple[int, str]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if await probe(path) == expected:
                    return
                await asyncio.sleep(0.01)

    async with ScriptedController() as controller, program("--controller", controller.address, *flags) as process:
        stream = await controller.stream()
        await becomes("/readyz", (200, "ok"))
        assert await probe("/livez") == (200, "ok")
        await controller.stop()
        await becomes("/readyz", (503, "trainer t has no stream to the controller"))
        assert await probe("/livez") == (200, "ok")
        await controller.start(controller.address)
        stream = await controller.stream()
        await becomes("/readyz", (200, "ok"))
        stream.say(searches=[announce(Synthetic(epoch_seconds=3600))], assignments=[assign(1)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        process.terminate()
        await becomes("/readyz", (503, "trainer t is draining"))
        assert await probe("/livez") == (200, "ok")


async def test_sigterm_hands_back_what_does_not_end_within_the_grace_and_exits_with_0() -> None:
    async with ScriptedController() as controller, program("--controller", controller.address, "--grace", "0.2") as process:
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epoch_seconds=3600))], assignments=[assign(1), assign(2)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        process.terminate()
        outcomes = [await stream.outcome(), await stream.outcome()]
        assert {(outcome.fence, outcome.failure.kind) for outcome in outcomes} == {
            (1, FAILURE_KIND_RETURNED),
            (2, FAILURE_KIND_RETURNED),
        }
        stream.acknowledge(*outcomes)
        assert await exit_code(process) == 0


async def test_a_refused_trainer_exits_with_2_and_says_why() -> None:
    refusal = (grpc.StatusCode.INVALID_ARGUMENT, "slots must be at least 1")
    async with ScriptedController(refusal=refusal) as controller, program("--controller", controller.address) as process:
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        assert process.returncode == 2
        assert "slots must be at least 1" in errors.decode()
        assert "Traceback" not in errors.decode()


async def test_a_port_for_metrics_that_is_taken_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with program("--controller", "127.0.0.1:1", "--metrics-port", str(port)) as process:
            _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 2
    assert f"127.0.0.1:{port}" in errors.decode()
    assert "--metrics-port" in errors.decode()
    assert "Traceback" not in errors.decode()


def test_an_agent_with_inline_tasks_loads_no_torch() -> None:
    code = (
        "import sys, nasfleet_trainer.__main__, nasfleet_trainer.tasks.synthetic, nasfleet_trainer.tasks.tabular;"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        ([], "--controller"),
        (["--controller", "nowhere"], "the address is 'nowhere': give HOST:PORT"),
        (["--controller", "h:65536"], "the address is 'h:65536': give HOST:PORT with a port from 1 to 65535"),
        (["--controller", "h:1", "--slots", "0"], "'0' is no count"),
        (["--controller", "h:1", "--agents", "many"], "'many' is no count"),
        (["--controller", "h:1", "--label", "gpu"], "'gpu' is no label"),
        (["--controller", "h:1", "--metrics-port", "99999"], "'99999' is no port"),
        (["--controller", "h:1", "--pool", "gpu"], "'gpu' is no name of the form namespaces/{namespace}/pools/{pool}"),
        (["--controller", "h:1", "--grace", "nan"], "'nan' is no time"),
        (["--controller", "h:1", "--cores", "500m"], "'500m' is no count of cores"),
        (["--controller", "h:1", "--device", "tpu"], "'tpu'"),
        (["--controller", "h:1", "--speed", "9"], "--speed"),
    ],
)
def test_wrong_flags_end_with_2_and_are_named(capsys: pytest.CaptureFixture[str], flags: list[str], wrong: str) -> None:
    with pytest.raises(SystemExit) as ending:
        parse(flags, {})
    assert ending.value.code == 2
    assert wrong in capsys.readouterr().err


def test_flags_come_before_the_environment_and_that_before_defaults() -> None:
    environment = {"NASFLEET_CONTROLLER": "there:1", "NASFLEET_SLOTS": "3", "NASFLEET_LABELS": "gpu=h200,zone=a"}
    config = parse(["--slots", "2", "--threads", "1"], environment)
    assert isinstance(config, Config)
    assert (config.controller, config.slots, config.agents, config.grace_seconds) == ("there:1", 2, 1, 30.0)
    assert config.labels == {"gpu": "h200", "zone": "a"}


@pytest.mark.parametrize(("cores", "threads"), [("8", 4), ("9", 4), ("1", 1), ("0", max(1, (os.cpu_count() or 1) // 2))])
def test_slots_share_the_cores_that_a_pod_requests(cores: str, threads: int) -> None:
    config = parse(["--controller", "h:1", "--slots", "2"], {"NASFLEET_CORES": cores})
    assert config.threads == threads


def test_threads_share_the_cores_out_and_are_at_least_one() -> None:
    config = parse(["--controller", "h:1", "--slots", str(10 * (os.cpu_count() or 1))], {})
    assert config.threads == 1

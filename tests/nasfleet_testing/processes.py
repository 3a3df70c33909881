"""Real programs as tests start, stop and kill them: what they print goes to a file, and none outlives its test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0  # on busy cores; only a failing test waits so long
POLL_SECONDS = 0.02


class Process:
    """One program that runs, or ran."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The number by which the system knows it."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has said on standard error so far."""
        return self._log.read_text()

    def line(self) -> str:
        """Return the next line of its standard output, waiting for it; empty if it ended without one."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def kill(self) -> None:
        """End it as a loss of power would."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)

    def terminate(self) -> int:
        """Ask it to end; return its exit code."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return self._process.wait(PATIENCE_SECONDS)

    def pause(self) -> None:
        """Stop it where it is, as a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def proceed(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def program(arguments: Sequence[str], log: Path) -> Iterator[Process]:
    """Run a program; what it says on standard error is appended to `log`. At the end it is killed if it still runs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("a") as errors,
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
    ):
        try:
            yield Process(process, log)
        finally:
            process.kill()


def eventually(condition: Callable[[], bool], what: str, within: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so in another process; AssertionError says what never came."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(POLL_SECONDS)


def said(log: str, event: str) -> list[dict[str, Any]]:
    """Return what a program has logged as an event."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]

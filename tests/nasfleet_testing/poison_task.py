"""A task that does to its process whatever a child network can do to one."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import NoReturn

from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet_trainer.failures import GangBrokenError
from nasfleet_trainer.tasks.task import ChildRun, Report


class PoisonTask:
    """Does its deed when the first token is 1, and is harmless when it is 0; the value is the number of its process."""

    def __init__(self, deed: str = "none") -> None:
        self._deed = deed

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Do the deed, or return this process's number as the value."""
        report(EpochMeasurement(1, 0.5, 0.1), examples=100)
        if run.tokens[0] and self._deed == "not_finite_epoch":
            report(EpochMeasurement(2, float("nan"), 0.1))
        elif run.tokens[0]:
            globals()[self._deed]()
        return Measurement(float(os.getpid()), (), 0.1, 0.1)


def segfault() -> None:
    ctypes.string_at(0)


def exit_at_once() -> NoReturn:
    os._exit(3)


def close_pipes_and_hang() -> None:
    os.closerange(3, 256)
    time.sleep(600)


def sigkill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    hang_in_a_loop_without_end()


def hang_with_children() -> None:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=True)


def memory_error() -> None:
    bytearray(2**62)


def torch_out_of_memory() -> None:
    raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to allocate")


def not_finite_measurement() -> None:
    Measurement(float("inf"), (), 0.1, 0.1)


def error() -> None:
    raise KeyError("no such layer")


def system_exit() -> None:
    sys.exit("a library gave up")


def print_and_read() -> None:
    print("A" * 100_000, flush=True)  # noqa: T201 - what a task prints must not garble the frames
    sys.stdin.read()


def hang_in_a_loop_without_end() -> NoReturn:
    """Hang; its name is found in the stack."""
    while True:
        time.sleep(60)


def left_alone() -> NoReturn:
    raise GangBrokenError("rank 0 of 2 lost the others")

"""The programs as benchmarks run them, how much memory they take, and the name of the machine."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nasfleet.client import Client


@dataclass(frozen=True, slots=True)
class Controller:
    """A controller that serves, and a client of it."""

    address: str
    pid: int
    client: Client

    def resident_megabytes(self) -> float:
        """Return its memory, in units of 10^6 bytes."""
        said = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], check=True, capture_output=True, text=True).stdout
        return int(said) * 1024 / 1e6

    def processor_seconds(self) -> float:
        """Return the processor time that it has used, to the hundredth where the system tells that, else to the second."""
        stat = Path(f"/proc/{self.pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return float("nan")


@contextmanager
def controller() -> Iterator[Controller]:
    """Run a controller on a new state directory."""
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as state:
        listen = ("--state", state, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
        with _program("nasfleet_controller", *listen, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["address"]
            with Client(address, timeout=60.0) as client:
                yield Controller(address, process.pid, client)


@contextmanager
def trainers(running: Controller, count: int, *flags: str) -> Iterator[None]:
    """Run so many trainers in one process, and wait until all of them are connected."""
    options = ("--controller", running.address, "--agents", str(count), "--device", "cpu", "--grace", "0", *flags)
    with _program("nasfleet_trainer", *options, stdout=subprocess.DEVNULL):
        while len(running.client.get_fleet().trainers) < count:
            time.sleep(0.2)
        yield


@contextmanager
def _program(module: str, *arguments: str, stdout: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def machine() -> str:
    """Return what this was measured on."""
    about = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in about.read_text().splitlines() if line.startswith("model name")]
        if about.exists()
        else []
    )
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}"

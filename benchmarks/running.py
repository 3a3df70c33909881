"""The programs and whole searches as benchmarks run them, how much memory they take, and the name of the machine."""

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nasfleet import document
from nasfleet.catalogue import SearchDocument
from nasfleet.client import Client
from nasfleet.names import SearchName
from nasfleet.transport import Trust
from nasfleet.v1.fleet_pb2 import TRAINER_STATE_BUSY
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store
from nasfleet_controller.store.trials import StoredTrial


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

    def busy_trainers(self) -> int:
        """Return how many trainers hold a trial."""
        return sum(one.state == TRAINER_STATE_BUSY for one in self.client.get_fleet().trainers)

    def processor_seconds(self) -> float:
        """Return the processor time that it has used, to the hundredth where the system tells that, else to the second."""
        stat = Path(f"/proc/{self.pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return float("nan")


@contextmanager
def controller(*options: str, trust: Trust | None = None) -> Iterator[Controller]:
    """Run a controller on a new state directory, with more options; whoever serves TLS is reached by a trust."""
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as state:
        listen = ("--state", state, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
        with _program("nasfleet_controller", *listen, *options, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["address"]
            with Client(address, trust, timeout=60.0) as client:
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


@dataclass(frozen=True, slots=True)
class SearchRun:
    """A search that has ended: its trials in the order of their proposals, each update's entropy in nats, its wall time."""

    trials: tuple[StoredTrial, ...]
    entropies: tuple[float, ...]
    seconds: float


def run_search(searched: SearchDocument, *options: str) -> SearchRun:
    """Run a search through the whole system, as `nasfleet run` with these options does; of its trials the first 1,000 come."""
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        file, database = Path(folder) / "search.yaml", Path(folder) / "nasfleet.db"
        file.write_text(document.dump(searched))
        command = [sys.executable, "-m", "nasfleet_cli", "run", str(file), "--state", folder, "--plain", *options]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        with Store(f"sqlite:///{database}") as store:
            page = store.results.page(TrialQuery(SearchName(searched.namespace, searched.name)), 1000)
        with sqlite3.connect(database) as connection:
            rows = connection.execute("SELECT entropy FROM policy_updates ORDER BY version").fetchall()
    return SearchRun(tuple(page.trials), tuple(entropy for (entropy,) in rows), seconds)


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

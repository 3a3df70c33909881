"""The controller and the trainers as programs, and what tests of the whole system ask of them."""

import json
import multiprocessing
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nasfleet.catalogue import Budget, ConvChain, Random, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.client import Client
from nasfleet.errors import UnavailableError
from nasfleet_testing.processes import Process, program

SEARCH = "namespaces/default/searches/probe"


@dataclass(frozen=True, slots=True)
class RunningController:
    """A controller that serves."""

    process: Process
    address: str
    metrics: str
    health: str = ""

    def serving(self) -> bool:
        """Return whether it says of itself that it serves; one that does not answer does not."""
        with grpc.insecure_channel(self.address) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def controller(state: Path, listen: str = "127.0.0.1:0", *more: str, log: Path | None = None) -> Iterator[RunningController]:
    """Run a controller on a state directory, with more options; its log lies beside that, unless it is to lie elsewhere."""
    command = (sys.executable, "-m", "nasfleet_controller", "--state", str(state), "--listen", listen)
    with program((*command, "--metrics", "127.0.0.1:0", *more), log or state.with_suffix(".log")) as process:
        line = process.line()
        assert line, f"the controller did not start: {process.log}"
        said = json.loads(line)
        yield RunningController(process, said["address"], said["metrics"], said["health"])


@contextmanager
def forked_controller(state: Path, address: str, *flags: str) -> Iterator[BaseProcess]:
    """Run a controller that need not import anything, since it is forked off a process that has: it serves at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nasfleet_controller.server", "nasfleet_testing.programs"])
    process = context.Process(target=_serve, args=(state, address, *flags), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def _serve(state: Path, address: str, *flags: str) -> None:
    """Be the controller program."""
    from nasfleet_controller.__main__ import main

    with state.with_suffix(".log").open("a") as log:
        sys.stdout = sys.stderr = log
        sys.argv = ["nasfleet_controller", "--state", str(state), "--listen", address, "--metrics", "", *flags]
        sys.exit(main())


@contextmanager
def trainer(address: str, log: Path, *flags: str, module: str = "nasfleet_trainer") -> Iterator[Process]:
    """Run a trainer process."""
    with program((sys.executable, "-m", module, "--controller", address, "--device", "cpu", *flags), log) as process:
        yield process


def free_address() -> str:
    """Return an address on this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def synthetic_search(trials: int, parallelism: int, task: Synthetic, **changes: Any) -> SearchSpec:
    """Return a search of small convolutional chains that nobody trains."""
    parts: dict[str, Any] = {
        "search_space": SearchSpaceSection(space=ConvChain(layers=3)),
        "strategy": Random(),
        "task": task,
        "budget": Budget(trials=trials),
        "parallelism": parallelism,
    }
    return SearchSpec(**(parts | changes))


def settled(client: Client) -> int:
    """Return how many trials of the search are done for good; -1 while the controller cannot say."""
    try:
        counts = client.get_search(SEARCH).counts
    except UnavailableError:
        return -1
    return counts.succeeded + counts.failed + counts.lost


def training(client: Client) -> int:
    """Return how many children are in training."""
    return sum(held.started for one in client.get_fleet().trainers for held in one.trials)


def rows(state: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what the store of a state directory answers to a query."""
    with closing(sqlite3.connect(state / "nasfleet.db")) as connection:
        return connection.execute(query).fetchall()

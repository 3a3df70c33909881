"""The controller program put together: store, runner, services and metrics, from start to stop."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import grpc
import structlog
from google.protobuf.internal import api_implementation
from grpc_health.v1.health import SERVICE_NAME
from grpc_reflection.v1alpha import reflection

from nasfleet.address import Address
from nasfleet.errors import ConflictError, InvalidInputError
from nasfleet.names import PoolName
from nasfleet.parent import when_parent_is_gone
from nasfleet.tracing import exporting
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, results_pb2, results_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet_controller.access.certificates import Certificates, server_credentials
from nasfleet_controller.access.guard import Guard
from nasfleet_controller.access.reviews import RememberedReviews
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.config import Authentication, ControllerConfig
from nasfleet_controller.event_log import EventLog
from nasfleet_controller.gauges import DiskCollector, StateCollector
from nasfleet_controller.health import Health
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.runner import Runner
from nasfleet_controller.servicers.fleet import FleetServicer
from nasfleet_controller.servicers.results import ResultsServicer, trial_to_proto
from nasfleet_controller.servicers.searches import SearchServicer
from nasfleet_controller.store.store import Store

if TYPE_CHECKING:
    from nasfleet_controller.traces import TrialTraces

STOP_SECONDS = 1.0
MOST_BYTES = 4 * 2**20
"""Of a message that comes in: a search document with a space of 1 MiB, or a child's epochs, has room."""
SERVICES = (
    search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name,
    results_pb2.DESCRIPTOR.services_by_name["ResultsService"].full_name,
    fleet_pb2.DESCRIPTOR.services_by_name["FleetService"].full_name,
)
OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),  # a second controller on the same port must fail, not share it
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.server_handshake_timeout_ms", 10_000),
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Door:
    """Where the services are, and for whom.

    Attributes:
        listen: where they are served.
        certificates: for TLS; None for plain text.
        reviews: say who calls and what they may do; None to let everybody do everything.
        operator_account: user name of the operator; empty for nobody.
        health: where health alone is served besides, in plain text; None for nowhere.
    """

    listen: Address
    certificates: Certificates | None = None
    reviews: RememberedReviews | None = None
    operator_account: str = ""
    health: Address | None = None


@contextlib.contextmanager
def held(state: Path) -> Iterator[None]:
    """Hold the state directory, which is made if it is not there.

    Raises:
        ConflictError: if another controller holds it.
        InvalidInputError: if it cannot be made or written.
    """
    lock = filelock.FileLock(state / "controller.lock", timeout=0)
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise ConflictError(f"another controller works on {state}: stop it, or give another --state") from None
    except OSError as error:
        raise InvalidInputError(
            f"the state directory {state} cannot be written ({error.strerror}): give another --state"
        ) from error
    try:
        yield
    finally:
        lock.release()


async def serve(config: ControllerConfig) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent is gone if that is asked for.

    Raises:
        NasfleetError: if the state directory, the store or an address cannot be had.
    """
    if api_implementation.Type() != "upb":
        raise InvalidInputError(f"protobuf runs on {api_implementation.Type()!r}, many times slower: install its binary wheel")
    metrics = ControllerMetrics()
    async with contextlib.AsyncExitStack() as stack:
        traces = stack.enter_context(_traces(config))
        stack.enter_context(held(config.state))
        store = stack.enter_context(Store(config.store_url))
        door = Door(
            config.listen,
            config.certificates,
            reviews=await stack.enter_async_context(_reviews(config)),
            operator_account=config.operator_account,
            health=config.health,
        )
        metrics.registry.register(DiskCollector(config.state))
        running, address, health = await stack.enter_async_context(serving(store, metrics, door, traces))
        metrics_address = metrics.serve(config.metrics) if config.metrics else ""
        announcement = config.state / "controller.json"
        try:
            _announce(announcement, str(address), str(metrics_address), str(health or ""))
            await _wait_until_stopped(running, exit_with_parent=config.exit_with_parent)
        finally:
            announcement.unlink(missing_ok=True)
    log.info("stopped")


@contextlib.contextmanager
def _traces(config: ControllerConfig) -> Iterator["TrialTraces | None"]:
    if not config.traces:
        yield None
        return
    # It takes OpenTelemetry, which nobody needs who does not ask for traces.
    from nasfleet_controller.traces import ChosenIds, TrialTraces

    ids = ChosenIds()
    with exporting("nasfleet-controller", ids) as tracer:
        yield TrialTraces(tracer, ids)


@contextlib.asynccontextmanager
async def _reviews(config: ControllerConfig) -> AsyncIterator[RememberedReviews | None]:
    if config.authentication is Authentication.NONE:
        yield None
        return
    # It takes the Kubernetes client, which nobody needs on one machine.
    from nasfleet_controller.access.kubernetes_reviews import reviewing

    async with reviewing(config.audience, config.kubeconfig) as reviews:
        yield RememberedReviews(reviews)


@contextlib.asynccontextmanager
async def serving(
    store: Store, metrics: ControllerMetrics, door: Door, traces: "TrialTraces | None" = None
) -> AsyncIterator[tuple[asyncio.Task[None], Address, Address | None]]:
    """Serve a store while the context lasts; give the runner's task, which ends only by an error, and both addresses."""
    runner = Runner(store, metrics, EventLog(traced=traces is not None), *([] if traces is None else [traces]))
    metrics.registry.register(StateCollector(runner))
    health = Health(SERVICES)
    servers = [grpc.aio.server(options=OPTIONS, interceptors=(metrics.calls, *_interceptors(door, runner)))]
    _add_services(servers[0], runner, store, _untraced if traces is None else traces.traceparent)
    address, health_address = _listen(servers[0], door.listen, "--listen", door.certificates), None
    if door.health is not None:
        servers.append(grpc.aio.server(options=OPTIONS))
        health_address = _listen(servers[1], door.health, "--health")
    begun = asyncio.Event()

    def on_ready(ready: bool) -> None:  # noqa: FBT001 - the runner's callback
        health.tell(working=ready)
        begun.set()

    for server in servers:
        await health.add_to(server)
        await server.start()
    running = asyncio.create_task(runner.run(on_ready), name="runner")
    running.add_done_callback(lambda _: begun.set())
    try:
        await begun.wait()  # whoever is told the address finds the searches there
        yield running, address, health_address
    finally:
        running.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            await asyncio.gather(*(server.stop(STOP_SECONDS) for server in servers))


def _interceptors(door: Door, runner: Runner) -> tuple[Guard, ...]:
    if door.reviews is None:
        return ()

    def account_of(pool: PoolName) -> str | None:
        declared = runner.state.dispatcher.pools.declared.get(pool)
        return None if declared is None else declared.service_account

    return (Guard(door.reviews, door.operator_account, account_of),)


def _untraced(_fence: int) -> str:
    return ""


def _add_services(server: grpc.aio.Server, runner: Runner, store: Store, traceparent: Callable[[int], str]) -> None:
    searches = SearchServicer(runner, SearchCommands(runner), lambda name: trial_to_proto(store.results.trial(name).trial))
    search_pb2_grpc.add_SearchServiceServicer_to_server(searches, server)
    results_pb2_grpc.add_ResultsServiceServicer_to_server(ResultsServicer(store.results, runner), server)
    fleet = FleetServicer(runner, store.results.outcome_of, traceparent)
    fleet_pb2_grpc.add_FleetServiceServicer_to_server(fleet, server)
    reflection.enable_server_reflection((*SERVICES, SERVICE_NAME, reflection.SERVICE_NAME), server)


def _listen(server: grpc.aio.Server, where: Address, option: str, certificates: Certificates | None = None) -> Address:
    try:
        if certificates is None:
            return Address(where.host, server.add_insecure_port(str(where)))
        return Address(where.host, server.add_secure_port(str(where), server_credentials(certificates)))
    except RuntimeError:
        raise InvalidInputError(
            f"{option} {where} cannot be had: another program uses that port, or this machine has no such address"
        ) from None


def _announce(file: Path, address: str, metrics: str, health: str) -> None:
    """Say where it serves: on standard output for who started it, in the state directory for everybody else."""
    line = json.dumps({"event": "serving", "address": address, "metrics": metrics, "health": health})
    part = file.with_suffix(".part")
    part.write_text(line + "\n")
    part.replace(file)
    print(line, flush=True)  # noqa: T201 - the one line that a parent process waits for
    log.info("serving", address=address, metrics=metrics, health=health)


async def _wait_until_stopped(running: asyncio.Task[None], *, exit_with_parent: bool) -> None:
    """Wait until a signal comes, the parent is gone or the runner itself fails."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(name, stop.set)
    if exit_with_parent:
        when_parent_is_gone(stop.set)
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()

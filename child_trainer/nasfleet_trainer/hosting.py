"""One process that hosts trainers: its agents, their common channel and metrics, and how it is told to leave."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import grpc
import structlog
from prometheus_client import REGISTRY, disable_created_metrics, start_http_server

from nasfleet import PROTOCOL_VERSION
from nasfleet.errors import InvalidInputError
from nasfleet.parent import when_parent_is_gone
from nasfleet.tracing import exporting
from nasfleet.transport import aio_way
from nasfleet.v1.fleet_pb2 import Hello
from nasfleet_trainer.agent import Agent
from nasfleet_trainer.child_traces import UNTRACED, ChildTraces
from nasfleet_trainer.config import Config
from nasfleet_trainer.device import UNSEEN_GPU, Device, find_device
from nasfleet_trainer.lowerings import Lowerings
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.probes import Probes
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = structlog.get_logger()

# The agents have their own backoff; gRPC's, which grows to two minutes, must not stand in its way.
CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # A controller whose machine is gone says no goodbye.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 64 * 2**20),
)


async def host(config: Config) -> None:
    """Run all agents until they are drained, then send what is left of their traces.

    Raises:
        RefusedError: if the controller will not have them.
        InvalidInputError: if the port for metrics is not to be had, or OpenTelemetry does not understand its variables.
    """
    with exporting("nasfleet-trainer") if config.traces else nullcontext() as tracer:
        await _host(config, tracer)


async def _host(config: Config, tracer: "Tracer | None") -> None:
    device = find_device(config.device)
    if device is UNSEEN_GPU:
        log.warning("no_gpu_seen", device=config.device)
    metrics = Metrics(REGISTRY)
    way = aio_way(config.controller, config.trust, CHANNEL_OPTIONS)
    try:
        agents = _agents(config, device, way.channel, metrics, tracer)
        _serve_metrics(config, Probes(agents, asyncio.get_running_loop()))
        _drain_on_signals(agents)
        if config.exit_with_parent:
            when_parent_is_gone(partial(_drain_all, agents, at_once=True))
        log.info("trainer_started", name=config.name, agents=config.agents, slots=config.slots, device=device.name)
        async with asyncio.TaskGroup() as group:
            for agent in agents:
                group.create_task(agent.run())
    finally:
        for channel in way.channels:
            await channel.close(None)
    log.info("trainer_left", name=config.name)


def _agents(
    config: Config, device: Device, channel: Callable[[], grpc.aio.Channel], metrics: Metrics, tracer: "Tracer | None"
) -> list[Agent]:
    place = Place(device.kind, config.data_dir, config.artifacts_dir, config.gang_host)
    searches = Searches(place)
    agents = []
    for number in range(config.agents):
        hello = Hello(
            protocol_version=PROTOCOL_VERSION,
            trainer=config.name if config.agents == 1 else f"{config.name}-{number}",
            pool=config.pool,
            labels=config.labels,
            slots=config.slots,
            device=device.name,
            device_memory_bytes=device.memory_bytes,
            lowers_spaces=True,
            gang_host=config.gang_host,
        )
        slots = Slots(searches, place, config.threads, metrics, _traces(hello, tracer))
        lowerings = Lowerings(place, config.threads)
        agents.append(Agent(channel, hello, searches, slots, lowerings, metrics, config.grace_seconds))
    return agents


def _traces(hello: Hello, tracer: "Tracer | None") -> ChildTraces:
    if tracer is None:
        return UNTRACED
    # It takes OpenTelemetry, which nobody needs who does not ask for traces.
    from nasfleet_trainer.child_spans import TracedChildren

    return TracedChildren(tracer, hello)


def _serve_metrics(config: Config, probes: Probes) -> None:
    if not config.metrics_port:
        return
    # They double the series and say what counters that begin at 0 say anyhow.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client gives it no types
    try:
        server, _ = start_http_server(config.metrics_port, config.metrics_host)
    except OSError as error:
        where = f"{config.metrics_host}:{config.metrics_port}"
        raise InvalidInputError(
            f"metrics cannot be served at {where}: {error.strerror}; give another --metrics-port"
        ) from error
    if (metrics := server.get_app()) is not None:
        server.set_app(probes.beside(metrics))


def _drain_on_signals(agents: list[Agent]) -> None:
    """Drain at the first SIGTERM or SIGINT, and without any grace at the second."""
    loop = asyncio.get_running_loop()
    count = 0

    def on_signal(number: int, _frame: object) -> None:
        nonlocal count
        count += 1
        log.info("signal", signal=signal.Signals(number).name)
        loop.call_soon_threadsafe(partial(_drain_all, agents, at_once=count > 1))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def _drain_all(agents: list[Agent], *, at_once: bool) -> None:
    for agent in agents:
        agent.drain(at_once=at_once)

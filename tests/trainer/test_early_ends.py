"""Children that end early because the controller sees no use in their further epochs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import grpc
import pytest
from prometheus_client import CollectorRegistry

from nasfleet import PROTOCOL_VERSION
from nasfleet.catalogue.tasks import PluginTask, Synthetic
from nasfleet.v1.fleet_pb2 import Hello, WorkResponse
from nasfleet.v1.trial_pb2 import EpochMeasurement, Measurement
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, ScriptedController, Stream, announce, assign
from nasfleet_trainer.agent import Agent
from nasfleet_trainer.hosting import CHANNEL_OPTIONS
from nasfleet_trainer.leases import EndEarly, Leases
from nasfleet_trainer.lowerings import Lowerings
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots


def test_only_a_child_in_training_ends_early() -> None:
    held = Leases("me", 2, Random(1))
    held.rejoin(Hello(trainer="probe"), 0.0)
    held.hear(WorkResponse(assignments=[assign(fence) for fence in (1, 2, 3)]), 0.0)
    held.hear(WorkResponse(stopped_fences=[2]), 0.0)
    assert held.hear(WorkResponse(ended_early_fences=[1, 2, 3, 4]), 0.0) == [EndEarly(1)]
    held.ended(1, Measurement(value=0.5, stopped_early=True))
    assert held.hear(WorkResponse(ended_early_fences=[1]), 0.0) == []


@pytest.fixture
async def stream(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stream]:
    """Give the stream of a real agent with two slots."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    metrics, searches = Metrics(CollectorRegistry()), Searches(Place())
    hello = Hello(protocol_version=PROTOCOL_VERSION, trainer="probe", slots=2, device="cpu")
    async with (
        ScriptedController() as controller,
        grpc.aio.insecure_channel(controller.address, options=CHANNEL_OPTIONS) as channel,
    ):
        slots = Slots(searches, Place(), 1, metrics)
        agent = Agent(lambda: channel, hello, searches, slots, Lowerings(Place(), 1), metrics, 30.0)
        running = asyncio.create_task(agent.run())
        try:
            yield await controller.stream()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def first_epoch(stream: Stream, fence: int) -> EpochMeasurement:
    while True:
        for progress in (await stream.request()).progress:
            if progress.fence == fence:
                return progress.epochs[0]


async def test_a_child_in_the_agents_loop_ends_with_its_epoch_and_is_measured_by_its_epochs_so_far(stream: Stream) -> None:
    stream.say(searches=[announce(Synthetic(epochs=200, epoch_seconds=0.05))], assignments=[assign(1), assign(2, (0, 1, 2))])
    await first_epoch(stream, 1)
    stream.say(ended_early_fences=[1])
    outcome = await stream.outcome()
    measured = outcome.measurement
    assert (outcome.fence, measured.stopped_early) == (1, True)
    assert 1 <= len(measured.epochs) < 200
    assert [epoch.epoch for epoch in measured.epochs] == list(range(1, len(measured.epochs) + 1))
    assert measured.value == measured.epochs[-1].value
    assert measured.trainer_seconds == measured.seconds > 0
    assert not any(request.outcomes for request in stream.requests if request is not stream.requests[-1])


@pytest.mark.timeout(2 * PATIENCE_SECONDS)
async def test_a_child_in_a_process_ends_with_its_epoch_though_it_catches_all_errors_and_its_process_goes_on(
    stream: Stream,
) -> None:
    task = announce(PluginTask(object="nasfleet_testing.slow_task:SlowTask"))
    stream.say(searches=[task], assignments=[assign(1, (0, 0, 0))])
    process = (await stream.outcome()).measurement.value
    stream.say(assignments=[assign(2, (1, 0, 0))])
    await first_epoch(stream, 2)
    stream.say(ended_early_fences=[1])  # which has ended long ago
    stream.say(ended_early_fences=[2])
    measured = (await stream.outcome()).measurement
    assert measured.stopped_early
    assert 1 <= len(measured.epochs) < 200
    assert measured.value == measured.epochs[-1].value
    stream.say(assignments=[assign(3, (0, 0, 0))])
    after = (await stream.outcome()).measurement
    assert (after.value, after.stopped_early) == (process, False)

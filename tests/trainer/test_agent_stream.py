"""The agent against a scripted controller, over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from prometheus_client import CollectorRegistry

from nasfleet import PROTOCOL_VERSION
from nasfleet.catalogue.tasks import Synthetic
from nasfleet.v1.fleet_pb2 import Hello
from nasfleet.v1.trial_pb2 import FAILURE_KIND_RETURNED, FAILURE_KIND_TRAINER_UNABLE
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, ScriptedController, announce, assign
from nasfleet_trainer.agent import Agent, RefusedError
from nasfleet_trainer.hosting import CHANNEL_OPTIONS
from nasfleet_trainer.lowerings import Lowerings
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots

NO_OP = announce(Synthetic())
ENDLESS = announce(Synthetic(epoch_seconds=3600))


@asynccontextmanager
async def trainer(address: str, slots: int = 1, grace_seconds: float = 30.0) -> AsyncIterator[tuple[Agent, asyncio.Task[None]]]:
    metrics = Metrics(CollectorRegistry())
    searches = Searches(Place())
    hello = Hello(protocol_version=PROTOCOL_VERSION, trainer="probe", slots=slots, device="cpu")
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        slots = Slots(searches, Place(), 1, metrics)
        agent = Agent(lambda: channel, hello, searches, slots, Lowerings(Place(), 1), metrics, grace_seconds)
        running = asyncio.create_task(agent.run())
        try:
            yield agent, running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_an_assignment_comes_back_as_a_measurement() -> None:
    async with ScriptedController() as controller, trainer(controller.address):
        stream = await controller.stream()
        assert (stream.hello.trainer, stream.hello.slots, list(stream.hello.held_fences)) == ("probe", 1, [])
        stream.say(searches=[NO_OP], assignments=[assign(7)])
        outcome = await stream.outcome()
        assert outcome.fence == 7
        assert 0 <= outcome.measurement.value <= 1


async def test_the_prefetched_child_starts_in_the_same_request_as_the_outcome_before_it() -> None:
    async with ScriptedController() as controller, trainer(controller.address):
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epoch_seconds=0.3))], assignments=[assign(1), assign(2)])
        await stream.outcome()
        assert [list(request.started_fences) for request in stream.requests if request.outcomes] == [[2]]


async def test_an_idle_trainer_sends_heartbeats_at_the_interval_of_the_welcome() -> None:
    async with ScriptedController(heartbeat_seconds=0.05) as controller, trainer(controller.address):
        stream = await controller.stream()
        for _ in range(5):  # within the patience of one request there is not even one at the default interval
            await stream.request()
        assert all(not request.ByteSize() for request in stream.requests[1:])


async def test_epochs_are_streamed_while_the_child_trains() -> None:
    async with ScriptedController() as controller, trainer(controller.address):
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epochs=100, epoch_seconds=0.1))], assignments=[assign(1)])
        epochs: list[int] = []
        while len(epochs) < 4:
            request = await stream.request()
            epochs += [epoch.epoch for progress in request.progress for epoch in progress.epochs]
        assert epochs == list(range(1, len(epochs) + 1))


async def test_a_controller_that_restarts_loses_no_child() -> None:
    async with ScriptedController() as controller, trainer(controller.address, slots=2):
        stream = await controller.stream()
        stream.say(searches=[NO_OP, announce(Synthetic(epoch_seconds=2), search="namespaces/default/searches/slow")])
        stream.say(assignments=[assign(1), assign(2, search="namespaces/default/searches/slow")])
        unacknowledged = await stream.outcome()
        await controller.restart()
        again = await controller.stream()
        assert again.hello.instance_id == stream.hello.instance_id
        assert sorted(again.hello.held_fences) == [1, 2]
        assert await again.outcome() == unacknowledged
        again.acknowledge(unacknowledged)
        assert (await again.outcome()).fence == 2


async def test_an_acknowledged_outcome_is_not_sent_again() -> None:
    async with ScriptedController() as controller, trainer(controller.address):
        stream = await controller.stream()
        stream.say(searches=[NO_OP], assignments=[assign(1)])
        stream.acknowledge(await stream.outcome())
        stream.say(assignments=[assign(2)])  # its outcome shows that the acknowledgement was heard
        second = await stream.outcome()
        stream.end()
        again = await controller.stream()
        assert list(again.hello.held_fences) == [2]
        assert await again.outcome() == second


async def test_a_stopped_child_ends_and_its_slot_takes_the_next() -> None:
    async with ScriptedController() as controller, trainer(controller.address):
        stream = await controller.stream()
        stream.say(searches=[ENDLESS], assignments=[assign(1)])
        stream.say(stopped_fences=[1], searches=[NO_OP], assignments=[assign(2)])
        assert (await stream.outcome()).fence == 2


async def test_an_unannounced_search_is_not_the_networks_fault() -> None:
    async with ScriptedController() as controller, trainer(controller.address):
        stream = await controller.stream()
        stream.say(assignments=[assign(1)])
        outcome = await stream.outcome()
        assert outcome.failure.kind == FAILURE_KIND_TRAINER_UNABLE
        assert "never announced" in outcome.failure.message


async def test_a_drained_trainer_hands_back_what_waits_finishes_what_runs_and_leaves() -> None:
    async with ScriptedController() as controller, trainer(controller.address) as (agent, running):
        stream = await controller.stream()
        stream.say(searches=[announce(Synthetic(epoch_seconds=0.5))], assignments=[assign(1), assign(2)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        agent.drain()
        returned = await stream.outcome()
        assert (returned.fence, returned.failure.kind) == (2, FAILURE_KIND_RETURNED)
        assert stream.requests[-1].draining
        finished = await stream.outcome()
        assert (finished.fence, finished.HasField("measurement")) == (1, True)
        assert not running.done()
        stream.acknowledge(returned, finished)
        await asyncio.wait_for(running, PATIENCE_SECONDS)


async def test_the_controller_can_drain_a_trainer_and_late_assignments_go_back() -> None:
    async with ScriptedController() as controller, trainer(controller.address) as (_, running):
        stream = await controller.stream()
        stream.say(drain=True, searches=[NO_OP], assignments=[assign(1)])
        outcome = await stream.outcome()
        assert outcome.failure.kind == FAILURE_KIND_RETURNED
        stream.acknowledge(outcome)
        await asyncio.wait_for(running, PATIENCE_SECONDS)


async def test_at_the_end_of_the_grace_running_children_are_handed_back() -> None:
    async with ScriptedController() as controller, trainer(controller.address) as (agent, running):
        stream = await controller.stream()
        stream.say(searches=[ENDLESS], assignments=[assign(1)])
        while not any(request.started_fences for request in stream.requests):
            await stream.request()
        agent.drain(at_once=True)
        outcome = await stream.outcome()
        assert outcome.failure.kind == FAILURE_KIND_RETURNED
        stream.acknowledge(outcome)
        await asyncio.wait_for(running, PATIENCE_SECONDS)


async def test_a_drained_trainer_leaves_even_if_the_controller_is_gone() -> None:
    async with trainer("127.0.0.1:1") as (agent, running):
        agent.drain(at_once=True)
        await asyncio.wait_for(running, PATIENCE_SECONDS)


async def test_a_refusal_ends_the_trainer_with_its_reason() -> None:
    refusal = (grpc.StatusCode.FAILED_PRECONDITION, "protocol version 9 is too new")
    async with ScriptedController(refusal=refusal) as controller, trainer(controller.address) as (_, running):
        with pytest.raises(RefusedError, match="protocol version 9 is too new"):
            await asyncio.wait_for(running, PATIENCE_SECONDS)

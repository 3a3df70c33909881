"""What a trainer says that cannot be true, over a real server: it fails a child at most, and never the controller."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from nasfleet import PROTOCOL_VERSION
from nasfleet.address import Address
from nasfleet.catalogue import BestOfLastEpochsCubed, Budget, Random
from nasfleet.codec import spec_to_proto
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet.v1.trial_pb2 import EpochMeasurement, Measurement
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.server import Door, serving
from nasfleet_controller.store.store import Store
from nasfleet_testing.specs import smallest_spec

NAME = "namespaces/default/searches/s"
SPEC = smallest_spec(
    strategy=Random(batch_size=1), budget=Budget(trials=1), parallelism=1, reward=BestOfLastEpochsCubed(epochs=1)
)
NAN, HUGE = float("nan"), 2**64 - 1


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        async with (
            serving(store, ControllerMetrics(), Door(Address("127.0.0.1", 0))) as (_, address, _),
            grpc.aio.insecure_channel(str(address)) as opened,
        ):
            yield opened


def measurement(**figures: object) -> Measurement:
    return Measurement(**{"value": 0.5, "seconds": 1.0, "trainer_seconds": 1.0} | figures)


async def searched(channel: grpc.aio.Channel) -> search_pb2.Search:
    stub = search_pb2_grpc.SearchServiceStub(channel)
    return (await stub.GetSearch(search_pb2.GetSearchRequest(name=NAME), timeout=5)).search


async def working(channel: grpc.aio.Channel) -> tuple[grpc.aio.StreamStreamCall, int]:
    """Return the stream of a trainer that holds the one trial of a search, and its fence."""
    await search_pb2_grpc.SearchServiceStub(channel).EnsureSearch(
        search_pb2.EnsureSearchRequest(name=NAME, spec=spec_to_proto(SPEC)), timeout=5
    )
    stream = fleet_pb2_grpc.FleetServiceStub(channel).Work()
    hello = fleet_pb2.Hello(protocol_version=PROTOCOL_VERSION, instance_id="i", trainer="t", slots=1)
    await stream.write(fleet_pb2.WorkRequest(hello=hello))
    async with asyncio.timeout(5):
        while not (response := await stream.read()).assignments:
            pass
    return stream, response.assignments[0].fence


async def acknowledged(stream: grpc.aio.StreamStreamCall) -> int:
    async with asyncio.timeout(5):
        while not (response := await stream.read()).acknowledgements:
            pass
    return response.acknowledgements[0].status


@pytest.mark.parametrize(
    "said",
    [
        measurement(value=NAN),
        measurement(seconds=NAN),
        measurement(epochs=[EpochMeasurement(epoch=1, value=0.5, seconds=NAN)]),
        measurement(value=1e200),
        measurement(parameters=HUGE),
        measurement(multiply_adds=HUGE),
        measurement(seconds=-1.0),
        measurement(trainer_seconds=-1.0),
        measurement(epochs=[EpochMeasurement(epoch=1, value=0.5, seconds=-1.0)]),
        measurement(epochs=[EpochMeasurement(epoch=2**32 - 1, value=0.5)]),
    ],
    ids=[
        "no value",
        "no seconds",
        "an epoch without seconds",
        "a reward beyond all numbers",
        "parameters",
        "multiply-adds",
        "negative seconds",
        "negative trainer seconds",
        "an epoch of negative seconds",
        "an epoch after the last",
    ],
)
async def test_a_measurement_that_cannot_be_one_is_the_models_failure(channel: grpc.aio.Channel, said: Measurement) -> None:
    stream, fence = await working(channel)
    await stream.write(fleet_pb2.WorkRequest(outcomes=[fleet_pb2.Outcome(outcome_id="o", fence=fence, measurement=said)]))
    assert await acknowledged(stream) == fleet_pb2.OUTCOME_STATUS_COUNTED
    counts = (await searched(channel)).counts
    assert (counts.succeeded, counts.queued + counts.running + counts.failed) == (0, 1)


@pytest.mark.parametrize(
    "epoch",
    [
        EpochMeasurement(epoch=1, value=NAN),
        EpochMeasurement(epoch=1, value=0.5, seconds=NAN),
        EpochMeasurement(epoch=1, value=0.5, seconds=-1.0),
        EpochMeasurement(epoch=1, value=-1e13),
        EpochMeasurement(epoch=2**31, value=0.5),
    ],
)
async def test_an_epoch_that_cannot_be_one_is_left_out(channel: grpc.aio.Channel, epoch: EpochMeasurement) -> None:
    stream, fence = await working(channel)
    await stream.write(fleet_pb2.WorkRequest(progress=[fleet_pb2.Progress(fence=fence, epochs=[epoch])]))
    outcome = fleet_pb2.Outcome(outcome_id="o", fence=fence, measurement=measurement())
    await stream.write(fleet_pb2.WorkRequest(outcomes=[outcome]))
    assert await acknowledged(stream) == fleet_pb2.OUTCOME_STATUS_COUNTED
    assert (await searched(channel)).counts.succeeded == 1


async def test_an_outcome_under_a_fence_that_nobody_can_have_is_late(channel: grpc.aio.Channel) -> None:
    stream, _ = await working(channel)
    outcome = fleet_pb2.Outcome(outcome_id="o", fence=HUGE, measurement=measurement())
    await stream.write(fleet_pb2.WorkRequest(outcomes=[outcome]))
    assert await acknowledged(stream) == fleet_pb2.OUTCOME_STATUS_LATE

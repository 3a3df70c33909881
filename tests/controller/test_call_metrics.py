"""Calls as they are counted: by method and by how they ended, streams as open, probes not at all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.address import Address
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.server import Door, serving
from nasfleet_controller.store.store import Store
from nasfleet_testing.processes import eventually

NAME = "namespaces/default/searches/s"


@pytest.fixture
def metrics() -> ControllerMetrics:
    return ControllerMetrics()


@pytest.fixture
async def channel(tmp_path: Path, metrics: ControllerMetrics) -> AsyncIterator[grpc.aio.Channel]:
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        async with (
            serving(store, metrics, Door(Address("127.0.0.1", 0))) as (_, address, _),
            grpc.aio.insecure_channel(str(address)) as opened,
        ):
            yield opened


def ended(metrics: ControllerMetrics) -> dict[tuple[str, str], float]:
    """Return how many calls ended, by method and code."""
    [family] = [one for one in metrics.registry.collect() if one.name == "nasfleet_rpcs"]
    return {(one.labels["method"], one.labels["code"]): one.value for one in family.samples if one.name.endswith("_total")}


def opened(metrics: ControllerMetrics, method: str) -> float | None:
    return metrics.registry.get_sample_value("nasfleet_rpcs_open", {"method": method})


async def test_a_call_is_counted_by_its_method_and_by_how_it_ended(
    channel: grpc.aio.Channel, metrics: ControllerMetrics
) -> None:
    searches: Any = search_pb2_grpc.SearchServiceStub(channel)
    await searches.ListSearches(search_pb2.ListSearchesRequest(parent="namespaces/default"))
    for name in (NAME, NAME, "none of ours"):
        with pytest.raises(grpc.aio.AioRpcError):
            await searches.GetSearch(search_pb2.GetSearchRequest(name=name))
    get, listed = "SearchService/GetSearch", "SearchService/ListSearches"
    assert ended(metrics) == {(listed, "OK"): 1, (get, "NOT_FOUND"): 2, (get, "INVALID_ARGUMENT"): 1}
    assert metrics.registry.get_sample_value("nasfleet_rpc_seconds_count", {"method": get}) == 3
    assert opened(metrics, get) == 0


async def test_a_stream_is_open_until_it_ends_and_has_no_duration(
    channel: grpc.aio.Channel, metrics: ControllerMetrics
) -> None:
    work = "FleetService/Work"
    call: Any = fleet_pb2_grpc.FleetServiceStub(channel).Work(None)  # type: ignore[arg-type]
    hello = fleet_pb2.Hello(protocol_version=PROTOCOL_VERSION, trainer="t", instance_id="i", slots=1)
    await call.write(fleet_pb2.WorkRequest(hello=hello))
    assert (await call.read()).HasField("welcome")
    assert opened(metrics, work) == 1
    call.cancel()
    await asyncio.to_thread(eventually, lambda: opened(metrics, work) == 0, "the end of the stream")
    assert ended(metrics) == {(work, "CANCELLED"): 1}
    assert metrics.registry.get_sample_value("nasfleet_rpc_seconds_count", {"method": work}) is None


async def test_a_defect_is_counted_as_clients_are_told_of_it(
    channel: grpc.aio.Channel, metrics: ControllerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("nasfleet_controller.servicers.searches.parse_namespace", broken)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search_pb2_grpc.SearchServiceStub(channel).ListSearches(search_pb2.ListSearchesRequest(parent="namespaces/d"))
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert ended(metrics) == {("SearchService/ListSearches", "UNKNOWN"): 1}


async def test_probes_and_methods_that_are_not_there_are_not_counted(
    channel: grpc.aio.Channel, metrics: ControllerMetrics
) -> None:
    await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    with pytest.raises(grpc.aio.AioRpcError):
        await channel.unary_unary("/nasfleet.v1.SearchService/Guess")(b"")
    assert ended(metrics) == {}

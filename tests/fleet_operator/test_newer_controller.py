"""A controller one version newer, over real gRPC: what cannot be read of it keeps nobody from seeing the rest."""

# ruff: noqa: ARG002, N802 - names and arguments are the contract's

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet.codec import spec_to_proto
from nasfleet.names import PoolName, SearchName
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet_operator.controller import GrpcController
from nasfleet_operator.views import SearchState, SearchView, TrainerState, UnreadableSearch
from nasfleet_testing.programs import synthetic_search

SPEC = synthetic_search(10, 2, Synthetic())
LATER = 99  # a state that only a later version knows


def said(name: str, state: int = search_pb2.SEARCH_STATE_RUNNING) -> search_pb2.Search:
    found = search_pb2.Search(name=f"namespaces/team/searches/{name}", uid=name, spec=spec_to_proto(SPEC))
    found.MergeFromString(search_pb2.Search(state=state).SerializeToString())  # type: ignore[arg-type]
    return found


def of_later_strategy() -> search_pb2.Search:
    found = said("strategy")
    found.spec.ClearField("strategy")
    return found


SEARCHES = {one.name: one for one in (said("good"), of_later_strategy(), said("state", LATER))}


class Newer(search_pb2_grpc.SearchServiceServicer, fleet_pb2_grpc.FleetServiceServicer):
    async def ListSearches(self, request: object, context: object) -> search_pb2.ListSearchesResponse:
        return search_pb2.ListSearchesResponse(searches=SEARCHES.values())

    async def GetSearch(self, request: search_pb2.GetSearchRequest, context: object) -> search_pb2.GetSearchResponse:
        return search_pb2.GetSearchResponse(search=SEARCHES[request.name])

    async def GetFleet(self, request: object, context: object) -> fleet_pb2.GetFleetResponse:
        pool = "namespaces/team/pools/gpus"
        states = {"good": fleet_pb2.TRAINER_STATE_IDLE, "later": LATER}
        trainers = (fleet_pb2.Trainer(trainer=name, pool=pool, state=state) for name, state in states.items())  # type: ignore[arg-type]
        return fleet_pb2.GetFleetResponse(trainers=trainers)


@pytest.fixture
async def controller() -> AsyncIterator[GrpcController]:
    server = grpc.aio.server()
    search_pb2_grpc.add_SearchServiceServicer_to_server(Newer(), server)
    fleet_pb2_grpc.add_FleetServiceServicer_to_server(Newer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with Client(f"127.0.0.1:{port}") as client, ThreadPoolExecutor(2) as threads:
        yield GrpcController(client, threads)
    await server.stop(grace=None)


async def test_searches_that_cannot_be_read_hide_none_that_can(controller: GrpcController) -> None:
    seen = (await controller.look()).searches
    good = seen[SearchName("team", "good")]
    assert isinstance(good, SearchView)
    assert (good.spec, good.state) == (SPEC, SearchState.RUNNING)
    strategy, state = seen[SearchName("team", "strategy")], seen[SearchName("team", "state")]
    assert isinstance(strategy, UnreadableSearch)
    assert (strategy.uid, "spec.strategy" in strategy.message) == ("strategy", True)
    assert state == UnreadableSearch("state", f"its state is number {LATER}")
    assert await controller.search(SearchName("team", "strategy")) == strategy


async def test_trainers_in_a_state_that_is_unknown_are_seen_as_such(controller: GrpcController) -> None:
    trainers = (await controller.look()).fleets[PoolName("team", "gpus")].trainers
    assert {one.name: one.state for one in trainers} == {"good": TrainerState.IDLE, "later": TrainerState.UNKNOWN}

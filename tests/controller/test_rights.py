"""What a call needs, and who is taken for a trainer."""

import pytest
from google.protobuf.message import Message

from nasfleet.errors import ForbiddenError, InvalidInputError, UnavailableError
from nasfleet.names import PoolName
from nasfleet.v1 import fleet_pb2, results_pb2, search_pb2
from nasfleet_controller.access.caller import Caller
from nasfleet_controller.access.rights import _NEEDED, Right, refuse_stranger, rights

SEARCH, POOL, TRIAL = (
    "namespaces/vision/searches/digits",
    "namespaces/vision/pools/gpu",
    "namespaces/vision/searches/digits/trials/7",
)
STREAMS = {"FleetService/Work"}  # whose right is that of the trainer
POD = Caller("system:serviceaccount:vision:nasfleet-trainer", pod="gpu-0")


def right(verb: str, name: str = "digits", namespace: str = "vision") -> Right:
    return Right(verb, "architecturesearches", namespace, name)


@pytest.mark.parametrize(
    ("method", "request_", "needed"),
    [
        ("SearchService/EnsureSearch", search_pb2.EnsureSearchRequest(name=SEARCH), right("update")),
        ("SearchService/GetSearch", search_pb2.GetSearchRequest(name=SEARCH), right("get")),
        ("SearchService/ListSearches", search_pb2.ListSearchesRequest(parent="namespaces/vision"), right("list", "")),
        ("SearchService/ListSearches", search_pb2.ListSearchesRequest(parent="namespaces/-"), right("list", "", "")),
        ("SearchService/WatchSearch", search_pb2.WatchSearchRequest(name=SEARCH), right("watch")),
        ("SearchService/SuspendSearch", search_pb2.SuspendSearchRequest(name=SEARCH), right("update")),
        ("SearchService/ResumeSearch", search_pb2.ResumeSearchRequest(name=SEARCH), right("update")),
        ("SearchService/CancelSearch", search_pb2.CancelSearchRequest(name=SEARCH), right("update")),
        ("SearchService/DeleteSearch", search_pb2.DeleteSearchRequest(name=SEARCH), right("delete")),
        ("ResultsService/ListTrials", results_pb2.ListTrialsRequest(parent=SEARCH), right("get")),
        ("ResultsService/GetTrial", results_pb2.GetTrialRequest(name=TRIAL), right("get")),
        ("ResultsService/WatchTrials", results_pb2.WatchTrialsRequest(parent=SEARCH), right("watch")),
        ("ResultsService/ListBestTrials", results_pb2.ListBestTrialsRequest(parent=SEARCH), right("get")),
        ("ResultsService/ExportArchitecture", results_pb2.ExportArchitectureRequest(name=TRIAL), right("get")),
        ("FleetService/EnsurePool", fleet_pb2.EnsurePoolRequest(name=POOL), Right("update", "trainerpools", "vision", "gpu")),
        ("FleetService/DeletePool", fleet_pb2.DeletePoolRequest(name=POOL), Right("delete", "trainerpools", "vision", "gpu")),
        ("FleetService/GetFleet", fleet_pb2.GetFleetRequest(pool=POOL), Right("get", "trainerpools", "vision", "gpu")),
        ("FleetService/GetFleet", fleet_pb2.GetFleetRequest(), Right("list", "trainerpools")),
        ("FleetService/DrainTrainers", fleet_pb2.DrainTrainersRequest(trainers=["gpu-0"]), Right("update", "trainerpools")),
    ],
)
def test_a_call_needs_the_right_that_kubectl_would_need(method: str, request_: Message, needed: Right) -> None:
    assert rights(method, request_) == (needed,)


def test_every_method_of_the_contract_has_been_thought_of() -> None:
    methods = {
        f"{service.name}/{method.name}"
        for file in (search_pb2, results_pb2, fleet_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == STREAMS | set(_NEEDED)


def test_what_nobody_has_thought_of_nobody_may_call() -> None:
    with pytest.raises(ForbiddenError, match="nobody may call SearchService/Everything"):
        rights("SearchService/Everything", object())


def test_a_search_that_is_taught_by_another_needs_the_right_to_read_that() -> None:
    request = search_pb2.EnsureSearchRequest(name=SEARCH)
    request.spec.warm_start.search = "earlier"
    assert rights("SearchService/EnsureSearch", request) == (right("update"), right("get", "earlier"))


def test_a_request_that_names_nothing_is_refused_for_that() -> None:
    with pytest.raises(InvalidInputError, match="'digits' is no name of the form"):
        rights("SearchService/GetSearch", search_pb2.GetSearchRequest(name="digits"))


def accounts(pool: PoolName) -> str | None:
    return {"gpu": "nasfleet-trainer", "other": "other-trainer"}.get(pool.pool_id)


@pytest.mark.parametrize("name", ["gpu-0", "gpu-0-3"])
def test_a_pod_of_the_pools_account_is_a_trainer_and_so_is_each_agent_in_it(name: str) -> None:
    refuse_stranger(POD, fleet_pb2.Hello(trainer=name, pool=POOL), accounts)


@pytest.mark.parametrize(
    ("caller", "name", "pool", "error"),
    [
        (Caller("jane", pod="gpu-0"), "gpu-0", POOL, ForbiddenError),
        (Caller(POD.user), "gpu-0", POOL, ForbiddenError),
        (POD, "gpu-1", POOL, ForbiddenError),
        (POD, "gpu-0-", POOL, ForbiddenError),
        (POD, "gpu-0", "namespaces/language/pools/gpu", ForbiddenError),
        (POD, "gpu-0", "namespaces/vision/pools/other", ForbiddenError),
        (POD, "gpu-0", "namespaces/vision/pools/unknown", UnavailableError),
        (POD, "gpu-0", "", InvalidInputError),
    ],
)
def test_everybody_else_is_none(caller: Caller, name: str, pool: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        refuse_stranger(caller, fleet_pb2.Hello(trainer=name, pool=pool), accounts)

# ruff: noqa: ARG002, N802 - names and signatures are those of the contract
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from itertools import islice

import grpc
import pytest

from nasfleet.catalogue import Budget, ConvChain, Random, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.client import Client
from nasfleet.codec import spec_from_proto
from nasfleet.errors import ConflictError, InvalidInputError, NasfleetError, NotFoundError, UnavailableError
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, results_pb2, results_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet.v1.trial_pb2 import Trial

NAME = "namespaces/default/searches/digits"
POOL = "namespaces/default/pools/gpu"
SPEC = SearchSpec(
    search_space=SearchSpaceSection(space=ConvChain()), strategy=Random(), task=Synthetic(), budget=Budget(trials=3)
)
Context = grpc.ServicerContext


class Searches(search_pb2_grpc.SearchServiceServicer):
    """Twelve searches that do as they are told."""

    def EnsureSearch(self, request: search_pb2.EnsureSearchRequest, context: Context) -> search_pb2.EnsureSearchResponse:
        search = Search(name=request.name, uid=request.uid or "made", spec=request.spec)
        return search_pb2.EnsureSearchResponse(search=search, created=not request.dry_run)

    def GetSearch(self, request: search_pb2.GetSearchRequest, context: Context) -> search_pb2.GetSearchResponse:
        code = request.name.rsplit("/", 1)[-1]
        if code in grpc.StatusCode.__members__:
            context.abort(grpc.StatusCode[code], "what was wrong")
        return search_pb2.GetSearchResponse(search=Search(name=request.name))

    def ListSearches(self, request: search_pb2.ListSearchesRequest, context: Context) -> search_pb2.ListSearchesResponse:
        first = int(request.page_token or "0")
        page = [Search(name=f"{request.parent}/searches/s{n}") for n in range(first, first + 4)]
        return search_pb2.ListSearchesResponse(searches=page, next_page_token=str(first + 4) if first < 8 else "")

    def WatchSearch(self, request: search_pb2.WatchSearchRequest, context: Context) -> Iterator[search_pb2.WatchSearchResponse]:
        for seconds in range(3):
            yield search_pb2.WatchSearchResponse(search=Search(name=request.name, running_seconds=seconds))

    def SuspendSearch(self, request: search_pb2.SuspendSearchRequest, context: Context) -> search_pb2.SuspendSearchResponse:
        return search_pb2.SuspendSearchResponse(search=Search(state=SearchState.SEARCH_STATE_SUSPENDED))

    def ResumeSearch(self, request: search_pb2.ResumeSearchRequest, context: Context) -> search_pb2.ResumeSearchResponse:
        return search_pb2.ResumeSearchResponse(search=Search(state=SearchState.SEARCH_STATE_RUNNING))

    def CancelSearch(self, request: search_pb2.CancelSearchRequest, context: Context) -> search_pb2.CancelSearchResponse:
        return search_pb2.CancelSearchResponse(search=Search(state=SearchState.SEARCH_STATE_CANCELLED))

    def DeleteSearch(self, request: search_pb2.DeleteSearchRequest, context: Context) -> search_pb2.DeleteSearchResponse:
        return search_pb2.DeleteSearchResponse()


class Results(results_pb2_grpc.ResultsServiceServicer):
    """Six trials; the stream of them breaks `breaks` times, after every second one, or pauses until its reader leaves."""

    def __init__(self) -> None:
        self.requests: list[results_pb2.ListTrialsRequest] = []
        self.breaks = 0
        self.pauses = False
        self.left = threading.Event()

    def ListTrials(self, request: results_pb2.ListTrialsRequest, context: Context) -> results_pb2.ListTrialsResponse:
        self.requests.append(request)
        first = int(request.page_token or "0")
        page = [Trial(number=n) for n in range(first, first + 2)]
        return results_pb2.ListTrialsResponse(trials=page, next_page_token=str(first + 2) if first < 4 else "")

    def GetTrial(self, request: results_pb2.GetTrialRequest, context: Context) -> results_pb2.GetTrialResponse:
        return results_pb2.GetTrialResponse(trial=Trial(name=request.name))

    def WatchTrials(
        self, request: results_pb2.WatchTrialsRequest, context: Context
    ) -> Iterator[results_pb2.WatchTrialsResponse]:
        context.add_callback(self.left.set)
        for cursor in range(request.cursor + 1, 7):
            yield results_pb2.WatchTrialsResponse(trial=Trial(number=cursor), cursor=cursor)
            if self.pauses:
                self.left.wait(30)
            if cursor % 2 == 0 and self.breaks:
                self.breaks -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "the store is full")

    def ListBestTrials(
        self, request: results_pb2.ListBestTrialsRequest, context: Context
    ) -> results_pb2.ListBestTrialsResponse:
        return results_pb2.ListBestTrialsResponse(trials=[Trial(number=n) for n in range(request.page_size)])

    def ExportArchitecture(
        self, request: results_pb2.ExportArchitectureRequest, context: Context
    ) -> results_pb2.ExportArchitectureResponse:
        return results_pb2.ExportArchitectureResponse(content=ExportFormat.Name(request.format), file_name="f")


class Fleet(fleet_pb2_grpc.FleetServiceServicer):
    def GetFleet(self, request: fleet_pb2.GetFleetRequest, context: Context) -> fleet_pb2.GetFleetResponse:
        return fleet_pb2.GetFleetResponse(queued_trials=5, pools=[fleet_pb2.Pool(name=request.pool)])

    def EnsurePool(self, request: fleet_pb2.EnsurePoolRequest, context: Context) -> fleet_pb2.EnsurePoolResponse:
        pool = fleet_pb2.Pool(
            name=request.name,
            labels=request.labels,
            service_account=request.service_account,
            wanted_size=request.wanted_size,
            cordoned_trainers=[*request.cordoned_trainers, *request.gone_trainers],
        )
        return fleet_pb2.EnsurePoolResponse(pool=pool)

    def DeletePool(self, request: fleet_pb2.DeletePoolRequest, context: Context) -> fleet_pb2.DeletePoolResponse:
        if request.name != POOL:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request.name!r} is no pool")
        return fleet_pb2.DeletePoolResponse()

    def DrainTrainers(self, request: fleet_pb2.DrainTrainersRequest, context: Context) -> fleet_pb2.DrainTrainersResponse:
        return fleet_pb2.DrainTrainersResponse(trainers=request.trainers[:1])


@pytest.fixture
def results() -> Results:
    return Results()


@pytest.fixture
def address(results: Results) -> Iterator[str]:
    with futures.ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        search_pb2_grpc.add_SearchServiceServicer_to_server(Searches(), server)
        results_pb2_grpc.add_ResultsServiceServicer_to_server(results, server)
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(Fleet(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as connected:
        yield connected


def test_declaration_travels_as_it_is(client: Client) -> None:
    ensured = client.ensure_search(NAME, SPEC, uid="u")
    assert spec_from_proto(ensured.search.spec) == SPEC
    assert (ensured.search.name, ensured.search.uid, ensured.created) == (NAME, "u", True)
    assert not client.ensure_search(NAME, SPEC, dry_run=True).created


def test_searches_are_read_watched_and_steered(client: Client) -> None:
    assert client.get_search(NAME).name == NAME
    assert [search.running_seconds for search in client.watch_search(NAME)] == [0, 1, 2]
    states = [act(NAME).state for act in (client.suspend_search, client.resume_search, client.cancel_search)]
    assert states == [
        SearchState.SEARCH_STATE_SUSPENDED,
        SearchState.SEARCH_STATE_RUNNING,
        SearchState.SEARCH_STATE_CANCELLED,
    ]
    client.delete_search(NAME)


def test_lists_go_on_from_page_to_page(client: Client, results: Results) -> None:
    assert [search.name for search in client.list_searches()] == [f"namespaces/default/searches/s{n}" for n in range(12)]
    listed = client.list_trials(NAME, filter="reward > 0.5", order_by="reward desc", fields=["number"])
    assert [trial.number for trial in listed] == [0, 1, 2, 3, 4, 5]
    assert [request.page_token for request in results.requests] == ["", "2", "4"]
    assert {(one.parent, one.filter, one.order_by, *one.read_mask.paths) for one in results.requests} == {
        (NAME, "reward > 0.5", "reward desc", "number")
    }


def test_list_without_fields_sends_no_mask(client: Client, results: Results) -> None:
    list(client.list_trials(NAME))
    assert not results.requests[0].HasField("read_mask")


def test_trials_and_trainers_are_read(client: Client) -> None:
    assert client.get_trial(f"{NAME}/trials/7").name == f"{NAME}/trials/7"
    assert [trial.number for trial in client.list_best_trials(NAME, 3)] == [0, 1, 2]
    assert client.export_architecture(f"{NAME}/trials/7", ExportFormat.EXPORT_FORMAT_TEXT).content == "EXPORT_FORMAT_TEXT"
    assert client.get_fleet().queued_trials == 5
    assert list(client.drain_trainers(["a", "b"])) == ["a"]


def test_pools_are_declared_and_read(client: Client) -> None:
    pool = client.ensure_pool(
        POOL, labels={"gpu": "h200"}, service_account="a", wanted_size=3, cordoned=["idle"], gone={"lost": 1}
    )
    assert (pool.name, dict(pool.labels), pool.service_account, pool.wanted_size) == (POOL, {"gpu": "h200"}, "a", 3)
    assert list(pool.cordoned_trainers) == ["idle", "lost"]
    assert client.get_fleet(POOL).pools[0].name == POOL
    client.delete_pool(POOL)
    with pytest.raises(InvalidInputError, match="'gpu' is no pool"):
        client.delete_pool("gpu")


def test_broken_watch_goes_on_where_it_broke(client: Client, results: Results) -> None:
    results.breaks = 3
    assert [(trial.number, cursor) for trial, cursor in client.watch_trials(NAME, 1)] == [(n, n) for n in range(2, 7)]


def test_watch_gives_up_when_nothing_came_for_the_timeout(address: str, results: Results) -> None:
    results.breaks = 99
    with Client(address, timeout=0.0) as client, pytest.raises(UnavailableError, match="the store is full"):
        list(client.watch_trials(NAME))


def test_watch_that_is_left_is_ended_at_the_controller(client: Client, results: Results) -> None:
    results.pauses = True
    trials = client.watch_trials(NAME)
    assert [cursor for _, cursor in islice(trials, 1)] == [1]
    trials.close()  # type: ignore[attr-defined]  # a generator, which callers need not know
    assert results.left.wait(10)


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("INVALID_ARGUMENT", InvalidInputError, "^what was wrong$"),
        ("NOT_FOUND", NotFoundError, "^what was wrong$"),
        ("FAILED_PRECONDITION", ConflictError, "^what was wrong$"),
        ("ABORTED", ConflictError, "^what was wrong$"),
        ("UNAVAILABLE", UnavailableError, "does not answer: what was wrong"),
        ("INTERNAL", NasfleetError, r"failed \(INTERNAL\): what was wrong; see its log"),
    ],
)
def test_statuses_become_our_errors_with_the_controllers_words(
    client: Client, code: str, kind: type[NasfleetError], message: str
) -> None:
    with pytest.raises(NasfleetError, match=message) as caught:
        client.get_search(code)
    assert type(caught.value) is kind


def calls(client: Client) -> list[Callable[[], object]]:
    return [client.get_fleet, lambda: next(client.watch_search(NAME)), lambda: next(client.list_trials(NAME))]


@pytest.mark.parametrize("index", range(3))
def test_controller_that_is_not_there_is_named(index: int) -> None:
    with (
        Client("127.0.0.1:1", timeout=5) as client,
        pytest.raises(UnavailableError, match=r"at 127\.0\.0\.1:1 does not answer"),
    ):
        calls(client)[index]()

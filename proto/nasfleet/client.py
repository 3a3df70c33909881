"""A typed client of a controller: every call of its three services as a method, errors as `nasfleet.errors`.

with Client("127.0.0.1:50051") as client:
    for trial in client.list_trials("namespaces/default/searches/digits", filter="reward > 0.9", order_by="reward desc"):
        print(trial.number, trial.reward)
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from nasfleet.catalogue import SearchSpec
from nasfleet.codec import spec_to_proto
from nasfleet.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NasfleetError,
    NotFoundError,
    TooOftenError,
    UnauthenticatedError,
    UnavailableError,
)
from nasfleet.names import DEFAULT_NAMESPACE
from nasfleet.transport import Trust, way
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, results_pb2, results_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet.v1.fleet_pb2 import Pool
from nasfleet.v1.results_pb2 import ExportArchitectureResponse, ExportFormat
from nasfleet.v1.search_pb2 import EnsureSearchResponse, Search
from nasfleet.v1.trial_pb2 import Trial

_PAGE = 1000
_RETRY_SECONDS = 0.2
_OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_ERROR_OF: dict[grpc.StatusCode, type[NasfleetError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInputError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: ConflictError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: ForbiddenError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooOftenError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
}
Response = TypeVar("Response")


class Client:
    """A connection to a controller, safe to use from several threads.

    Every method raises InvalidInputError, NotFoundError, ConflictError or UnavailableError as the contract says, with the
    controller's message; UnauthenticatedError, ForbiddenError or TooOftenError where a controller asks who calls. Names are
    resource names: `namespaces/default/searches/digits`.
    """

    def __init__(self, address: str, trust: Trust | None = None, *, timeout: float = 10.0) -> None:
        """Prepare to talk to HOST:PORT.

        Args:
            address: of the controller.
            trust: for TLS, and for a token with every call; None for plain text.
            timeout: for each unary call, in seconds.
        """
        self._address = address
        self._timeout = timeout
        self._way = way(address, trust, _OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; streams that are being read end."""
        for channel in self._way.channels:
            channel.close()

    def ensure_search(self, name: str, spec: SearchSpec, *, uid: str = "", dry_run: bool = False) -> EnsureSearchResponse:
        """Make the search be as declared; the response says what that changed."""
        request = search_pb2.EnsureSearchRequest(name=name, uid=uid, spec=spec_to_proto(spec), dry_run=dry_run)
        return self._call(self._searches.EnsureSearch, request)

    def get_search(self, name: str) -> Search:
        """Return one search."""
        return self._call(self._searches.GetSearch, search_pb2.GetSearchRequest(name=name)).search

    def list_searches(self, parent: str = f"namespaces/{DEFAULT_NAMESPACE}") -> Iterator[Search]:
        """Yield the searches of a namespace, or of all with `nasfleet.names.ALL_NAMESPACES`, newest first."""
        request = search_pb2.ListSearchesRequest(parent=parent)
        while True:
            response = self._call(self._searches.ListSearches, request)
            yield from response.searches
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def watch_search(self, name: str) -> Iterator[Search]:
        """Yield the search now and whenever it has changed, until it has ended."""
        for message in self._stream(self._searches.WatchSearch, search_pb2.WatchSearchRequest(name=name)):
            yield message.search

    def suspend_search(self, name: str) -> Search:
        """Take all leases back and propose nothing until resumed."""
        return self._call(self._searches.SuspendSearch, search_pb2.SuspendSearchRequest(name=name)).search

    def resume_search(self, name: str) -> Search:
        """Go on with a suspended search."""
        return self._call(self._searches.ResumeSearch, search_pb2.ResumeSearchRequest(name=name)).search

    def cancel_search(self, name: str) -> Search:
        """End a search; its results stay."""
        return self._call(self._searches.CancelSearch, search_pb2.CancelSearchRequest(name=name)).search

    def delete_search(self, name: str) -> None:
        """End a search and delete its trials."""
        self._call(self._searches.DeleteSearch, search_pb2.DeleteSearchRequest(name=name))

    def list_trials(
        self,
        parent: str,
        *,
        filter: str = "",  # noqa: A002 - the contract's name
        order_by: str = "",
        fields: Iterable[str] = (),
    ) -> Iterator[Trial]:
        """Yield the trials of a search that match, in order, page after page.

        Args:
            parent: the search.
            filter: as in `nasfleet.v1.ListTrialsRequest`: "state = SUCCEEDED AND reward > 0.9"; empty for all.
            order_by: "reward desc, number"; empty for by number.
            fields: of `nasfleet.v1.Trial`, for less to be sent; empty for all but curves and attempts.
        """
        mask = FieldMask(paths=fields)
        request = results_pb2.ListTrialsRequest(
            parent=parent, filter=filter, order_by=order_by, page_size=_PAGE, read_mask=mask if mask.paths else None
        )
        while True:
            response = self._call(self._results.ListTrials, request)
            yield from response.trials
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def get_trial(self, name: str) -> Trial:
        """Return one trial with its curve and its attempts."""
        return self._call(self._results.GetTrial, results_pb2.GetTrialRequest(name=name)).trial

    def watch_trials(self, parent: str, cursor: int = 0) -> Iterator[tuple[Trial, int]]:
        """Yield every trial that settles after the cursor, with the cursor after it, until the search has ended.

        A broken stream is opened again where it broke; UnavailableError if that fails for as long as `timeout`.
        """
        request = results_pb2.WatchTrialsRequest(parent=parent, cursor=cursor)
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                for message in self._stream(self._results.WatchTrials, request):
                    yield message.trial, message.cursor
                    request.cursor = message.cursor
                    deadline = time.monotonic() + self._timeout
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def list_best_trials(self, parent: str, count: int = 10) -> Sequence[Trial]:
        """Return the trials with the highest rewards, different networks only, best first."""
        request = results_pb2.ListBestTrialsRequest(parent=parent, page_size=count)
        return self._call(self._results.ListBestTrials, request).trials

    def export_architecture(
        self,
        name: str,
        format: ExportFormat.ValueType = ExportFormat.EXPORT_FORMAT_JSON,  # noqa: A002 - the contract's name
    ) -> ExportArchitectureResponse:
        """Return a trial's network in a form to use elsewhere."""
        request = results_pb2.ExportArchitectureRequest(name=name, format=format)
        return self._call(self._results.ExportArchitecture, request)

    def ensure_pool(
        self,
        name: str,
        *,
        labels: Mapping[str, str],
        service_account: str,
        wanted_size: int,
        cordoned: Iterable[str] = (),
        gone: Iterable[str] = (),
    ) -> Pool:
        """Make the pool `namespaces/{namespace}/pools/{pool}` be as declared, and return it.

        Args:
            name: the pool.
            labels: what a search's trainerPoolSelector is matched with.
            service_account: of its pods; may be empty.
            wanted_size: trainers that it is to have.
            cordoned: names of its trainers that get no further trials; all of them, each time.
            gone: names of its trainers whose pods are no more; what they hold goes back at nobody's cost.
        """
        request = fleet_pb2.EnsurePoolRequest(
            name=name,
            labels=labels,
            service_account=service_account,
            wanted_size=wanted_size,
            cordoned_trainers=cordoned,
            gone_trainers=gone,
        )
        return self._call(self._fleet.EnsurePool, request).pool

    def delete_pool(self, name: str) -> None:
        """Forget what the pool `namespaces/{namespace}/pools/{pool}` was declared to be, if it was."""
        self._call(self._fleet.DeletePool, fleet_pb2.DeletePoolRequest(name=name))

    def get_fleet(self, pool: str = "") -> fleet_pb2.GetFleetResponse:
        """Return every trainer that is connected or holds a lease, how many trials wait, and every pool that was declared.

        Args:
            pool: `namespaces/{namespace}/pools/{pool}`, for this pool and its trainers only; empty for all.
        """
        return self._call(self._fleet.GetFleet, fleet_pb2.GetFleetRequest(pool=pool))

    def drain_trainers(self, trainers: Iterable[str]) -> Sequence[str]:
        """Ask trainers to finish or hand back what they hold and to leave; return those that were found."""
        request = fleet_pb2.DrainTrainersRequest(trainers=trainers)
        return self._call(self._fleet.DrainTrainers, request).trainers

    @property
    def _searches(self) -> search_pb2_grpc.SearchServiceStub:
        return search_pb2_grpc.SearchServiceStub(self._way.channel())

    @property
    def _results(self) -> results_pb2_grpc.ResultsServiceStub:
        return results_pb2_grpc.ResultsServiceStub(self._way.channel())

    @property
    def _fleet(self) -> fleet_pb2_grpc.FleetServiceStub:
        return fleet_pb2_grpc.FleetServiceStub(self._way.channel())

    def _call(self, method: Callable[..., Response], request: Message) -> Response:
        with self._translated():
            return method(request, timeout=self._timeout)

    def _stream(self, method: "Callable[..., grpc.CallIterator[Response]]", request: Message) -> Iterator[Response]:
        with self._translated():
            call = method(request)
            try:
                yield from call
            finally:
                call.cancel()  # type: ignore[no-untyped-call]  # grpc-stubs gives it no types

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            raise self._error(error.code(), error.details()) from error

    def _error(self, code: grpc.StatusCode, details: str | None) -> NasfleetError:
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in (details or ""):
            return InvalidInputError(f"what was sent to the controller at {self._address} is too large: {details}")
        kind = _ERROR_OF.get(code)
        if kind is UnavailableError:
            return kind(f"the controller at {self._address} does not answer: {details}")
        if kind is None:
            return NasfleetError(f"the controller at {self._address} failed ({code.name}): {details}; see its log")
        return kind(details)

"""ResultsService: the store's trials as messages; reads run in threads, so that no query holds up a heartbeat."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from nasfleet.codec import epoch_to_proto, failure_to_proto, measurement_to_proto
from nasfleet.errors import InvalidInputError
from nasfleet.names import SearchName, TrialName
from nasfleet.v1 import results_pb2, results_pb2_grpc
from nasfleet.v1.trial_pb2 import Attempt, Trial, TrialState
from nasfleet_controller.servicers.errors import Context, translating, translating_stream
from nasfleet_controller.servicers.exports import export
from nasfleet_controller.servicers.pages import LARGEST_PAGE, page_size
from nasfleet_controller.store.results import Results, TrialQuery
from nasfleet_controller.store.trials import StoredAttempt, StoredTrial, TrialDetails

DEFAULT_BEST = 10
LARGEST_CURSOR = 2**63 - 1  # a database holds no larger integer
WATCH_SECONDS = 0.05
_FIELDS = Trial.DESCRIPTOR.fields_by_name


class Changes(Protocol):
    """Knows when something was committed."""

    async def changed(self, seen: int) -> int:
        """Wait until something was committed since `seen`, a number that this returned before; 0 at first."""


class ResultsServicer(results_pb2_grpc.ResultsServiceServicer):
    """Translates requests to reads, and what was read to messages."""

    def __init__(self, results: Results, changes: Changes) -> None:
        self._results = results
        self._changes = changes

    @translating
    async def ListTrials(self, request: results_pb2.ListTrialsRequest, _context: Context) -> results_pb2.ListTrialsResponse:
        """Return a page of the trials that match."""
        query = TrialQuery(SearchName.parse(request.parent), request.filter, request.order_by)
        size = page_size(request.page_size)
        unwanted = _unwanted(request.read_mask) if request.HasField("read_mask") else ()
        page = await asyncio.to_thread(self._results.page, query, size, request.page_token)
        return results_pb2.ListTrialsResponse(
            trials=[_without(trial_to_proto(trial), unwanted) for trial in page.trials],
            next_page_token=page.next_page_token,
            total_size=page.total,
        )

    @translating
    async def GetTrial(self, request: results_pb2.GetTrialRequest, _context: Context) -> results_pb2.GetTrialResponse:
        """Return one trial with its curve and its attempts."""
        details = await asyncio.to_thread(self._results.trial, TrialName.parse(request.name))
        return results_pb2.GetTrialResponse(trial=_details_to_proto(details))

    @translating_stream
    async def WatchTrials(
        self, request: results_pb2.WatchTrialsRequest, _context: Context
    ) -> AsyncGenerator[results_pb2.WatchTrialsResponse, None]:
        """Send every trial that settles after the cursor."""
        cursor = _cursor(request.cursor)
        search = await asyncio.to_thread(self._results.search, SearchName.parse(request.parent))
        seen, complete = 0, False
        while not complete:
            seen = await self._changes.changed(seen)
            full = True
            while full:
                settled = await asyncio.to_thread(self._results.settled, search.search_id, cursor, LARGEST_PAGE)
                for cursor, trial in settled.trials:
                    yield results_pb2.WatchTrialsResponse(trial=trial_to_proto(trial), cursor=cursor)
                complete, full = settled.complete, len(settled.trials) == LARGEST_PAGE
            await asyncio.sleep(0 if complete else WATCH_SECONDS)  # several commits, one read

    @translating
    async def ListBestTrials(
        self, request: results_pb2.ListBestTrialsRequest, _context: Context
    ) -> results_pb2.ListBestTrialsResponse:
        """Return the best different networks."""
        count = page_size(request.page_size, DEFAULT_BEST)
        best = await asyncio.to_thread(self._results.best, SearchName.parse(request.parent), count)
        return results_pb2.ListBestTrialsResponse(trials=[trial_to_proto(trial) for trial in best])

    @translating
    async def ExportArchitecture(
        self, request: results_pb2.ExportArchitectureRequest, _context: Context
    ) -> results_pb2.ExportArchitectureResponse:
        """Return a trial's network for use elsewhere."""
        name = TrialName.parse(request.name)
        search = await asyncio.to_thread(self._results.search, name.search)
        trial = (await asyncio.to_thread(self._results.trial, name)).trial
        exported = await asyncio.to_thread(export, trial, search.spec, request.format)
        return results_pb2.ExportArchitectureResponse(
            content=exported.content,
            file_name=exported.file_name,
            weights_uri=trial.measurement.weights_uri if trial.measurement else None,
        )


def trial_to_proto(trial: StoredTrial) -> Trial:
    """Return the message of a trial, without its curve and its attempts."""
    return Trial(
        name=str(trial.name),
        number=trial.name.number,
        tokens=trial.tokens,
        layers=trial.layers,
        canonical_hash=trial.canonical_hash,
        batch=trial.batch,
        policy_version=trial.policy_version,
        state=TrialState.ValueType(trial.state.value),
        reward=trial.reward,
        measurement=None if trial.measurement is None else measurement_to_proto(trial.measurement),
        failure=None if trial.failure is None else failure_to_proto(trial.failure),
        attempt_count=trial.attempt_count,
        trainer=trial.trainer or "",
        create_time=_timestamp(trial.proposed_at),
        start_time=_timestamp(trial.started_at),
        end_time=_timestamp(trial.ended_at),
        duplicate=trial.duplicate,
        reused_from=trial.reused_from,
        stopped_early=trial.stopped_early,
    )


def _details_to_proto(details: TrialDetails) -> Trial:
    message = trial_to_proto(details.trial)
    message.attempts.extend(_attempt_to_proto(attempt) for attempt in details.attempts)
    measured = message.measurement if message.HasField("measurement") else message
    measured.epochs.extend(epoch_to_proto(epoch) for epoch in details.curve)
    return message


def _attempt_to_proto(attempt: StoredAttempt) -> Attempt:
    return Attempt(
        fence=attempt.fence,
        trainer=attempt.trainer,
        start_time=_timestamp(attempt.started_at),
        end_time=_timestamp(attempt.ended_at),
        failure=None if attempt.failure is None else failure_to_proto(attempt.failure),
        late=attempt.late,
    )


def _timestamp(at: float | None) -> Timestamp | None:
    if at is None:
        return None
    seconds, rest = divmod(at, 1)
    return Timestamp(seconds=int(seconds), nanos=int(rest * 1e9))


def _cursor(given: int) -> int:
    if given > LARGEST_CURSOR:
        raise InvalidInputError(f"cursor is {given}: give the cursor of a message that was received, or 0 to start anew")
    return given


def _unwanted(mask: FieldMask) -> Sequence[str]:
    """Return the fields of a trial that a mask leaves out; as AIP-157 has it, an empty one and "*" leave out none."""
    if not mask.paths or "*" in mask.paths:
        return ()
    for path in mask.paths:
        field, dot, _ = path.partition(".")
        if dot and field in _FIELDS:
            raise InvalidInputError(
                f"read_mask names {path!r}, a part of a field: it takes top-level fields only, as {field!r}"
            )
        if path not in _FIELDS:
            raise InvalidInputError(f"read_mask names {path!r}; fields of a trial: {', '.join(_FIELDS)}")
    return [name for name in _FIELDS if name not in mask.paths]


def _without(trial: Trial, fields: Sequence[str]) -> Trial:
    for name in fields:
        trial.ClearField(name)  # type: ignore[arg-type]  # the stub wants literals; these are the descriptor's names
    return trial

"""What the log says of searches and trials: how searches go, and every failure, with the names by which to look further.

Trials that succeed are in the store and in the metrics; a line for each would hide the rest.
"""

from collections.abc import Sequence

import structlog

from nasfleet.measurement import Failure, FailureKind
from nasfleet.names import SearchName, TrialName
from nasfleet_controller.records import (
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialRequeued,
    TrialSettled,
)
from nasfleet_controller.snapshots import Snapshot
from nasfleet_controller.trace_ids import trace_id

log = structlog.get_logger()


class EventLog:
    """Writes down what was committed; if trials are traced, with the ids of their traces."""

    def __init__(self, *, traced: bool = False) -> None:
        self._traced = traced
        self._names: dict[int, SearchName] = {}
        self._uids: dict[int, str] = {}
        self._moves: dict[int, tuple[SearchState, str]] = {}

    def loaded(self, snapshot: Snapshot) -> None:
        """Take in the state at the start."""
        self._names = {found.search_id: found.name for found in snapshot.searches}
        self._uids = {found.search_id: found.uid for found in snapshot.searches}
        self._moves = {found.search_id: (found.state, found.message) for found in snapshot.searches}

    def committed(self, records: Sequence[Record], _seconds: float) -> None:
        """Write down what happened."""
        for record in records:
            self._take(record)

    def store_failed(self) -> None:
        """Leave it to the runner, which knows the reason."""

    def _take(self, record: Record) -> None:
        match record:
            case SearchCreated():
                self._names[record.search_id], self._uids[record.search_id] = record.name, record.uid
                log.info("search_created", search=str(record.name), strategy=type(record.spec.strategy).__name__)
            case SearchMoved():
                self._moved(record)
            case SearchDeleted():
                del self._uids[record.search_id]
                self._moves.pop(record.search_id, None)
                log.info("search_deleted", search=str(self._names.pop(record.search_id)))
            case TrialRequeued(failure=failure) if failure.kind is not FailureKind.RETURNED:
                self._failed("attempt_failed", record, failure)
            case TrialSettled(failure=Failure() as failure):
                self._failed("trial_given_up", record, failure)
            case _:
                pass

    def _moved(self, record: SearchMoved) -> None:
        move = (record.state, record.message)
        if self._moves.get(record.search_id) != move:  # else only the time that it has been running is kept
            self._moves[record.search_id] = move
            search = str(self._names[record.search_id])
            log.info("search_moved", search=search, state=record.state.name, message=record.message)

    def _failed(self, event: str, record: TrialRequeued | TrialSettled, failure: Failure) -> None:
        trial = TrialName(self._names[record.search_id], record.number)
        names = {"search": str(trial.search), "trial": str(trial)}
        if self._traced:
            names["trace_id"] = f"{trace_id(self._uids[record.search_id], record.number):032x}"
        log.warning(event, **names, kind=failure.kind.word, message=failure.message)

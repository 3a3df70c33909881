"""The log names the search of all that becomes of searches, and the trial of every failure."""

import pytest
import structlog

from nasfleet.measurement import Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.event_log import EventLog
from nasfleet_controller.records import (
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialRequeued,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.snapshots import SearchSnapshot, Snapshot
from nasfleet_testing.specs import smallest_spec

NAME = SearchName("default", "s")
SEARCH, TRIAL = str(NAME), f"{NAME}/trials/7"
CRASH = Failure(FailureKind.CRASHED, "exit code 3", "a long traceback")
BACK = Failure(FailureKind.RETURNED, "the trainer drains")
MEASURED = Measurement(0.5, (), 0.1, 0.1)


def settled(measurement: Measurement | None, failure: Failure | None) -> TrialSettled:
    state = TrialState.FAILED if measurement is None else TrialState.SUCCEEDED
    return TrialSettled(1, 7, 1, 1, state, 0.0, measurement, failure, 0.0)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            SearchMoved(1, SearchState.SUSPENDED, "why", 0.0, 0.0),
            {"event": "search_moved", "search": SEARCH, "state": "SUSPENDED", "message": "why", "log_level": "info"},
        ),
        (SearchDeleted(1), {"event": "search_deleted", "search": SEARCH, "log_level": "info"}),
        (
            TrialRequeued(1, 7, CRASH),
            {"event": "attempt_failed", "search": SEARCH, "trial": TRIAL, "kind": "crashed", "message": "exit code 3"}
            | {"log_level": "warning"},
        ),
        (
            settled(None, CRASH),
            {"event": "trial_given_up", "search": SEARCH, "trial": TRIAL, "kind": "crashed", "message": "exit code 3"}
            | {"log_level": "warning"},
        ),
        (settled(MEASURED, None), None),
        (TrialRequeued(1, 7, BACK), None),
    ],
    ids=["moved", "deleted", "failed attempt", "given up", "measured", "handed back"],
)
def test_what_is_logged_of_a_record(record: Record, said: dict[str, str] | None) -> None:
    log = EventLog()
    with structlog.testing.capture_logs() as logged:
        log.loaded(Snapshot((SearchSnapshot(1, NAME, "u", smallest_spec(), SearchState.RUNNING, "", 0.0, 0.0, 0.0),)))
        log.committed([record], 0.1)
    assert logged == ([] if said is None else [said])


def test_a_search_that_is_declared_is_named_and_known_from_then_on() -> None:
    log = EventLog()
    with structlog.testing.capture_logs() as logged:
        log.committed([SearchCreated(1, NAME, "u", smallest_spec(), SearchState.RUNNING, 0.0), SearchDeleted(1)], 0.1)
    assert [(one["event"], one["search"]) for one in logged] == [("search_created", SEARCH), ("search_deleted", SEARCH)]


def test_a_search_that_only_goes_on_is_not_told_of_again() -> None:
    log = EventLog()
    beginning = SearchCreated(1, NAME, "u", smallest_spec(), SearchState.RUNNING, 0.0)
    goes_on = [SearchMoved(1, SearchState.RUNNING, "", seconds, seconds) for seconds in (10.0, 20.0)]
    with structlog.testing.capture_logs() as logged:
        log.committed([beginning, *goes_on, SearchMoved(1, SearchState.SUSPENDED, "", 25.0, 25.0), goes_on[0]], 0.1)
    assert [one.get("state") for one in logged] == [None, "RUNNING", "SUSPENDED", "RUNNING"]

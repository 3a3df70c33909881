"""Turns a group of records into rows: changes of one trial are folded into one, and each statement runs once for many rows."""

import json
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any, assert_never

from sqlalchemy import Connection, Executable, Update, bindparam, insert, or_, update

from nasfleet.measurement import EpochMeasurement, Failure, Measurement
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    EpochsMeasured,
    LateOutcome,
    PoolDeclared,
    PoolDeleted,
    Record,
    SearchChanged,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchWarmed,
    TrialRequeued,
    TrialReused,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.store.checkpoints import write_updates
from nasfleet_controller.store.declarations import write_declaration
from nasfleet_controller.store.pools import delete_pool, write_pool
from nasfleet_controller.store.portable import insert_new
from nasfleet_controller.store.schema import attempts, epochs, trials

_Row = dict[str, Any]

_END_ATTEMPT = (
    update(attempts)
    .where(attempts.c.fence == bindparam("of_fence"))
    .values(
        {
            name: bindparam(name)
            for name in ("ended_at", "outcome_id", "trainer_seconds", "failure_kind", "failure_message", "failure_traceback")
        }
    )
)
# The outcome that counted may be sent again: that does not make it late.
_MARK_LATE = (
    update(attempts)
    .where(
        attempts.c.fence == bindparam("of_fence"),
        or_(attempts.c.outcome_id.is_(None), attempts.c.outcome_id != bindparam("late_outcome_id")),
    )
    .values(late_outcome_id=bindparam("late_outcome_id"))
)


def write(connection: Connection, records: Iterable[Record]) -> None:
    """Write the rows of these records, which take effect in their order."""
    group = _Group(connection)
    for record in records:
        group.add(record)
    group.flush()


class _Group:
    """Rows that wait to be written; declarations of searches, which are rare, are written between groups."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._start()

    def _start(self) -> None:
        self._proposed: list[_Row] = []
        self._started: list[_Row] = []
        self._ended: list[_Row] = []
        self._late: list[_Row] = []
        self._epochs: list[_Row] = []
        self._updates: list[BatchLearned] = []
        self._changes: defaultdict[tuple[int, int], _Row] = defaultdict(dict)

    def add(self, record: Record) -> None:
        match record:
            case SearchCreated() | SearchWarmed() | SearchChanged() | SearchMoved() | SearchDeleted():
                self.flush()
                write_declaration(self._connection, record)
            case BatchProposed():
                self._proposed += _proposed(record)
            case AttemptStarted() | AttemptEnded() | LateOutcome():
                self._add_attempt(record)
            case EpochsMeasured():
                self._epochs += _epochs(record.fence, record.epochs)
            case TrialRequeued() | TrialSettled() | TrialReused():
                self._add_trial(record)
            case BatchLearned():
                for number in record.numbers:
                    self._changes[record.search_id, number]["learned"] = True
                self._updates += [record] if record.update else []
            case PoolDeclared():
                write_pool(self._connection, record)
            case PoolDeleted():
                delete_pool(self._connection, record.name)
            case _:
                assert_never(record)

    def flush(self) -> None:
        """Write what waits; an attempt comes after its trial, an epoch after its attempt."""
        self._execute(insert(trials), self._proposed)
        self._execute(insert(attempts), self._started)
        self._execute(_END_ATTEMPT, self._ended)
        self._execute(_MARK_LATE, self._late)
        self._execute(insert_new(self._connection, epochs), self._epochs)
        alike: defaultdict[frozenset[str], list[_Row]] = defaultdict(list)
        for (search_id, number), change in self._changes.items():
            alike[frozenset(change)].append({"of_search": search_id, "of_number": number, **change})
        for columns, rows in alike.items():
            self._execute(_change_trial(columns), rows)
        write_updates(self._connection, self._updates)
        self._start()

    def _execute(self, statement: Executable, rows: list[_Row]) -> None:
        if rows:
            self._connection.execute(statement, rows)

    def _add_attempt(self, record: AttemptStarted | AttemptEnded | LateOutcome) -> None:
        match record:
            case AttemptStarted():
                self._started.append(_started(record))
                change = self._changes[record.search_id, record.number]
                leases = change.get("leases", 0) + 1
                change.update(state=TrialState.RUNNING.value, fence=record.fence, trainer=record.trainer, leases=leases)
                change["started_at"] = record.at
            case AttemptEnded():
                self._ended.append(_ended(record))
            case LateOutcome():
                self._late.append({"of_fence": record.fence, "late_outcome_id": record.outcome_id})

    def _add_trial(self, record: TrialRequeued | TrialSettled | TrialReused) -> None:
        change = self._changes[record.search_id, record.number]
        match record:
            case TrialRequeued():
                change.update(_failure(record.failure), state=TrialState.QUEUED.value)
            case TrialReused():
                change.update(_done(record), reused_from=record.source, stopped_early=record.stopped_early)
            case TrialSettled():
                change.update(_done(record), fence=record.fence)
                if record.failure is not None:
                    change.update(_failure(record.failure))
                if record.measurement is not None:
                    change.update(_measured(record.measurement))
                    self._epochs += _epochs(record.fence, record.measurement.epochs)


@cache
def _change_trial(columns: frozenset[str]) -> Update:
    """Return the update of these columns of a trial; `leases` is added to its attempt count."""
    values: dict[str, Any] = {name: bindparam(name) for name in columns - {"leases"}}
    if "leases" in columns:
        values["attempt_count"] = trials.c.attempt_count + bindparam("leases")
    where = (trials.c.search_id == bindparam("of_search"), trials.c.number == bindparam("of_number"))
    return update(trials).where(*where).values(values)


def _proposed(record: BatchProposed) -> list[_Row]:
    return [
        {
            "search_id": record.search_id,
            "number": proposal.number,
            "batch": record.batch,
            "policy_version": record.policy_version,
            "layers": record.layers,
            "tokens": json.dumps(proposal.tokens, separators=(",", ":")),
            "canonical_hash": proposal.canonical_hash,
            "state": TrialState.QUEUED.value,
            "proposed_at": record.at,
            "duplicate": proposal.duplicate,
        }
        for proposal in record.proposals
    ]


def _started(record: AttemptStarted) -> _Row:
    return {
        "fence": record.fence,
        "search_id": record.search_id,
        "number": record.number,
        "trainer": record.trainer,
        "instance_id": record.instance_id,
        "pool": None if record.pool is None else str(record.pool),
        "started_at": record.at,
    }


def _ended(record: AttemptEnded) -> _Row:
    return {
        "of_fence": record.fence,
        "ended_at": record.at,
        "outcome_id": record.outcome_id,
        "trainer_seconds": record.trainer_seconds,
        **_failure(record.failure),
    }


def _done(record: TrialSettled | TrialReused) -> _Row:
    return {
        "settle_order": record.settle_order,
        "state": record.state.value,
        "reward": record.reward,
        "ended_at": record.at,
    }


def _measured(measurement: Measurement) -> _Row:
    return {
        "value": measurement.value,
        "parameters": measurement.parameters,
        "multiply_adds": measurement.multiply_adds,
        "seconds": measurement.seconds,
        "trainer_seconds": measurement.trainer_seconds,
        "weights_uri": measurement.weights_uri,
        "steps": measurement.steps,
        "seed_values": json.dumps(measurement.seed_values) if measurement.seed_values else None,
        "stopped_early": measurement.stopped_early,
    }


def _failure(failure: Failure | None) -> _Row:
    if failure is None:
        return {"failure_kind": None, "failure_message": None, "failure_traceback": None}
    return {
        "failure_kind": failure.kind.value,
        "failure_message": failure.message,
        "failure_traceback": failure.traceback,
    }


def _epochs(fence: int, measured: Iterable[EpochMeasurement]) -> list[_Row]:
    return [
        {"fence": fence, "epoch": epoch.epoch, "value": epoch.value, "loss": epoch.loss, "seconds": epoch.seconds}
        for epoch in measured
    ]

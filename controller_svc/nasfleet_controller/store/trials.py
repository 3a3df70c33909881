"""A trial as the store has it, and the fields that filters and orders may name."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Row, type_coerce

from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName, TrialName
from nasfleet_controller.filters import Field, number
from nasfleet_controller.records import TrialState
from nasfleet_controller.store.schema import trials


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """One architecture and what came of it; the measurement is without its curve. Times are Unix seconds."""

    name: TrialName
    batch: int
    policy_version: int
    layers: int | None
    tokens: tuple[int, ...]
    canonical_hash: str
    state: TrialState
    reward: float | None
    measurement: Measurement | None
    failure: Failure | None
    attempt_count: int
    trainer: str | None
    proposed_at: float
    started_at: float | None
    ended_at: float | None
    duplicate: bool
    reused_from: int | None
    stopped_early: bool


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """One lease of a trial; without an end while it is held."""

    fence: int
    trainer: str
    started_at: float
    ended_at: float | None
    failure: Failure | None
    late: bool


@dataclass(frozen=True, slots=True)
class TrialDetails:
    """A trial with its leases, and the epochs of the last one."""

    trial: StoredTrial
    curve: tuple[EpochMeasurement, ...]
    attempts: tuple[StoredAttempt, ...]


def _state(text: str) -> int:
    try:
        return TrialState[text.upper()].value
    except KeyError:
        raise ValueError(f"one of {', '.join(TrialState.__members__)}") from None


def _truth(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("text without NUL")
    return text


# A number of any size may stand beside a column of 32 bits.
TRIAL_FIELDS = {
    "number": Field(trials.c.number, number),
    "state": Field(trials.c.state, _state, ordered=False),
    "reward": Field(trials.c.reward, number),
    "value": Field(trials.c.value, number),
    "parameters": Field(trials.c.parameters, number),
    "multiply_adds": Field(trials.c.multiply_adds, number),
    "seconds": Field(trials.c.seconds, number),
    "steps": Field(trials.c.steps, number),
    "trainer": Field(trials.c.trainer, _text, ordered=False),
    "batch": Field(trials.c.batch, number),
    "policy_version": Field(trials.c.policy_version, number),
    "attempt_count": Field(type_coerce(trials.c.attempt_count, BigInteger), number),
    "layers": Field(type_coerce(trials.c.layers, BigInteger), number),
    "canonical_hash": Field(trials.c.canonical_hash, _text, ordered=False),
    "duplicate": Field(trials.c.duplicate, _truth, ordered=False),
    "reused_from": Field(trials.c.reused_from, number),
    "stopped_early": Field(trials.c.stopped_early, _truth, ordered=False),
}


def stored_trial(search: SearchName, row: Row[Any]) -> StoredTrial:
    """Return the trial of a row of its table."""
    return StoredTrial(
        name=TrialName(search, row.number),
        batch=row.batch,
        policy_version=row.policy_version,
        layers=row.layers,
        tokens=tuple(json.loads(row.tokens)),
        canonical_hash=row.canonical_hash,
        state=TrialState(row.state),
        reward=row.reward,
        measurement=_measurement(row),
        failure=_failure(row),
        attempt_count=row.attempt_count,
        trainer=row.trainer,
        proposed_at=row.proposed_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duplicate=row.duplicate,
        reused_from=row.reused_from,
        stopped_early=row.stopped_early,
    )


def stored_attempt(row: Row[Any]) -> StoredAttempt:
    """Return the attempt of a row of its table."""
    return StoredAttempt(row.fence, row.trainer, row.started_at, row.ended_at, _failure(row), row.late_outcome_id is not None)


def stored_epoch(row: Row[Any]) -> EpochMeasurement:
    """Return the epoch of a row of its table."""
    return EpochMeasurement(row.epoch, row.value, row.seconds, row.loss)


def _measurement(row: Row[Any]) -> Measurement | None:
    if row.value is None:
        return None
    return Measurement(
        value=row.value,
        epochs=(),
        seconds=row.seconds,
        trainer_seconds=row.trainer_seconds,
        parameters=row.parameters,
        multiply_adds=row.multiply_adds,
        weights_uri=row.weights_uri,
        seed_values=tuple(json.loads(row.seed_values or "[]")),
        steps=row.steps,
        stopped_early=row.stopped_early,
    )


def _failure(row: Row[Any]) -> Failure | None:
    if row.failure_kind is None:
        return None
    return Failure(FailureKind(row.failure_kind), row.failure_message, row.failure_traceback)

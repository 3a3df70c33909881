"""What a recording trainer was told of its outcomes, held against what the store has."""

from collections import Counter
from pathlib import Path
from typing import Any

from nasfleet.v1.fleet_pb2 import OUTCOME_STATUS_COUNTED, OUTCOME_STATUS_DUPLICATE, OutcomeStatus
from nasfleet_testing.programs import rows

MEASURED = "SELECT fence, number, reward, settle_order FROM trials WHERE reward IS NOT NULL ORDER BY settle_order"
Acknowledgement = tuple[int, OutcomeStatus.ValueType, float]  # fence, status, value


def acknowledged(record: Path) -> list[Acknowledgement]:
    """Return all that was acknowledged so far."""
    text = record.read_text() if record.exists() else ""
    lines = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
    return [(int(fence), OutcomeStatus.ValueType(int(status)), float(value)) for fence, status, value in lines]


def assert_kept(state: Path, acknowledgements: list[Acknowledgement]) -> int:
    """See that the store is whole and has every acknowledged outcome, each of them once; return how many trials it has."""
    assert rows(state, "PRAGMA integrity_check") == [("ok",)]
    return assert_measured(rows(state, MEASURED), acknowledgements)


def assert_measured(measured: list[tuple[Any, ...]], acknowledgements: list[Acknowledgement]) -> int:
    """See the same of what a store answers to MEASURED."""
    stored = {fence: (number, reward) for fence, number, reward, _ in measured}
    assert [order for *_, order in measured] == list(range(1, len(stored) + 1))
    kept = [one for one in acknowledgements if one[1] in {OUTCOME_STATUS_COUNTED, OUTCOME_STATUS_DUPLICATE}]
    assert {fence: stored[fence][1] for fence, _, _ in kept} == {fence: value for fence, _, value in kept}
    counted = Counter(stored[fence][0] for fence, status, _ in kept if status == OUTCOME_STATUS_COUNTED)
    assert set(counted.values()) == {1}
    return len(stored)

"""When a status is written: at once if something happened, and every few seconds if numbers moved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nasfleet_operator.conditions import condition_data
from nasfleet_operator.kubernetes_objects import read_time, write_time
from nasfleet_operator.observed import Condition
from nasfleet_operator.plan import Identity, WriteStatus

_WRITTEN_AT = "lastUpdateTime"


@dataclass(frozen=True, slots=True)
class Report:
    """The status to write, if any, and in how many seconds it is due if it can wait."""

    effects: tuple[WriteStatus, ...] = ()
    due_in: float | None = None


def report(
    target: Identity,
    before: Mapping[str, Any],
    facts: Mapping[str, Any],
    numbers: Mapping[str, Any],
    conditions: Iterable[Condition],
    every: float,
    now: float,
) -> Report:
    """Return how a status becomes what it should be.

    Args:
        target: the resource.
        before: its status so far.
        facts: fields that are written at once, like the conditions but for their messages; None for absent ones.
        numbers: fields that only count, likewise.
        conditions: all of them.
        every: seconds from one write to the next if only numbers or messages moved.
        now: Unix seconds.
    """
    known = {name: value for name, value in {**facts, **numbers}.items() if value is not None}
    status = {**known, "conditions": [condition_data(condition) for condition in conditions]}
    if status == {name: value for name, value in before.items() if name != _WRITTEN_AT}:
        return Report()
    written_at = read_time(before[_WRITTEN_AT]) if _WRITTEN_AT in before else 0.0
    # A clock that was set back must not keep a status from being written.
    waited = abs(now - written_at)
    if waited < every and _urgent(status, facts) == _urgent(before, facts):
        return Report(due_in=every - waited)
    return Report((WriteStatus(target, {**status, _WRITTEN_AT: write_time(now)}),))


def _urgent(status: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[Any, ...]:
    bare = [{**condition, "message": ""} for condition in status.get("conditions", ())]
    return *(status.get(name) for name in facts), bare

"""Conditions of a resource: what was found now, with since when it has been so, told from what the status said before.

Times are those of a Deployment's conditions: a transition is another status, and an update another status or another reason.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import Condition, Truth

LONGEST_MESSAGE = 800
"""Bytes; what Kubernetes says of a pod can be of any length, and an event takes 1,024."""
# A value is written as compact JSON, or as Go has it: neither has a blank after a colon, which comes before the reason.
_LONG_VALUE = re.compile(r"\b(\w+ value: (?:(?!: ).){30})(?:(?!: ).){4,}((?:(?!: ).){30}: )", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition as it is found now."""

    type: str
    status: Truth
    reason: str
    message: str = ""


def settle(verdicts: Iterable[Verdict], before: Sequence[Condition], generation: int, now: float) -> tuple[Condition, ...]:
    """Return the conditions: with another status than before they have changed now, with another reason been updated now."""
    known = {condition.type: condition for condition in before}
    return tuple(_settled(verdict, known.get(verdict.type), generation, now) for verdict in verdicts)


def condition_data(condition: Condition) -> dict[str, Any]:
    """Return a condition as it stands in a status."""
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": condition.observed_generation,
        "lastTransitionTime": write_time(condition.changed_at),
        "lastUpdateTime": write_time(condition.updated_at),
    }


def shortened(text: str, size: int) -> str:
    """Return a text on one line, cut to so many bytes."""
    line = " ".join(text.split())
    encoded = line.encode()
    return line if len(encoded) <= size else f"{encoded[: size - 3].decode(errors='ignore')}..."


def with_short_values(text: str) -> str:
    """Return what the API server says of a value with the middle of a long one left out, since the reason comes after it."""
    return _LONG_VALUE.sub(r"\1...\2", text)


def _settled(verdict: Verdict, before: Condition | None, generation: int, now: float) -> Condition:
    updated_at = changed_at = float(int(now))
    if before is not None and before.status == verdict.status:
        changed_at = before.changed_at
        updated_at = before.updated_at if before.reason == verdict.reason else updated_at
    return Condition(
        type=verdict.type,
        status=verdict.status,
        reason=str(verdict.reason),
        message=shortened(verdict.message, LONGEST_MESSAGE),
        observed_generation=generation,
        changed_at=changed_at,
        updated_at=updated_at,
    )

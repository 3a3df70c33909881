"""Events that people are told, told from conditions: whoever knows the conditions knows the events.

So an operator that was killed after it had written a status makes the missing events when it is back: their names are
computed, and one that is there already is not made twice. A new reason under the status of before is news too.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import Condition
from nasfleet_operator.plan import Announce, EventKind, Identity


def announcements(
    regarding: Identity,
    conditions: Iterable[Condition],
    kind_of: Callable[[Condition], EventKind | None],
    announced: frozenset[str],
    since: float,
) -> Iterator[Announce]:
    """Yield an event for each condition that got its status or reason after `since` and is worth one, unless it was announced.

    Args:
        regarding: the resource whose conditions these are.
        conditions: as its status has them after the plan.
        kind_of: which kind of event a condition is worth; None for no event.
        announced: names of the events that are there.
        since: Unix seconds; older changes are no news.
    """
    for condition in conditions:
        kind = kind_of(condition)
        name = _name(regarding, condition)
        if kind is not None and condition.updated_at > since and name not in announced:
            yield Announce(name, regarding, kind, condition.reason, condition.message)


def event_name(regarding: Identity, *what: str) -> str:
    """Return the name of an event: the same for the same news about the same object."""
    digest = hashlib.sha256("\n".join((regarding.uid, *what)).encode()).hexdigest()[:16]
    return f"{regarding.name}.{digest}"


def _name(regarding: Identity, condition: Condition) -> str:
    return event_name(regarding, condition.type, condition.status, condition.reason, write_time(condition.updated_at))

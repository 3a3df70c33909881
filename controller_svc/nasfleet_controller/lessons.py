"""What a strategy is to learn from: groups of settled trials that are ready, and those that it is learning from."""

from collections import deque
from collections.abc import Iterable

from nasfleet_controller.batching import Group


class Lessons:
    """Groups in the order in which they became ready; after a fault none is begun until they are resumed."""

    def __init__(self, ready: Iterable[Group]) -> None:
        self._ready = deque(ready)
        self._begun = deque[Group]()
        self._faulted = False

    def add(self, group: Group | None) -> None:
        """Take in a group that is ready, if there is one."""
        if group is not None:
            self._ready.append(group)

    def begin(self) -> Group | None:
        """Return the next group to learn from; `end` or `fault` is expected."""
        if not self._ready or self._faulted:
            return None
        self._begun.append(self._ready.popleft())
        return self._begun[-1]

    def end(self, group: Group) -> None:
        """Take note that a group was learned from."""
        self._begun.remove(group)

    def fault(self) -> None:
        """Put back what was begun."""
        self._faulted = True
        self._ready.extendleft(reversed(self._begun))
        self._begun.clear()

    def resume(self) -> None:
        """Go on after a fault."""
        self._faulted = False

"""Which outcome ended which attempt, for as long as a trainer may say it again."""

from collections import OrderedDict

REMEMBERED_OUTCOMES = 65_536


class Outcomes:
    """The outcomes of the last attempts that ended, by fence; the store has all of them."""

    def __init__(self) -> None:
        self._ids: OrderedDict[int, str | None] = OrderedDict()

    def __contains__(self, fence: int) -> bool:
        return fence in self._ids

    def remember(self, fence: int, outcome_id: str | None) -> None:
        """Note which outcome ended an attempt; None if no trainer said so."""
        self._ids[fence] = outcome_id
        if len(self._ids) > REMEMBERED_OUTCOMES:
            self._ids.popitem(last=False)

    def ended(self, fence: int, outcome_id: str) -> bool:
        """Return whether it was this outcome that ended the attempt: then it has only come again."""
        return self._ids.get(fence) == outcome_id

"""What people and time do to a search: suspend, resume, cancel, change its declaration, use up its budget.

Commands in, records out; times are Unix seconds and come from outside. What it leases is the business of `Search`.
"""

from abc import ABC, abstractmethod

from nasfleet.catalogue import Budget, SearchSpec
from nasfleet.errors import ConflictError
from nasfleet.spaces.building import build_space
from nasfleet_controller.ending import Usage, end_reason
from nasfleet_controller.records import Record, SearchChanged, SearchMoved, SearchState
from nasfleet_controller.snapshots import SearchSnapshot

CLOCK_SECONDS = 10.0


class LifeCycle(ABC):
    """Where a search is in its life, and how long it has run."""

    def __init__(self, snapshot: SearchSnapshot) -> None:
        self.search_id = snapshot.search_id
        self.name = snapshot.name
        self.spec = snapshot.spec
        self.state = snapshot.state
        self.message = snapshot.message
        self.moved_at = snapshot.moved_at
        self.space_size = _size(snapshot.spec)
        self._past_running_seconds = snapshot.running_seconds

    @abstractmethod
    def _usage(self, at: float) -> Usage:
        """Return what it has used of its budget."""

    @abstractmethod
    def _release_all(self, why: str, at: float) -> list[Record]:
        """Take every lease back at nobody's cost."""

    @abstractmethod
    def _checked(self, records: list[Record]) -> list[Record]:
        """Return the records, or raise InvariantError if what they led to cannot be."""

    @property
    def waits_for_space(self) -> bool:
        """Whether it runs but cannot propose anything, since its space of one's own has not been lowered."""
        return self.state is SearchState.RUNNING and self.spec.search_space.unlowered is not None

    def running_seconds(self, at: float) -> float:
        """Return the time spent in RUNNING so far."""
        current = at - self.moved_at if self.state is SearchState.RUNNING else 0.0
        return self._past_running_seconds + max(0.0, current)

    def change(self, spec: SearchSpec, at: float) -> list[Record]:
        """Take a new declaration, or the decisions of its space; the caller has seen to it that the change is allowed.

        A completed search goes on if its budget allows it now.

        Raises:
            ConflictError: if a search that has ended is to be suspended or resumed; nothing has changed then.
        """
        toggled = spec.suspend is not self.spec.suspend
        goes_on = self.state is SearchState.COMPLETED and self._end_reason(spec.budget, at) is None
        if toggled and not goes_on:
            self._refuse_if_ended("suspended" if spec.suspend else "resumed")
        if spec.search_space != self.spec.search_space:
            self.space_size = _size(spec)
        self.spec = spec
        records: list[Record] = [SearchChanged(self.search_id, spec)]
        if goes_on:
            records += self._move(SearchState.SUSPENDED if spec.suspend else SearchState.RUNNING, "the budget was raised", at)
        elif toggled:
            records += self.suspend(at) if spec.suspend else self.resume(at)
        return self._checked(records)

    def suspend(self, at: float) -> list[Record]:
        """Take all leases back and propose nothing until resumed."""
        self._refuse_if_ended("suspended")
        if self.state is SearchState.SUSPENDED:
            return []
        return self._stop("the search was suspended", SearchState.SUSPENDED, "suspended", at)

    def resume(self, at: float) -> list[Record]:
        """Go on."""
        self._refuse_if_ended("resumed")
        return [] if self.state is SearchState.RUNNING else self._checked(self._move(SearchState.RUNNING, "", at))

    def cancel(self, at: float) -> list[Record]:
        """End it before its budget is used up."""
        if self.state is SearchState.COMPLETED:
            raise ConflictError(f"search {self.name.search_id} has completed and cannot be cancelled; delete it instead")
        if self.state is SearchState.CANCELLED:
            return []
        return self._stop("the search was cancelled", SearchState.CANCELLED, "cancelled", at)

    def clock(self, at: float) -> list[Record]:
        """Take note of how long it has run, so that a controller that is away costs it no time."""
        if self.state is not SearchState.RUNNING or at - self.moved_at < CLOCK_SECONDS:
            return []
        return self._move(self.state, self.message, at)

    def end_if_due(self, at: float) -> list[Record]:
        """End it if one of its budgets is used up."""
        reason = self._end_reason(self.spec.budget, at) if self.state is SearchState.RUNNING else None
        return [] if reason is None else self._stop(f"the search ended: {reason}", SearchState.COMPLETED, reason, at)

    def _end_reason(self, budget: Budget, at: float) -> str | None:
        return end_reason(budget, self._usage(at))

    def _stop(self, why: str, state: SearchState, message: str, at: float) -> list[Record]:
        return self._checked(self._release_all(why, at) + self._move(state, message, at))

    def _move(self, state: SearchState, message: str, at: float) -> list[Record]:
        self._past_running_seconds = self.running_seconds(at)
        self.state, self.message, self.moved_at = state, message, at
        return [SearchMoved(self.search_id, state, message, self._past_running_seconds, at)]

    def _refuse_if_ended(self, wish: str) -> None:
        if self.state.ended:
            state = self.state.name.lower()
            raise ConflictError(
                f"search {self.name.search_id} is {state}, it cannot be {wish}: raise its budget or create another"
            )


def _size(spec: SearchSpec) -> int | None:
    """Return the number of architectures in the space, or None while that waits to be lowered."""
    return build_space(spec.search_space).size() if spec.search_space.unlowered is None else None

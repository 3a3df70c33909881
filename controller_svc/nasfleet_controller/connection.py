"""One trainer's stream as the runner sees it: what it is told is held back until the commit that makes it true."""

import asyncio

from nasfleet.catalogue import SearchSpec
from nasfleet.errors import ConflictError, NasfleetError
from nasfleet.names import SearchName
from nasfleet_controller.orders import Assignment, Orders


class StreamTakenOverError(ConflictError):
    """A newer stream of the same trainer process is there: this one ends."""


class Connection:
    """Orders on their way to one trainer: staged by the runner, published after the commit, taken by the stream."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self.staged = Orders()
        self._published = Orders()
        self._announced = dict[SearchName, SearchSpec]()
        self._wake = asyncio.Event()
        self._error: NasfleetError | None = None
        self._left = False

    def assign(self, assignment: Assignment, spec: SearchSpec) -> None:
        """Stage a trial, and its search if this stream has not seen it in this form."""
        if self._announced.get(assignment.search) is not spec:
            self._announced[assignment.search] = spec
            self.staged.searches.append((assignment.search, spec))
        self.staged.assignments.append(assignment)

    def publish(self) -> None:
        """Let go of what was staged: it is durable now."""
        if not self.staged:
            return
        staged, self.staged = self.staged, Orders()
        self._published.acknowledged += staged.acknowledged
        self._published.searches += staged.searches
        self._published.assignments += staged.assignments
        self._published.stopped += staged.stopped
        self._published.wanted_back += staged.wanted_back
        self._published.lowerings += staged.lowerings
        self._published.ended_early += staged.ended_early
        self._published.drain |= staged.drain
        self._wake.set()

    def close(self, error: NasfleetError) -> None:
        """End the stream with an error; what was staged is not sent."""
        self._error = error
        self._wake.set()

    def leave(self) -> None:
        """End the stream because the trainer did."""
        self._left = True
        self._wake.set()

    async def take(self) -> Orders | None:
        """Wait for orders and return them, or None once the trainer has left.

        Raises:
            NasfleetError: with which the stream ends.
        """
        await self._wake.wait()
        self._wake.clear()
        if self._error is not None:
            raise self._error
        taken, self._published = self._published, Orders()
        return None if self._left else taken

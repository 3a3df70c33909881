"""What the runner needs of the world around it."""

from collections.abc import Sequence
from typing import Protocol

from nasfleet.names import SearchName
from nasfleet_controller.records import Record
from nasfleet_controller.snapshots import Snapshot
from nasfleet_controller.store.trials import StoredTrial


class Store(Protocol):
    """What the runner needs of a store; the calls block and are made from threads."""

    def commit(self, records: Sequence[Record]) -> None:
        """Commit the records in one transaction, or raise UnavailableError and change nothing."""

    def probe(self) -> None:
        """Raise UnavailableError if nothing can be written."""

    def best(self, name: SearchName, count: int) -> Sequence[StoredTrial]:
        """Return the best measured trials of a search, of different networks, best first; raise NotFoundError without it."""

    def load(self) -> Snapshot:
        """Return all that is needed to go on."""


class Observer(Protocol):
    """Is told what has been committed: the metrics and the log."""

    def loaded(self, snapshot: Snapshot) -> None:
        """Take in the state at the start."""

    def committed(self, records: Sequence[Record], seconds: float) -> None:
        """Take in what happened, and how long its commit took."""

    def store_failed(self) -> None:
        """Take in that the store could not be read or written."""

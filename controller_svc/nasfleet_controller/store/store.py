"""The store: one writer, whose every commit is durable when it returns, and what it goes on from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from nasfleet.names import SearchName
from nasfleet_controller.records import Record
from nasfleet_controller.snapshots import Snapshot
from nasfleet_controller.store.declarations import FENCE, keep_mark
from nasfleet_controller.store.engines import reading_engine, translated, writing_engine
from nasfleet_controller.store.holding import Hold
from nasfleet_controller.store.loading import load
from nasfleet_controller.store.migrating import migrate
from nasfleet_controller.store.results import Results
from nasfleet_controller.store.trials import StoredTrial
from nasfleet_controller.store.writing import write


class Store:
    """A database of searches, opened and brought to the present schema.

    One thread at a time may write; `results` may be read from any number of threads meanwhile.
    """

    def __init__(self, url: str) -> None:
        """Open `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`.

        Raises:
            InvalidInputError: if the URL names no database, or one that does not let us in.
            ConflictError: if what it names is no store, or that of a later version, or another controller's on a server.
            StoreUnavailableError: if it cannot be read and written now.
        """
        self._writer = writing_engine(url)
        self._reader = reading_engine(url)
        self._hold = Hold(self._writer) if self._writer.dialect.name == "postgresql" else None
        self.results = Results(self._reader)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; all that was committed is there already."""
        self._reader.dispose()
        self._writer.dispose()

    def commit(self, records: Sequence[Record]) -> None:
        """Make these records durable, all or none.

        Raises:
            StoreUnavailableError: if that cannot be done now. Usually none of them is stored; a server that was lost while it
                committed may have all of them, which `load` tells.
            ConflictError: if another controller has opened the store meanwhile; this one can never commit again.
        """
        with self._writing() as connection:
            write(connection, records)

    def probe(self) -> None:
        """Write what is there already, to see whether anything can be written.

        Raises:
            StoreUnavailableError: if not.
            ConflictError: if another controller has opened the store meanwhile.
        """
        with self._writing() as connection:
            keep_mark(connection, FENCE)

    def best(self, name: SearchName, count: int) -> tuple[StoredTrial, ...]:
        """Return the best measured trials of a search, as `Results.best` does."""
        return self.results.best(name, count)

    def load(self) -> Snapshot:
        """Return the state that all records so far led to.

        Raises:
            StoreUnavailableError: if it cannot be read now.
        """
        with translated(self._reader), self._reader.begin() as connection:
            return load(connection)

    def _open(self) -> None:
        with translated(self._writer, opening=True):
            migrate(self._writer)
            if self._hold is not None:
                with self._writer.begin() as connection:
                    self._hold.begin(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._writer), self._writer.begin() as connection:
            if self._hold is not None:
                self._hold.verify(connection)
            yield connection

"""Connections to the store: settings that make SQLite durable and concurrent, and the one translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from nasfleet.errors import ConflictError, InvalidInputError, UnavailableError

_BUSY_SECONDS = 5


class StoreUnavailableError(UnavailableError):
    """The store cannot be read or written at present; nothing of what was asked for has happened."""


def writing_engine(url: str) -> Engine:
    """Return an engine with one connection whose commits survive a loss of power."""
    engine = _engine(url, pool_size=1, max_overflow=0)
    if engine.dialect.name == "sqlite":
        _set_up(engine, "BEGIN IMMEDIATE", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
    return engine


def reading_engine(url: str) -> Engine:
    """Return an engine for readers in several threads; each transaction sees one state of the store."""
    engine = _engine(url, pool_size=8, max_overflow=8)
    if engine.dialect.name == "sqlite":
        _set_up(engine, "BEGIN", "query_only = ON")
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Raise what the database raises as the error that its caller can act on.

    Raises:
        StoreUnavailableError: while the database is full, locked, read-only, broken or away.
        ConflictError: if what the URL names is no database of ours.
    """
    where = engine.url.render_as_string()
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailableError(f"the store {where} cannot be used now: {error.orig}; {_fix(str(error.orig))}") from error
    except DBAPIError as error:
        if "not a database" in str(error.orig) or "malformed" in str(error.orig):
            raise ConflictError(f"{where} is no store, or a damaged one ({error.orig}): name another or restore it") from error
        raise


def _fix(problem: str) -> str:
    fixes = {
        "full": "free some space on its disk",
        "readonly": "make its file and folder writable",
        "unable to open": "check that its folder exists and is writable",
        "locked": "end the other program that writes to it",
    }
    return next((fix for word, fix in fixes.items() if word in problem), "check its disk or server")


def _engine(url: str, *, pool_size: int, max_overflow: int) -> Engine:
    try:
        parsed = make_url(url)
        sqlite = {"connect_args": {"timeout": _BUSY_SECONDS}} if parsed.get_backend_name() == "sqlite" else {}
        return create_engine(parsed, pool_size=pool_size, max_overflow=max_overflow, **sqlite)
    except (ArgumentError, NoSuchModuleError) as error:
        raise InvalidInputError(f"{url!r} names no store ({error}): want sqlite:///PATH") from error


def _set_up(engine: Engine, begin: str, *pragmas: str) -> None:
    """Have every connection of a SQLite engine say these; by itself the driver would begin no transaction before DDL."""

    def connected(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)

"""Connections to the store: settings that make SQLite and PostgreSQL durable, and the one translation of their errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from nasfleet.errors import ConflictError, InvalidInputError, NasfleetError, UnavailableError
from nasfleet_controller.store.server_errors import problem_of, words_of

_BUSY_SECONDS = 5
_DRIVER = "postgresql+psycopg"
# What libpq is told unless the URL says otherwise: by itself it would wait for minutes for a server that is gone.
_CONNECTING: dict[str, Any] = {
    "application_name": "nasfleet controller",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# What the server is told of each session. Its own keepalives are two hours, for which a machine that is lost would hold the
# store. `remote_apply` and the like, which wait for other servers besides, are left as the administrator wants them.
_SESSION = f"""
SET lock_timeout = '{_BUSY_SECONDS}s';
SET idle_session_timeout = 0;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '20s';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""


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
    # After a restart of the server each connection would be found broken by one reader.
    engine = _engine(url, pool_size=8, max_overflow=8, pool_pre_ping=url.startswith("postgresql"))
    if engine.dialect.name == "sqlite":
        _set_up(engine, "BEGIN", "query_only = ON")
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def translated(engine: Engine, *, opening: bool = False) -> Iterator[None]:
    """Raise what the database raises as the error that its caller can act on; of a password none of them tells.

    Raises:
        StoreUnavailableError: while the database is full, locked, read-only, broken or away.
        InvalidInputError: if it does not let us in, and the store is being opened; later that is what the server is like now.
        ConflictError: if what the URL names is no database of ours, or a damaged one.
    """
    try:
        yield
    except DBAPIError as error:
        where, on_server = shown(engine.url), engine.dialect.name == "postgresql"
        meaning = _server_error(where, error, opening=opening) if on_server else _file_error(where, error)
        if meaning is None:
            raise
        raise meaning from error


def shown(url: URL | str) -> str:
    """Return a URL as people may see it, whether it can be read or not: without any password."""
    text = url.render_as_string() if isinstance(url, URL) else re.sub(r"^([^/]*//)?.*@", r"\1***@", url)
    return re.sub(r"(password=)[^&]*", r"\1***", text.replace(f"{_DRIVER}:", "postgresql:", 1))


def _server_error(where: str, error: DBAPIError, *, opening: bool) -> NasfleetError | None:
    if (problem := problem_of(error)) is None:
        return None
    said = words_of(error)
    if problem.kind is ConflictError or (problem.kind is InvalidInputError and opening):
        return problem.kind(f"the store {where} cannot be used: {said}; {problem.fix}")
    return StoreUnavailableError(f"the store {where} cannot be used now: {said}; {problem.fix}")


def _file_error(where: str, error: DBAPIError) -> NasfleetError | None:
    said = str(error.orig)
    if isinstance(error, OperationalError):
        return StoreUnavailableError(f"the store {where} cannot be used now: {said}; {_fix(said)}")
    if "not a database" in said or "malformed" in said:
        return ConflictError(f"{where} is no store, or a damaged one ({said}): name another or restore it")
    return None


def _fix(problem: str) -> str:
    fixes = {
        "full": "free some space on its disk",
        "readonly": "make its file and folder writable",
        "unable to open": "check that its folder exists and is writable",
        "locked": "end the other program that writes to it",
    }
    return next((fix for word, fix in fixes.items() if word in problem), "check its disk")


def _engine(url: str, *, pool_size: int, max_overflow: int, **more: Any) -> Engine:
    try:
        parsed = _parsed(url)
        settings = _connecting(parsed)
        engine = create_engine(parsed, pool_size=pool_size, max_overflow=max_overflow, connect_args=settings, **more)
    except (ArgumentError, ValueError) as error:
        raise InvalidInputError(
            f"{shown(url)!r} names no store ({shown(str(error))}): want sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        ) from None
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"{shown(url)} needs {error.name}, which is not installed: pip install 'nasfleet[postgresql]'"
        ) from error
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _begin_session)
    return engine


def _parsed(url: str) -> URL:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        return parsed.set(drivername=_DRIVER)
    if parsed.drivername not in {_DRIVER, "sqlite"}:
        raise ArgumentError(f"{parsed.drivername!r} is not known")
    return parsed


def _connecting(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": _BUSY_SECONDS}
    return {name: value for name, value in _CONNECTING.items() if name not in url.query}


def _begin_session(connection: Any, _record: object) -> None:
    try:
        connection.execute(_SESSION)
        connection.commit()
    except BaseException:
        connection.close()
        raise


def _set_up(engine: Engine, begin: str, *pragmas: str) -> None:
    """Have every connection of a SQLite engine say these; by itself the driver would begin no transaction before DDL."""

    def connected(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)

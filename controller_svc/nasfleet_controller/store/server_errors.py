"""What the errors of a PostgreSQL server mean for whoever wanted the store. Pure.

A session's errors have a SQLSTATE; what is said before there is a session has words only, as libpq and an English server say
them. In another language they are still errors of a store that cannot be used now.
"""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from nasfleet.errors import ConflictError, InvalidInputError, NasfleetError, UnavailableError

SERVER_AWAY = "check that the server runs and can be reached from here"


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of error, by the beginnings of its SQLSTATEs and by words of its message, and what to do about it."""

    kind: type[NasfleetError]
    fix: str
    states: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


_PROBLEMS = (
    Problem(
        InvalidInputError,
        "correct the user or the password of the store's URL",
        states=("28P01", "28000"),
        words=("authentication failed", "no password supplied", "is not permitted to log in"),
    ),
    Problem(
        InvalidInputError,
        "the server's pg_hba.conf does not let such a connection in: it may want TLS (sslmode=verify-full in the URL), or know "
        "another user, database or address",
        words=("no pg_hba.conf entry", "pg_hba.conf rejects"),
    ),
    Problem(
        InvalidInputError,
        "correct sslmode and sslrootcert in the store's URL, or the server's certificate",
        words=("SSL was required", "certificate verify failed", "does not match host name", "root certificate file", "sslmode"),
    ),
    Problem(
        InvalidInputError,
        "give the user its rights: GRANT CONNECT ON DATABASE, and USAGE and CREATE ON SCHEMA; or make it the database's owner",
        states=("42501", "3F000"),
        words=("permission denied for database",),
    ),
    Problem(
        InvalidInputError,
        "create that database or that user, or correct the store's URL",
        states=("3D000",),
        words=("does not exist",),
    ),
    Problem(
        UnavailableError,
        "end other programs' connections, or raise the server's max_connections",
        states=("53300",),
        words=("too many connections", "too many clients", "connection slots"),
    ),
    Problem(UnavailableError, "free some space on the server's disk", states=("53100",)),
    Problem(
        UnavailableError,
        "name the server that can be written, or several with target_session_attrs=read-write",
        states=("25006",),
        words=("session is read-only", "hot standby mode"),
    ),
    Problem(UnavailableError, "end the other program's transaction that is in the way", states=("55P03", "40")),
    Problem(
        UnavailableError,
        "it is used again once the server is up",
        states=("57P",),
        words=("starting up", "shutting down", "in recovery mode"),
    ),
    Problem(ConflictError, "the database is damaged: restore a backup", states=("XX001", "XX002")),
)
_AWAY = Problem(UnavailableError, SERVER_AWAY)


def problem_of(error: DBAPIError) -> Problem | None:
    """Return what kind of error it is; None for one that the server is not to blame for."""
    state, said = getattr(error.orig, "sqlstate", None) or "", str(error.orig)
    for problem in _PROBLEMS:
        is_this = state.startswith(problem.states) if state else any(word in said for word in problem.words)
        if is_this:
            return problem
    lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return _AWAY if lost else None


def words_of(error: DBAPIError) -> str:
    """Return what the server said, in one line and without the statement."""
    said = getattr(getattr(error.orig, "diag", None), "message_primary", None) or str(error.orig)
    return " ".join(said.split())

"""One controller at a time on a PostgreSQL database, wherever it runs.

A lock refuses the second while the first is connected: it belongs to the session that writes, so that a session which was
lost, and may still be about to commit, is waited for. A number, which each opening makes one larger and each commit verifies,
ends a controller that another one has followed, however that came about.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.dialects import postgresql

from nasfleet.errors import ConflictError
from nasfleet_controller.store.engines import StoreUnavailableError, shown
from nasfleet_controller.store.schema import high_marks

_OPENING = "opening"
_LOCK = 0x6E_61_73_66_6C_65_65_74
"""The key of the lock in each database: "nasfleet" in ASCII."""
_LOCK_NOT_AVAILABLE = "55P03"
_HOLDER = """
SELECT pid, coalesce(host(client_addr), 'the server itself') FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint << 32 | objid::bigint) = %s
"""


class Hold:
    """This controller's hold on a database, from its opening to its end."""

    def __init__(self, engine: Engine) -> None:
        """Have every connection of the writing engine take the lock before it is used."""
        self._where = shown(engine.url)
        self._opening: int | None = None
        event.listen(engine, "connect", self._take_lock)

    def begin(self, connection: Connection) -> None:
        """Count this opening; from its commit on no controller that opened the store before can commit."""
        first = postgresql.insert(high_marks).values(name=_OPENING, value=1)
        counted = first.on_conflict_do_update(index_elements=["name"], set_={"value": high_marks.c.value + 1})
        self._opening = connection.execute(counted.returning(high_marks.c.value)).scalar_one()

    def verify(self, connection: Connection) -> None:
        """See that no other controller has opened the store since, nor can before this transaction ends.

        Raises:
            ConflictError: if one has.
        """
        opening = select(high_marks.c.value).where(high_marks.c.name == _OPENING).with_for_update(read=True)
        if connection.scalar(opening) != self._opening:
            raise self._superseded()

    def _take_lock(self, connection: Any, _record: object) -> None:
        try:
            connection.autocommit = True  # a lock of the session, not of a transaction
            try:
                connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            except Exception as error:
                if getattr(error, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                    raise self._refused(connection) from None
                raise
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise

    def _refused(self, connection: Any) -> Exception:
        """Return why the lock cannot be had: another controller has it, or a lost connection of our own has it still."""
        holder = connection.execute(_HOLDER, (_LOCK,)).fetchone()
        who = f"connected from {holder[1]} as the server's process {holder[0]}" if holder else "gone by now"
        if self._opening is None:
            return ConflictError(f"another controller, {who}, works on {self._where}: stop it, or give another --store-url")
        latest = connection.execute("SELECT value FROM high_marks WHERE name = %s", (_OPENING,)).fetchone()
        if latest != (self._opening,):
            return self._superseded()
        return StoreUnavailableError(
            f"the store {self._where} cannot be used now: a connection that was lost, {who}, holds it still; "
            "the server ends it within half a minute"
        )

    def _superseded(self) -> ConflictError:
        return ConflictError(f"another controller has opened {self._where} since this one did: let that one go on")

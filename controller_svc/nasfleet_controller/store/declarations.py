"""Writes what is declared about searches, and the high marks that outlive a deleted one."""

from typing import assert_never

from sqlalchemy import Connection, delete, func, insert, select, update

from nasfleet.codec import spec_to_proto
from nasfleet_controller.records import SearchChanged, SearchCreated, SearchDeleted, SearchMoved, SearchWarmed
from nasfleet_controller.store.priors import write_priors
from nasfleet_controller.store.schema import attempts, high_marks, searches

FENCE = "fence"
SEARCH_ID = "search_id"
_COLUMNS = {FENCE: attempts.c.fence, SEARCH_ID: searches.c.search_id}


Declaration = SearchCreated | SearchWarmed | SearchChanged | SearchMoved | SearchDeleted


def write_declaration(connection: Connection, record: Declaration) -> None:
    """Write one change of a search's own row, or what it begins with."""
    this = searches.c.search_id == record.search_id
    match record:
        case SearchCreated():
            connection.execute(insert(searches).values(_created(record)))
        case SearchWarmed():
            write_priors(connection, record)
        case SearchChanged():
            connection.execute(update(searches).where(this).values(spec=_bytes(record)))
        case SearchMoved():
            moved = {"state": record.state.value, "message": record.message, "moved_at": record.at}
            connection.execute(update(searches).where(this).values(running_seconds=record.running_seconds, **moved))
        case SearchDeleted():
            for name in _COLUMNS:
                keep_mark(connection, name)
            connection.execute(delete(searches).where(this))
        case _:
            assert_never(record)


def high_mark(connection: Connection, name: str) -> int:
    """Return the largest fence or search id ever given; 0 if there was none."""
    marks = select(high_marks.c.value).where(high_marks.c.name == name)
    return max(connection.scalar(marks) or 0, connection.scalar(select(func.max(_COLUMNS[name]))) or 0)


def keep_mark(connection: Connection, name: str) -> None:
    """Write the largest fence or search id ever given, so that it is not forgotten with what had it."""
    mark = high_mark(connection, name)
    connection.execute(delete(high_marks).where(high_marks.c.name == name))
    connection.execute(insert(high_marks).values(name=name, value=mark))


def _created(record: SearchCreated) -> dict[str, object]:
    return {
        "search_id": record.search_id,
        "namespace": record.name.namespace,
        "name": record.name.search_id,
        "uid": record.uid,
        "spec": _bytes(record),
        "state": record.state.value,
        "message": "",
        "created_at": record.at,
        "moved_at": record.at,
        "running_seconds": 0.0,
    }


def _bytes(record: SearchCreated | SearchChanged) -> bytes:
    return spec_to_proto(record.spec).SerializeToString(deterministic=True)

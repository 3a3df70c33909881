"""The one statement that databases spell differently: insert what is not there yet."""

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: Connection, table: Table) -> Executable:
    """Return an insert into the table that leaves out the rows whose primary key is there already."""
    keys = [column.name for column in table.primary_key]
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing(index_elements=keys)
    return postgresql.insert(table).on_conflict_do_nothing(index_elements=keys)

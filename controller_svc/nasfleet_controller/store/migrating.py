"""Brings a database to the schema of this program, in one transaction, when it is opened."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from nasfleet.errors import ConflictError
from nasfleet_controller.store.engines import shown
from nasfleet_controller.store.schema import HEAD

_MIGRATIONS = Path(__file__).parent / "migrations"


class NewerStoreError(ConflictError):
    """The store was written by a later version of this program."""


def migrate(engine: Engine) -> None:
    """Bring the database to this program's schema; one that has it already is left alone.

    Raises:
        NewerStoreError: if its schema is none that this program knows.
    """
    with engine.begin() as connection:
        version = _version(connection)
        if version != HEAD:
            _upgrade(connection, version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, version: str | None) -> None:
    # Half a second of imports, needed once in the life of a store.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        where = shown(connection.engine.url)
        raise NewerStoreError(
            f"the store {where} has schema {version}, this program knows {HEAD}: use the version that wrote it"
        )
    command.upgrade(config, "head")

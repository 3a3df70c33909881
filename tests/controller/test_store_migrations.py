from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from nasfleet.catalogue import Duplicates
from nasfleet.names import PoolName
from nasfleet_controller.records import PoolDeclared, PoolDeleted
from nasfleet_controller.store import migrating
from nasfleet_controller.store.engines import writing_engine
from nasfleet_controller.store.migrating import NewerStoreError, migrate
from nasfleet_controller.store.schema import HEAD, metadata
from nasfleet_controller.store.store import Store
from nasfleet_testing.histories import History


def test_migrations_lead_to_the_tables_of_the_schema(tmp_path: Path) -> None:
    engine = writing_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_head_is_the_last_migration() -> None:
    assert ScriptDirectory(migrating._MIGRATIONS).get_heads() == [HEAD]


def test_a_store_of_the_first_version_is_brought_to_this_one_with_all_that_is_in_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    history = History(1, duplicates=[Duplicates.REEVALUATE], trainers_of=[None]).take(200)
    with Store(url) as store:
        store.commit([record for record in history.records if not isinstance(record, PoolDeclared | PoolDeleted)])
        before = store.load()
        with store._writer.begin() as connection:  # what the first version made is this without what came after it
            for table in ("pools", "priors"):
                connection.execute(text(f"DROP TABLE {table}"))
            for column in ("steps", "seed_values", "duplicate", "reused_from", "stopped_early"):
                connection.execute(text(f"ALTER TABLE trials DROP COLUMN {column}"))
            connection.execute(text("ALTER TABLE attempts DROP COLUMN pool"))
            connection.execute(text("UPDATE alembic_version SET version_num = 'v0001'"))
    declared = PoolDeclared(PoolName("default", "gpu"), {"gpu": "h200"}, "trainer", 400)
    with Store(url) as store:
        assert store.load() == before
        store.commit([declared])
        assert store.load().pools == (declared,)


def test_store_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with Store(url) as store, store._writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9999'"))
    with pytest.raises(NewerStoreError, match=rf"has schema v9999, this program knows {HEAD}: use the version that wrote it"):
        Store(url)
    engine = writing_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "v9999"
    engine.dispose()


def test_commits_are_synchronous_and_readers_cannot_write(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        with store._writer.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        with store._reader.connect() as connection, pytest.raises(Exception, match="readonly"):
            connection.execute(text("DELETE FROM trials"))

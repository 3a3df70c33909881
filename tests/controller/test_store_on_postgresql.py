"""The store on a real PostgreSQL server: all that a store does, one controller at a time, and what errors become."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from nasfleet.catalogue import Duplicates
from nasfleet.errors import ConflictError, InvalidInputError
from nasfleet.names import SearchName
from nasfleet_controller.records import PoolDeclared, PoolDeleted, SearchCreated, SearchState
from nasfleet_controller.store import engines
from nasfleet_controller.store.engines import StoreUnavailableError, shown, writing_engine
from nasfleet_controller.store.migrating import NewerStoreError, migrate
from nasfleet_controller.store.schema import HEAD, metadata
from nasfleet_controller.store.store import Store
from nasfleet_testing.certificates import make_certificates
from nasfleet_testing.committing import BATCH, batch
from nasfleet_testing.histories import History, spec
from nasfleet_testing.postgresql import PASSWORD, PostgresqlServer
from nasfleet_testing.processes import eventually, program
from nasfleet_testing.programs import free_address
from nasfleet_testing.store_contract import StoreContract

CREATED = SearchCreated(1, SearchName("default", "s"), "uid", spec(), SearchState.RUNNING, 1.0)


class TestPostgresqlStore(StoreContract):
    @pytest.fixture
    def store_url(self, postgresql_url: str) -> str:
        return postgresql_url


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """The folder of an authority, ca.crt, and of what it signed: server.crt for 127.0.0.1, client.crt."""
    make_certificates(tmp_path / "certificates")
    return tmp_path / "certificates"


@pytest.fixture
def tls_server(own_server: PostgresqlServer, certificates: Path) -> PostgresqlServer:
    own_server.want_tls(certificates)
    return own_server


def batches(store: Store) -> int:
    return store.load().searches[0].batches


def has_recovered(store: Store) -> bool:
    """Return whether it can be written, as a runner asks again and again."""
    try:
        store.probe()
    except StoreUnavailableError:
        return False
    return True


# --- migrations


def test_migrations_lead_to_the_tables_of_the_schema(postgresql_url: str) -> None:
    engine = writing_engine(postgresql_url)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_store_of_the_first_version_is_brought_to_this_one_with_all_that_is_in_it(postgresql_url: str) -> None:
    history = History(1, duplicates=[Duplicates.REEVALUATE], trainers_of=[None]).take(200)
    with Store(postgresql_url) as store:
        store.commit([record for record in history.records if not isinstance(record, PoolDeclared | PoolDeleted)])
        before = store.load()
        with store._writer.begin() as connection:  # what the first version made is this without what came after it
            connection.execute(text("DROP TABLE pools, priors"))
            for column in ("steps", "seed_values", "duplicate", "reused_from", "stopped_early"):
                connection.execute(text(f"ALTER TABLE trials DROP COLUMN {column}"))
            connection.execute(text("ALTER TABLE attempts DROP COLUMN pool"))
            connection.execute(text("UPDATE alembic_version SET version_num = 'v0001'"))
    with Store(postgresql_url) as store:
        assert store.load() == before


def test_store_of_a_later_version_is_refused_and_left_alone(postgresql_url: str) -> None:
    with Store(postgresql_url) as store, store._writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9999'"))
    with pytest.raises(NewerStoreError, match=rf"has schema v9999, this program knows {HEAD}") as refused:
        Store(postgresql_url)
    assert_tells_no_password(refused.value)


def test_first_start_that_is_interrupted_is_made_good_by_the_next(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.create_index", cut)
        with pytest.raises(KeyboardInterrupt):
            Store(postgresql_url)
    with Store(postgresql_url) as store:
        store.commit([CREATED])


# --- durability


def test_commits_are_durable_whatever_the_databases_default_is_and_readers_cannot_write(
    postgresql: PostgresqlServer, database: str
) -> None:
    def setting(default: str) -> object:
        postgresql.sql(f"ALTER DATABASE {database} SET synchronous_commit = {default}")
        with Store(postgresql.url(database)) as store, store._writer.connect() as connection:
            return connection.exec_driver_sql("SHOW synchronous_commit").scalar()

    assert {default: setting(default) for default in ("off", "on", "remote_apply")} == {
        "off": "on",
        "on": "on",
        "remote_apply": "remote_apply",  # more than we ask for is not taken back
    }
    with (
        Store(postgresql.url(database)) as store,
        store._reader.connect() as connection,
        pytest.raises(Exception, match="read-only"),
    ):
        connection.execute(text("DELETE FROM trials"))


def test_server_is_told_to_notice_a_machine_that_is_lost(postgresql_url: str) -> None:
    with Store(postgresql_url) as store:
        for engine in (store._writer, store._reader):
            with engine.connect() as connection:
                idle, interval, count, unanswered = (
                    int(connection.exec_driver_sql(f"SELECT setting FROM pg_settings WHERE name = 'tcp_{name}'").scalar_one())
                    for name in ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
                )
            assert 0 < idle + count * interval <= 30
            assert 0 < unanswered <= 30_000


def test_store_by_the_servers_socket_is_held_likewise(postgresql: PostgresqlServer, database: str, impatient: None) -> None:
    by_socket = f"{postgresql.url(database)}?host={postgresql.data.parent}"
    with Store(by_socket) as store:
        store.commit([CREATED])
        with pytest.raises(ConflictError, match="another controller, connected from the server itself"):
            Store(postgresql.url(database))


def test_killed_writer_loses_nothing_that_it_said_was_durable(postgresql_url: str, tmp_path: Path) -> None:
    rng, before = Random(1), -1
    for _ in range(3):
        command = (sys.executable, "-m", "nasfleet_testing.committing", postgresql_url)
        with program(command, tmp_path / "log") as writer:
            said = [int(writer.line()) for _ in range(rng.randrange(1, 60))]
            writer.kill()
        assert said[0] > before
        before = said[-1]
        with Store(postgresql_url) as store:
            search = store.load().searches[0]
        assert search.batches - 1 >= before
        assert search.proposed == search.batches * BATCH == len(search.open_trials)


def test_server_that_is_killed_loses_nothing_that_was_committed(own_server: PostgresqlServer) -> None:
    with own_server.database() as name, Store(own_server.url(name)) as store:
        store.commit([CREATED, batch(0)])
        own_server.kill()
        with pytest.raises(StoreUnavailableError, match="cannot be used now"):
            store.commit([batch(1)])
        with pytest.raises(StoreUnavailableError, match="check that the server runs"):
            store.commit([batch(1)])
        with pytest.raises(StoreUnavailableError, match="check that the server runs"):
            store.load()
        own_server.start()
        assert batches(store) == 1
        store.commit([batch(1)])
        assert batches(store) == 2


# --- one controller at a time


def end_connections(server: PostgresqlServer, database: str) -> None:
    """End all sessions of a database, as an administrator or a lost network does."""
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", database)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stores that are opened wait a moment only for what somebody else holds."""
    monkeypatch.setattr(engines, "_SESSION", engines._SESSION.replace(f"'{engines._BUSY_SECONDS}s'", "'200ms'"))


@pytest.mark.usefixtures("impatient")
def test_second_store_is_refused_while_the_first_is_open(postgresql_url: str) -> None:
    with Store(postgresql_url) as first:
        with pytest.raises(ConflictError, match=r"another controller, connected from 127.0.0.1 .* stop it") as refused:
            Store(postgresql_url)
        assert_tells_no_password(refused.value)
        first.commit([CREATED])
    with Store(postgresql_url) as second:
        assert second.load().searches[0].name == CREATED.name


@pytest.mark.usefixtures("impatient")
def test_store_whose_connections_were_ended_goes_on_if_nobody_opened_it_meanwhile(
    postgresql: PostgresqlServer, database: str
) -> None:
    with Store(postgresql.url(database)) as store:
        store.commit([CREATED])
        assert batches(store) == 0
        end_connections(postgresql, database)
        assert batches(store) == 0  # readers take another connection
        with pytest.raises(StoreUnavailableError, match="terminating connection"):
            store.commit([batch(0)])
        store.commit([batch(0)])
        assert batches(store) == 1
        with pytest.raises(ConflictError, match="another controller, connected from"):
            Store(postgresql.url(database))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("still_open", [True, False], ids=["while the other is open", "after the other was closed"])
def test_store_that_another_opened_meanwhile_never_commits_again(
    postgresql: PostgresqlServer, database: str, *, still_open: bool
) -> None:
    with Store(postgresql.url(database)) as first:
        first.commit([CREATED])
        end_connections(postgresql, database)
        with Store(postgresql.url(database)) as second:
            second.commit([batch(0)])
            if still_open:
                assert_superseded(first)
                second.commit([batch(1)])
        assert_superseded(first)
    with Store(postgresql.url(database)) as third:
        assert batches(third) == 1 + still_open


def assert_superseded(store: Store) -> None:
    def ends() -> bool:
        try:
            store.commit([batch(7)])
        except StoreUnavailableError:  # the connection that was ended is found out about
            return False
        return True

    with pytest.raises(ConflictError, match=r"another controller has opened .* since this one did") as ended:
        eventually(ends, "a refusal")
    assert_tells_no_password(ended.value)
    with pytest.raises(ConflictError, match="since this one did"):
        store.probe()


def test_store_that_shares_its_session_with_another_cannot_commit_after_it_was_opened(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pooler that gives sessions by transaction lets a second controller have the first one's lock.
    monkeypatch.setattr("nasfleet_controller.store.holding.Hold._take_lock", lambda *_: None)
    with Store(postgresql_url) as first, Store(postgresql_url) as second:
        with pytest.raises(ConflictError, match="since this one did"):
            first.commit([CREATED])
        second.commit([CREATED])


@pytest.mark.usefixtures("impatient")
def test_lost_connection_that_still_holds_the_store_is_waited_for(postgresql_url: str) -> None:
    with Store(postgresql_url) as store:
        store.commit([CREATED])
        with store._writer.connect() as lost:
            lost.detach()  # for the server it is there still
            with pytest.raises(StoreUnavailableError, match=r"a connection that was lost, connected from .* holds it still"):
                store.commit([batch(0)])
            lost.close()
        eventually(lambda: has_recovered(store), "an end of the lost connection")
        store.commit([batch(0)])


# --- what the server's errors become


def assert_tells_no_password(error: BaseException) -> None:
    chain: BaseException | None = error
    while chain is not None:
        for secret in (PASSWORD, "p%40ss", "hunter2"):
            assert secret not in str(chain)
            assert secret not in repr(chain)
        chain = chain.__cause__


@contextmanager
def refused(kind: type[Exception], match: str) -> Iterator[None]:
    with pytest.raises(kind, match=match) as raised:
        yield
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)
    assert_tells_no_password(raised.value)


def test_wrong_password_user_and_database_are_named(postgresql: PostgresqlServer, database: str) -> None:
    with refused(InvalidInputError, r"authentication failed for user.*correct the user or the password"):
        Store(postgresql.url(database, password="hunter2"))
    with refused(InvalidInputError, r'user "nobody".*correct the user or the password'):
        Store(postgresql.url(database, user="nobody", password="hunter2"))
    with refused(InvalidInputError, r"no password supplied.*correct the user or the password"):
        Store(re.sub(r":[^/@]*@", "@", postgresql.url(database)))
    with refused(InvalidInputError, r'database "missing" does not exist.*create that database'):
        Store(postgresql.url("missing"))
    with refused(InvalidInputError, r"password=\*\*\*.*authentication failed"):
        Store(re.sub(r"//[^@]*@", "//", postgresql.url(database)) + "?user=nasfleet&password=hunter2")


def test_server_that_is_not_there_is_unavailable() -> None:
    with refused(StoreUnavailableError, r"refused.*check that the server runs"):
        Store(f"postgresql://nasfleet:hunter2@{free_address()}/nasfleet")
    with refused(StoreUnavailableError, r"no-such-host.invalid.*check that the server runs"):
        Store("postgresql://nasfleet:hunter2@no-such-host.invalid/nasfleet")


def test_of_several_servers_the_one_that_can_be_written_is_taken(postgresql_url: str) -> None:
    user, _, where = postgresql_url.rpartition("@")
    address, _, database = where.partition("/")
    several = f"{user}@/{database}?host={free_address()}&host={address}&target_session_attrs=read-write"
    with Store(several) as store:
        store.commit([CREATED])
    assert PASSWORD not in shown(several)


def test_tls_that_the_server_does_not_have_is_named(postgresql_url: str) -> None:
    with refused(InvalidInputError, r"SSL was required; correct sslmode"):
        Store(f"{postgresql_url}?sslmode=require")
    with refused(InvalidInputError, r"correct sslmode and sslrootcert"):
        Store(f"{postgresql_url}?sslmode=certainly")


def test_rights_that_are_missing_are_named(postgresql: PostgresqlServer, database: str) -> None:
    postgresql.sql("CREATE ROLE guest LOGIN PASSWORD 'hunter2'")
    try:
        with refused(InvalidInputError, r"permission denied for schema public.*give the user its rights"):
            Store(postgresql.url(database, "guest", "hunter2"))
        postgresql.sql("GRANT USAGE, CREATE ON SCHEMA public TO guest", database=database)
        with Store(postgresql.url(database, "guest", "hunter2")) as store:
            store.commit([CREATED])
        postgresql.sql(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
        with refused(InvalidInputError, r"permission denied for database.*GRANT CONNECT ON DATABASE"):
            Store(postgresql.url(database, "guest", "hunter2"))
    finally:
        postgresql.sql("DROP OWNED BY guest", database=database)
        postgresql.sql("DROP ROLE guest")


def test_too_many_connections_are_unavailable_and_pass(postgresql: PostgresqlServer, database: str) -> None:
    postgresql.sql("ALTER ROLE nasfleet CONNECTION LIMIT 0")
    try:
        with refused(StoreUnavailableError, r"too many connections.*max_connections"):
            Store(postgresql.url(database))
    finally:
        postgresql.sql("ALTER ROLE nasfleet CONNECTION LIMIT -1")
    Store(postgresql.url(database)).close()


def test_database_that_cannot_be_written_is_unavailable_and_recovers(postgresql: PostgresqlServer, database: str) -> None:
    with Store(postgresql.url(database)) as store:
        store.commit([CREATED])
        postgresql.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        end_connections(postgresql, database)
        assert not has_recovered(store)
        with refused(StoreUnavailableError, r"read-only transaction; name the server that can be written"):
            store.commit([batch(0)])
        postgresql.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = off")
        end_connections(postgresql, database)
        eventually(lambda: has_recovered(store), "a store that can be written again")


def test_table_that_another_program_locks_is_unavailable_and_recovers(postgresql_url: str, impatient: None) -> None:
    with Store(postgresql_url) as store:
        store.commit([CREATED])
        other = writing_engine(postgresql_url)
        with other.begin() as connection:
            connection.execute(text("LOCK TABLE trials"))
            with refused(StoreUnavailableError, r"lock timeout; end the other program's transaction"):
                store.commit([batch(0)])
        other.dispose()
        store.commit([batch(0)])
        assert store.load().searches[0].proposed == BATCH


def test_password_that_changes_while_the_store_is_open_is_unavailable_and_recovers(
    postgresql: PostgresqlServer, database: str
) -> None:
    with Store(postgresql.url(database)) as store:
        store.commit([CREATED])
        postgresql.sql("ALTER ROLE nasfleet PASSWORD 'another'")
        try:
            end_connections(postgresql, database)
            assert not has_recovered(store)
            with refused(StoreUnavailableError, r"authentication failed.*correct the user or the password"):
                store.commit([batch(0)])
        finally:
            postgresql.sql(f"ALTER ROLE nasfleet PASSWORD '{PASSWORD}'")
        store.commit([batch(0)])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:hunter2@h:port/db", r"'postgresql://\*\*\*@h:port/db' names no store"),
        ("u:hunter2@host", r"'\*\*\*@host' names no store"),
        ("postgres//u:hunter2@host:1@x/db", r"'postgres//\*\*\*@x/db' names no store"),
        ("postgresql://u:p@ss:hunter2@h/db", r"'postgresql://\*\*\*@h/db' names no store"),
        ("mysql://u:hunter2@h/db", r"'mysql' is not known.*want sqlite"),
        ("postgresql+psycopg2://u:hunter2@h/db", r"psycopg2' is not known.*want sqlite"),
        ("nosuchdatabase://u:hunter2@h/db?password=hunter2", r"names no store .*postgresql://USER@HOST/DATABASE"),
    ],
)
def test_url_that_names_no_database_is_refused_without_its_password(url: str, said: str) -> None:
    with refused(InvalidInputError, said):
        Store(url)


def test_driver_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with refused(InvalidInputError, r"needs psycopg, which is not installed: pip install 'nasfleet\[postgresql\]'"):
        Store("postgresql://nasfleet:hunter2@localhost/nasfleet")


def test_what_people_see_of_a_url_has_no_password() -> None:
    assert shown("postgresql://u:hunter2@h/db?password=hunter2&sslmode=require") == (
        "postgresql://***@h/db?password=***&sslmode=require"
    )


# --- TLS


def test_certificate_of_the_server_is_verified_by_the_authority_that_is_named(
    tls_server: PostgresqlServer, certificates: Path, tmp_path: Path
) -> None:
    with tls_server.database() as name:
        verified = f"{tls_server.url(name)}?sslmode=verify-full&sslrootcert="
        with Store(f"{verified}{certificates}/ca.crt") as store:
            store.commit([CREATED])
            with store._writer.connect() as connection:
                [used] = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").one()
            assert used
            assert batches(store) == 0
        with refused(InvalidInputError, r"certificate verify failed.*correct sslmode and sslrootcert"):
            Store(f"{verified}{certificates}/client.crt")
        with refused(InvalidInputError, r"root certificate file .* does not exist.*correct sslmode and sslrootcert"):
            Store(f"{verified}{tmp_path}/missing.crt")
        with refused(InvalidInputError, r"does not match host name.*correct sslmode and sslrootcert"):
            Store(f"{verified}{certificates}/ca.crt".replace("127.0.0.1", "another.example") + "&hostaddr=127.0.0.1")
        with refused(InvalidInputError, r"no encryption.*it may want TLS"):
            Store(f"{tls_server.url(name)}?sslmode=disable")

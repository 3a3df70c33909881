"""The controller program on PostgreSQL, under trainers at work: what it acknowledged is there, and once, whoever is killed."""

import sys
from pathlib import Path
from random import Random

import pytest

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet.errors import UnavailableError
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.acknowledgements import MEASURED, acknowledged, assert_measured
from nasfleet_testing.postgresql import PASSWORD, PostgresqlServer
from nasfleet_testing.processes import eventually, program
from nasfleet_testing.programs import SEARCH, controller, forked_controller, free_address, settled, synthetic_search, trainer
from nasfleet_testing.recording_trainer import MODULE, RECORD

TRAINERS = 20
TASK = Synthetic(epochs=2, epoch_seconds=0.05)


def ensured(client: Client, trials: int) -> bool:
    """Declare the search; return False while there is no controller."""
    try:
        client.ensure_search(SEARCH, synthetic_search(trials, 2 * TRAINERS, TASK))
    except UnavailableError:
        return False
    return True


def completed(client: Client) -> bool:
    try:
        return client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED
    except UnavailableError:
        return False


def wait_for_more(record: Path, count: int) -> None:
    """Wait until so many more outcomes are acknowledged."""
    wanted = len(acknowledged(record)) + count
    eventually(lambda: len(acknowledged(record)) >= wanted, "acknowledgements")


def assert_complete(server: PostgresqlServer, database: str, client: Client, record: Path) -> None:
    """See that the search used up its budget and that each of its trials counts once."""
    eventually(lambda: completed(client), "the end of the search")
    search = client.get_search(SEARCH)
    assert search.counts.failed == search.counts.lost == 0
    stored = assert_measured(server.sql(MEASURED, database=database), acknowledged(record))
    assert stored == search.counts.succeeded >= search.spec.budget.trials


def test_a_server_that_stops_and_is_killed_in_the_middle_of_a_search_costs_nothing_that_was_acknowledged(
    own_server: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "acknowledged"
    monkeypatch.setenv(RECORD, str(record))
    with (
        own_server.database() as name,
        controller(tmp_path / "state", "127.0.0.1:0", "--store-url", own_server.url(name)) as running,
        Client(running.address) as client,
    ):
        with trainer(running.address, tmp_path / "trainers.log", "--agents", str(TRAINERS), module=MODULE):
            assert ensured(client, 1_000_000)
            for end in (own_server.stop, own_server.kill):
                wait_for_more(record, 100)
                end()
                eventually(lambda: not running.serving(), "a controller that says that it does not serve")
                with pytest.raises(UnavailableError, match=r"check that the server runs|terminating connection"):
                    client.get_search(SEARCH)
                while_it_was_away = len(acknowledged(record))
                own_server.start()
                eventually(running.serving, "a controller that serves again")
                wait_for_more(record, 100)
                assert assert_measured(own_server.sql(MEASURED, database=name), acknowledged(record)) > while_it_was_away
            assert ensured(client, settled(client) + 100)
            assert_complete(own_server, name, client, record)
        assert running.process.terminate() == 0
        assert PASSWORD not in running.process.log
        assert "Traceback" not in running.process.log
    assert "Traceback" not in (tmp_path / "trainers.log").read_text()


def test_kills_of_the_controller_lose_nothing_that_was_acknowledged_and_count_nothing_twice(
    postgresql: PostgresqlServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, address, rng = tmp_path / "acknowledged", free_address(), Random(1)
    monkeypatch.setenv(RECORD, str(record))
    flags = ("--store-url", postgresql.url(database))
    with (
        trainer(address, tmp_path / "trainers.log", "--agents", str(TRAINERS), module=MODULE),
        Client(address) as client,
    ):
        for life in range(6):
            # Each on a state directory of its own, as in a pod without a volume: all that counts is in the database.
            with forked_controller(tmp_path / f"state-{life}", address, *flags) as killed:
                eventually(lambda: ensured(client, 1_000_000), "a controller")
                wait_for_more(record, rng.randrange(1, 200))
                killed.kill()
        with forked_controller(tmp_path / "state", address, *flags):
            eventually(lambda: settled(client) > 0, "the controller again")
            eventually(lambda: ensured(client, settled(client) + 100), "a budget that will be used up")
            assert_complete(postgresql, database, client, record)


def test_a_second_controller_on_one_database_is_refused_whatever_its_state_directory(
    postgresql_url: str, tmp_path: Path
) -> None:
    flags = ("--store-url", postgresql_url)
    with controller(tmp_path / "first", "127.0.0.1:0", *flags) as first:
        command = (sys.executable, "-m", "nasfleet_controller", "--state", str(tmp_path / "second"), "--listen", "127.0.0.1:0")
        with program((*command, "--metrics", "", *flags), tmp_path / "second.log") as second:
            assert second.wait() == 2
            assert second.line() == ""
        assert "another controller, connected from 127.0.0.1" in second.log
        assert "Traceback" not in second.log
        assert PASSWORD not in second.log
        assert first.serving()


def test_a_controller_that_hung_while_another_took_over_commits_nothing_more_and_ends(
    postgresql: PostgresqlServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "acknowledged"
    monkeypatch.setenv(RECORD, str(record))
    flags = ("--store-url", postgresql.url(database))
    with controller(tmp_path / "first", "127.0.0.1:0", *flags) as first, Client(first.address) as client:
        with trainer(first.address, tmp_path / "trainers.log", "--agents", "2", module=MODULE):
            assert ensured(client, 1_000_000)
            wait_for_more(record, 20)
            first.process.pause()
            # What the server does by itself once its keepalives are not answered.
            postgresql.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", database)
            with controller(tmp_path / "second", "127.0.0.1:0", *flags) as second, Client(second.address) as other:
                before = other.suspend_search(SEARCH).counts.succeeded
                first.process.proceed()
                assert first.process.wait() == 2
                assert other.get_search(SEARCH).counts.succeeded == before
        assert "another controller has opened" in first.process.log
        assert "Traceback" not in first.process.log
    assert assert_measured(postgresql.sql(MEASURED, database=database), acknowledged(record)) == before

"""What is left when a writer is killed, or when the end of its log never reached the disk."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from nasfleet.errors import ConflictError, InvalidInputError, UnavailableError
from nasfleet.names import SearchName
from nasfleet_controller.records import SearchCreated, SearchState
from nasfleet_controller.store import engines
from nasfleet_controller.store.engines import StoreUnavailableError
from nasfleet_controller.store.store import Store
from nasfleet_testing.committing import BATCH, batch
from nasfleet_testing.histories import spec

CREATED = SearchCreated(1, SearchName("default", "s"), "uid", spec(), SearchState.RUNNING, 1.0)


def test_killed_writer_loses_nothing_that_it_said_was_durable(tmp_path: Path) -> None:
    url, rng, before = f"sqlite:///{tmp_path}/store.db", Random(1), -1
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-m", "nasfleet_testing.committing", url], stdout=subprocess.PIPE, text=True, env=environment
        )
        with writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline() or writer.wait()) for _ in range(rng.randrange(1, 60))]
            assert writer.poll() is None, f"the writer ended by itself, with {writer.returncode}"
            writer.kill()
            said += [int(line) for line in writer.stdout.read().splitlines()]
        assert said[0] > before
        before = said[-1]
        with Store(url) as store:
            search = store.load().searches[0]
        assert search.batches - 1 >= before
        assert search.proposed == search.batches * BATCH
        assert len(search.open_trials) == search.proposed


def test_log_cut_anywhere_leaves_the_state_before_or_after_a_commit(tmp_path: Path) -> None:
    live, log = tmp_path / "live.db", tmp_path / "live.db-wal"
    with Store(f"sqlite:///{live}") as store:
        store.commit([CREATED])
        store.commit([batch(0)])
        durable = log.stat().st_size
        store.commit([batch(1)])
        whole, database = log.read_bytes(), live.read_bytes()
    assert len(whole) > durable
    rng = Random(2)
    for cut in [durable, *sorted(rng.sample(range(durable, len(whole)), 40)), len(whole)]:
        rest = rng.choice([b"", bytes(len(whole) - cut), rng.randbytes(len(whole) - cut)])
        copy = tmp_path / "copy.db"
        copy.write_bytes(database)
        (tmp_path / "copy.db-wal").write_bytes(whole[:cut] + rest)
        with Store(f"sqlite:///{copy}") as store:
            assert store.load().searches[0].batches == (2 if cut == len(whole) else 1)
            store.commit([batch(store.load().searches[0].batches)])
        (tmp_path / "copy.db-wal").unlink(missing_ok=True)


def test_first_start_that_is_interrupted_is_made_good_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    url, create_index = f"sqlite:///{tmp_path}/store.db", Operations.create_index

    def cut(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Operations, "create_index", cut)
        patched.setattr("alembic.op.create_index", cut)
        with pytest.raises(KeyboardInterrupt):
            Store(url)
    assert Operations.create_index is create_index
    with Store(url) as store:
        store.commit([CREATED])


def test_store_that_another_program_locks_is_unavailable_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_BUSY_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path}/store.db"
    with Store(url) as store, Store(url) as other:
        store.commit([CREATED])
        with other._writer.begin(), pytest.raises(StoreUnavailableError, match=r"locked.*end the other program"):
            store.commit([batch(0)])
        store.commit([batch(0)])
        assert store.load().searches[0].proposed == BATCH


def fill(store: Store) -> None:
    for number in itertools.count():
        store.commit([batch(number)])


def test_store_on_a_full_disk_is_unavailable_and_recovers(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        store.commit([CREATED])
        with store._writer.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(UnavailableError, match=r"full.*free some space"):
            fill(store)
        number = store.load().searches[0].batches
        assert number > 0
        with store._writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        store.commit([batch(number)])
        assert store.load().searches[0].batches == number + 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreUnavailableError, match=r"/dev/full/store.db.*unable to open.*check that its folder exists"):
        Store("sqlite:////dev/full/store.db")


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("number,reward\n" * 100)
    with pytest.raises(ConflictError, match=r"store.db is no store"):
        Store(f"sqlite:///{tmp_path}/store.db")


@pytest.mark.parametrize("url", ["", "store.db", "nosuchdatabase://host/name"])
def test_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="names no store"):
        Store(url)


def test_copy_of_the_file_and_its_log_is_a_store(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        store.commit([CREATED, batch(0)])
        shutil.copy(tmp_path / "store.db", tmp_path / "copy.db")
        shutil.copy(tmp_path / "store.db-wal", tmp_path / "copy.db-wal")
        with Store(f"sqlite:///{tmp_path}/copy.db") as copy:
            assert copy.load() == store.load()

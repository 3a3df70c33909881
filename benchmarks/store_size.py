"""How large a store becomes, how fast it takes trials, and how long a controller reads it: SQLite and PostgreSQL alike.

    python benchmarks/store_size.py                                                    # SQLite, in a temporary folder
    python benchmarks/store_size.py --store-url postgresql://nasfleet@localhost/empty  # a database that is there, and empty

What a controller would commit is committed through the real store: trials of a `convChain` of six layers (33 tokens) that are
proposed by eights, leased, reported epoch by epoch, measured and learned from, each step in a later commit than the one
before, as it is with trainers at work. Checkpoints are those of a real policy. At the end the search is deleted.
"""

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeVar

from running import machine
from sqlalchemy import Engine, create_engine, make_url, text

from nasfleet.catalogue import Budget, ConvChain, Reinforce, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.batching import BatchRequest
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    EpochsMeasured,
    Proposal,
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.strategy import Credit, Update
from nasfleet_controller.thinking import Mind

BATCH = 8
BATCHES_IN_A_COMMIT = 8
AT = 1.8e9
NAME = SearchName("default", "large")
MILLION = 1_000_000

T = TypeVar("T")


class Lives:
    """The records of trials, each step of which falls into a commit of its own."""

    def __init__(self, trials: int, epochs: int) -> None:
        space = SearchSpaceSection(space=ConvChain())
        self.spec = SearchSpec(
            search_space=space,
            strategy=Reinforce(batch_size=BATCH),
            task=Synthetic(epochs=epochs),
            budget=Budget(trials=trials),
        )
        self._batches = trials // BATCH
        self._epochs = epochs
        self._rng = Random(1)
        self._instances = [(f"gpu-trainers-7c9f8b-{number:05}", uuid.uuid4().hex) for number in range(100)]
        self._drawn, self._checkpoint = _policy(self.spec)

    def commits(self) -> Iterator[list[Record]]:
        """Yield what is committed together: a step of some batches each, of older ones a later step."""
        yield [SearchCreated(1, NAME, uuid.uuid4().hex, self.spec, SearchState.RUNNING, AT)]
        steps: list[Callable[[int], Iterator[Record]]] = [self._propose, self._start]
        steps += [self._report] * (self._epochs - 1)
        steps += [self._settle, self._learn]
        groups = -(-self._batches // BATCHES_IN_A_COMMIT)
        for moment in range(groups + len(steps) - 1):
            # The oldest first, as their trainers take what is proposed.
            yield [
                record
                for age in reversed(range(len(steps)))
                if 0 <= moment - age < groups
                for batch in self._group(moment - age)
                for record in self._step(steps[age], batch, age)
            ]

    def _group(self, group: int) -> range:
        first = group * BATCHES_IN_A_COMMIT
        return range(first, min(first + BATCHES_IN_A_COMMIT, self._batches))

    def _step(self, step: Callable[[int], Iterator[Record]], batch: int, age: int) -> Iterator[Record]:
        self._epoch = age - 1  # of those who report
        return step(batch)

    def _numbers(self, batch: int) -> range:
        return range(batch * BATCH, (batch + 1) * BATCH)

    def _propose(self, batch: int) -> Iterator[Record]:
        tokens = self._drawn[batch % len(self._drawn)].tokens
        proposals = tuple(Proposal(n, tokens, f"{self._rng.randrange(2**64):016x}") for n in self._numbers(batch))
        yield BatchProposed(1, batch, batch, None, proposals, AT + batch)

    def _start(self, batch: int) -> Iterator[Record]:
        for number in self._numbers(batch):
            trainer, instance = self._instances[number % len(self._instances)]
            yield AttemptStarted(number + 1, 1, number, trainer, instance, AT + batch + 1.25)

    def _report(self, batch: int) -> Iterator[Record]:
        for number in self._numbers(batch):
            yield EpochsMeasured(number + 1, 1, number, (self._measured(self._epoch),))

    def _settle(self, batch: int) -> Iterator[Record]:
        for number in self._numbers(batch):
            last = (self._measured(self._epochs),)  # the others came before
            value = last[0].value
            measurement = Measurement(value, last, 61.803, 61.803, self._rng.randrange(10**6), self._rng.randrange(10**9))
            yield AttemptEnded(number + 1, uuid.uuid4().hex, None, 61.803, AT + batch + 2.5)
            succeeded = TrialState.SUCCEEDED
            yield TrialSettled(1, number, number + 1, number + 1, succeeded, value**3, measurement, None, AT + batch + 2.5)

    def _learn(self, batch: int) -> Iterator[Record]:
        update = Update(batch + 1, self._rng.random(), self._rng.random(), 30.0, 1.0, 0, self._checkpoint)
        yield BatchLearned(1, tuple(self._numbers(batch)), update, AT + batch + 3.0)

    def _measured(self, epoch: int) -> EpochMeasurement:
        return EpochMeasurement(epoch, self._rng.random(), 12.3606, self._rng.random())


def _policy(spec: SearchSpec) -> tuple[tuple[Proposal, ...], bytes]:
    """Return architectures that a policy drew, and its checkpoint after an update."""
    mind = Mind(spec, None)
    drawn = mind.draw(BatchRequest(0, 0, 64)).proposals
    update = mind.strategy.observe([Credit(one.number, one.tokens, None, 0.5 + one.number / 100, 0) for one in drawn[:BATCH]])
    assert update is not None
    return drawn, update.checkpoint


def _beside(url: str) -> Engine:
    """Return what looks at a database from outside the store."""
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, isolation_level="AUTOCOMMIT")


def _bytes(engine: Engine) -> int:
    """Return what the database takes of the disk, without the log of what is being written."""
    sqlite = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    server = "SELECT pg_database_size(current_database())"
    with engine.connect() as connection:
        return int(connection.scalar(text(sqlite if engine.dialect.name == "sqlite" else server)) or 0)


def _tables(engine: Engine) -> dict[str, int]:
    """Return what each table takes, with its indexes."""
    sqlite = "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_schema m ON m.name = s.name GROUP BY m.tbl_name"
    server = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
    with engine.connect() as connection:
        found = connection.execute(text(sqlite if engine.dialect.name == "sqlite" else server))
        return dict(sorted((name, int(size)) for name, size in found))


def _vacuum(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))


def _timed(what: str, do: Callable[[], T]) -> T:
    began = time.monotonic()
    done = do()
    print(f"  {what}: {time.monotonic() - began:.2f} s", flush=True)
    return done


def measure(url: str, trials: int, epochs: int) -> None:
    """Fill a store, print what is to be known of it, and empty it again."""
    lives, database = Lives(trials, epochs), _beside(url)
    with Store(url) as store:
        if store.load().searches:
            raise SystemExit(f"{url} is not empty: give another database")
        empty, commits, seconds, used = _bytes(database), 0, 0.0, 0.0
        for records in lives.commits():
            began, used_before = time.monotonic(), time.process_time()
            store.commit(records)
            seconds += time.monotonic() - began
            used += time.process_time() - used_before
            commits += 1
        print(f"  {commits / seconds:.0f} commits/s, {trials / seconds:.0f} trials/s, {trials / commits:.0f} trials a commit")
        print(f"  {used / trials * 1000:.2f} ms of the controller's processor time a trial; a server's own is not in it")
        full = _bytes(database) - empty
        print(f"  {full / trials:.0f} bytes a trial with its {epochs} epochs and its share of the policy's checkpoints")
        print(f"  {full * MILLION / trials / 1e9:.2f} GB for a million such trials")
        for name, size in _tables(database).items():
            print(f"    {name}: {size / trials:.1f} bytes a trial")
        _timed("a controller reads all of it when it starts", store.load)
        _timed("a page of 50 by reward", lambda: store.results.page(TrialQuery(NAME, "", "reward desc"), 50))
        _timed("ten best", lambda: store.results.best(NAME, 10))
        store.commit([SearchMoved(1, SearchState.COMPLETED, "", 1.0, AT)])
        _timed("the search is deleted, during which nothing else is committed", lambda: store.commit([SearchDeleted(1)]))
        print(f"  {(_bytes(database) - empty) / full:.0%} of the size is left, for later trials")
    _timed("VACUUM", lambda: _vacuum(database))
    print(f"  {(_bytes(database) - empty) / full:.0%} of the size is left after it")
    database.dispose()


def main() -> None:
    """Measure the stores that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store-url", action="append", help="an empty store; may be given several times [a new SQLite file]")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=5)
    given = parser.parse_args()
    print(f"{machine()}; {given.trials:,} trials of {given.epochs} epochs, one run")
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        for url in given.store_url or [f"sqlite:///{Path(folder) / 'nasfleet.db'}"]:
            print(url.partition(":")[0])
            measure(url, given.trials, given.epochs)


if __name__ == "__main__":
    main()

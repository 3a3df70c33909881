"""The same proposals and reports in the same order make the same policy, bit for bit, wherever the controller restarts."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from nasfleet.catalogue import Reinforce, Synthetic
from nasfleet.measurement import Measurement
from nasfleet.names import SearchName
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.connection import Connection
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.moment import this_moment
from nasfleet_controller.orders import Assignment
from nasfleet_controller.records import Record
from nasfleet_controller.reports import Outcome, Report
from nasfleet_controller.runner import Runner
from nasfleet_controller.store.store import Store
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.processes import PATIENCE_SECONDS
from nasfleet_testing.programs import rows, synthetic_search

NAME = SearchName("default", "probe")
TRIALS = 72
BATCH = 8
RESTARTS = (
    1,
    5,
    8,
    9,
    16,
    17,
    30,
    31,
    32,
    33,
    40,
    55,
    64,
    71,
)  # after so many reports: in the middle of batches and at their ends
PROFILE = TrainerProfile("one process", "scripted", slots=BATCH)
SPEC = synthetic_search(TRIALS, BATCH, Synthetic(), strategy=Reinforce(batch_size=BATCH, learning_rate=0.01), seed=3)


class SlowStore(Store):
    """A store whose commits take long enough for a restart to fall into them."""

    def commit(self, records: Sequence[Record]) -> None:
        time.sleep(0.01)
        super().commit(records)


@asynccontextmanager
async def running(state: Path) -> AsyncIterator[Runner]:
    """Run what the controller is but for its servers; at the end it stops wherever it is."""
    ready = asyncio.Event()
    with SlowStore(f"sqlite:///{state}/nasfleet.db") as store:
        runner = Runner(store, ControllerMetrics())
        task = asyncio.create_task(runner.run(lambda _: ready.set()))
        await ready.wait()
        try:
            yield runner
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class ScriptedTrainer:
    """Holds a whole batch, and ends its children in an order that depends on nothing but how many have ended."""

    def __init__(self) -> None:
        self.held = dict[int, Assignment]()
        self.ended = 0

    async def join(self, runner: Runner) -> Connection:
        """Open a stream, as after a broken one."""
        connection = Connection(PROFILE.instance_id)
        await runner.submit(lambda: runner.state.connect(connection, PROFILE, tuple(self.held), this_moment()))
        await self._listen(connection)
        return connection

    async def end_one(self, runner: Runner, connection: Connection, *, listen: bool) -> None:
        """Report one outcome; do not wait for what follows from it unless `listen`."""
        numbers = {assignment.number: fence for fence, assignment in self.held.items()}
        number = Random(self.ended).choice(sorted(numbers))
        assignment = self.held.pop(numbers[number])
        self.ended += 1
        value = sum(assignment.tokens) / (10 + number)
        outcome = Outcome(f"{assignment.fence}", assignment.fence, Measurement(value, (), 1.0, 1.0))
        await runner.submit(lambda: runner.state.report(connection, Report(outcomes=(outcome,)), this_moment()))
        if listen:
            await self._listen(connection)

    async def _listen(self, connection: Connection) -> None:
        """Take assignments until there is one for each slot, or no trial is left to give."""
        while len(self.held) < min(BATCH, TRIALS - self.ended):
            orders = await connection.take()
            assert orders is not None
            self.held |= {assignment.fence: assignment for assignment in orders.assignments}


async def all_learned(runner: Runner, state: Path) -> None:
    """Wait until no settled trial is left to learn from."""
    seen = 0
    while rows(state, "SELECT count(*) FROM trials WHERE NOT learned") != [(0,)]:
        seen = await runner.changed(seen)


async def policy_after(state: Path, restarts: Collection[int]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return all proposals, and all updates with their checkpoints, of a search with restarts after these many reports."""
    trainer = ScriptedTrainer()
    async with running(state) as runner:
        await SearchCommands(runner).ensure(NAME, "", SPEC, dry_run=False)
    while trainer.ended < TRIALS:
        async with running(state) as runner:
            connection = await trainer.join(runner)
            while trainer.ended < TRIALS:
                restart = trainer.ended + 1 in restarts
                await trainer.end_one(runner, connection, listen=not restart)
                if restart:
                    break
    async with running(state) as runner:
        await all_learned(runner, state)
    proposals = rows(state, "SELECT number, batch, policy_version, tokens FROM trials ORDER BY number")
    updates = rows(state, "SELECT version, consumed, baseline, mean_reward, checkpoint FROM policy_updates ORDER BY version")
    return proposals, updates


async def test_restarts_change_no_bit_of_the_policy(tmp_path: Path) -> None:
    undisturbed, disturbed = (tmp_path / name for name in ("undisturbed", "disturbed"))
    for state in (undisturbed, disturbed):
        state.mkdir()  # nothing runs beside it
    async with asyncio.timeout(PATIENCE_SECONDS):
        proposals, updates = await policy_after(undisturbed, restarts=())
        again = await policy_after(disturbed, RESTARTS)
    assert [version for version, *_ in updates] == list(range(1, TRIALS // BATCH + 1))
    assert len({version for _, _, version, _ in proposals}) > 2
    assert again == (proposals, updates)

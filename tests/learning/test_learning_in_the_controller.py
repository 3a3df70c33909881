"""A search in the controller finds a known optimum, and only because each outcome stays with the trial that earned it.

What the policy is told here has gone the whole way: runner, dispatcher, state machine, batching, records and the store, which
every batch is half settled in when the controller starts anew. Any of them that mixed up two trials would leave no trace in
the counts; it would only keep the search from learning.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from nasfleet.catalogue import Budget, ConvChain, Reinforce, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.measurement import Measurement
from nasfleet.names import SearchName
from nasfleet.spaces.building import build_space
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.connection import Connection
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.moment import this_moment
from nasfleet_controller.orders import Assignment
from nasfleet_controller.reports import Outcome, Report
from nasfleet_controller.runner import Runner
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.processes import PATIENCE_SECONDS
from nasfleet_trainer.tasks.synthetic import agreement, optimum

NAME = SearchName("default", "known")
BATCH = 40
BATCHES = 100
TRIALS = BATCHES * BATCH
LAST = 100
SPACE = SearchSpaceSection(space=ConvChain(layers=2))  # 8,192 architectures of 7 tokens
PROFILE = TrainerProfile("one process", "scripted", slots=BATCH // 2)
SPEC = SearchSpec(
    search_space=SPACE,
    # As tuned for tests/learning/test_learning.py.
    strategy=Reinforce(
        learning_rate=0.03,
        baseline_decay=0.8,
        batch_size=BATCH,
        hidden_units=16,
        embedding_size=16,
        layers=1,
        entropy_weight=0.025,
    ),
    task=Synthetic(),
    budget=Budget(trials=TRIALS),
    parallelism=PROFILE.slots,  # so that no batch is drawn before the one before it was learned from
)


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[Runner]:
    """Run the controller, but for its servers, on a store that may know the search already."""
    ready = asyncio.Event()
    runner = Runner(store, ControllerMetrics())
    task = asyncio.create_task(runner.run(lambda _: ready.set()))
    await ready.wait()
    try:
        yield runner
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Fleet:
    """One trainer that holds half a batch and knows each value at once."""

    def __init__(self, best: tuple[int, ...], *, shuffle_outcomes: bool) -> None:
        self._best = best
        self._shuffle_outcomes = shuffle_outcomes
        self._random = Random(0)

    async def join(self, runner: Runner) -> Connection:
        """Open a stream of a trainer that holds nothing, whatever was on its way to it before."""
        connection = Connection(PROFILE.instance_id)
        await runner.submit(lambda: runner.state.connect(connection, PROFILE, (), this_moment()))
        return connection

    async def train_half_a_batch(self, runner: Runner, connection: Connection) -> None:
        """Take as many trials as there are slots, and report all of them in an order that tells nothing."""
        held = list[Assignment]()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(held) < PROFILE.slots:
                orders = await connection.take()
                assert orders is not None
                held += orders.assignments
        values = [agreement(assignment.tokens, self._best) for assignment in held]
        if self._shuffle_outcomes:
            self._random.shuffle(values)
        outcomes = [
            Outcome(str(assignment.fence), assignment.fence, Measurement(value, (), 1.0, 1.0))
            for assignment, value in zip(held, values, strict=True)
        ]
        self._random.shuffle(outcomes)
        await runner.submit(lambda: runner.state.report(connection, Report(outcomes=tuple(outcomes)), this_moment()))


async def search_through(store: Store, seed: int, *, shuffle_outcomes: bool) -> None:
    """Run a search to its end, with a new start of the controller in the middle of every batch."""
    fleet = Fleet(optimum(build_space(SPACE).decisions, seed), shuffle_outcomes=shuffle_outcomes)
    async with running(store) as runner:
        await SearchCommands(runner).ensure(NAME, "", replace(SPEC, seed=seed), dry_run=False)
        await fleet.train_half_a_batch(runner, await fleet.join(runner))
    for batch in range(BATCHES):
        async with running(store) as runner:
            connection = await fleet.join(runner)
            await fleet.train_half_a_batch(runner, connection)
            if batch < BATCHES - 1:
                await fleet.train_half_a_batch(runner, connection)


async def optima_among_the_last(state: Path, seed: int, *, shuffle_outcomes: bool) -> int:
    with Store(f"sqlite:///{state}/nasfleet.db") as store:
        await search_through(store, seed, shuffle_outcomes=shuffle_outcomes)
        last = store.results.page(TrialQuery(NAME, f"state = SUCCEEDED AND number >= {TRIALS - LAST}"), LAST).trials
    assert len(last) == LAST
    return [trial.tokens for trial in last].count(optimum(build_space(SPACE).decisions, seed))


@pytest.mark.parametrize("seed", [0, 1])
async def test_search_in_the_controller_concentrates_on_the_optimum(tmp_path: Path, seed: int) -> None:
    assert await optima_among_the_last(tmp_path, seed, shuffle_outcomes=False) >= 0.75 * LAST


async def test_with_outcomes_shuffled_among_trials_it_does_not(tmp_path: Path) -> None:
    assert await optima_among_the_last(tmp_path, 0, shuffle_outcomes=True) < 0.25 * LAST

"""The runner with a real store: what happens when a strategy fails, when time passes without it, when it is stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nasfleet.catalogue import Budget, Reinforce
from nasfleet.errors import UnavailableError
from nasfleet.measurement import Measurement
from nasfleet.names import SearchName
from nasfleet_controller import runner as runner_module
from nasfleet_controller.batching import Group
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.connection import Connection
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.moment import Moment, this_moment
from nasfleet_controller.records import SearchState
from nasfleet_controller.reports import Outcome, Report
from nasfleet_controller.runner import Runner
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.thinking import Mind
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.specs import smallest_spec

NAME = SearchName("default", "s")
SPEC = smallest_spec(strategy=Reinforce(batch_size=2), budget=Budget(trials=4), parallelism=4)


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[Runner]:
    runner, ready = Runner(store, ControllerMetrics()), asyncio.Event()
    task = asyncio.create_task(runner.run(lambda _: ready.set()))
    await ready.wait()
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


async def train(runner: Runner, enough: Callable[[], bool]) -> None:
    """Be a trainer that measures everything at once, until there is enough."""
    connection = Connection("i")
    profile = TrainerProfile("i", "t", slots=4)
    await runner.submit(lambda: runner.state.connect(connection, profile, (), this_moment()))
    while not enough():
        try:
            async with asyncio.timeout(0.5):
                orders = await connection.take()
        except TimeoutError:
            continue
        assert orders is not None
        done = tuple(Outcome(f"o{order.fence}", order.fence, Measurement(0.5, (), 0.1, 0.1)) for order in orders.assignments)
        await runner.submit(lambda done=done: runner.state.report(connection, Report(outcomes=done), this_moment()))
    await runner.submit(lambda: runner.state.disconnect(connection))


async def test_a_strategy_that_fails_suspends_its_search_and_loses_no_reward(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[Group] = []
    broken = True

    def learn(_: Mind, group: Group) -> Update | None:
        if broken:
            raise ZeroDivisionError("no luck")
        learned.append(group)
        return None

    monkeypatch.setattr(Mind, "learn", learn)
    async with running(store) as runner:
        commands = SearchCommands(runner)
        await commands.ensure(NAME, "", SPEC, dry_run=False)
        search = runner.state.named(NAME)
        assert search is not None
        await train(runner, lambda: search.state is SearchState.SUSPENDED)
        assert "ZeroDivisionError: no luck" in (await commands.view(NAME)).message
        broken = False
        await commands.resume(NAME)
        await train(runner, lambda: search.state is SearchState.COMPLETED and len(learned) == 2)
    assert sorted(trial.number for group in learned for trial in group) == [0, 1, 2, 3]
    assert not store.load().searches[0].unlearned


async def test_time_in_which_no_controller_runs_is_no_running_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(store) as runner:
        await SearchCommands(runner).ensure(NAME, "", SPEC, dry_run=False)
    real = this_moment
    monkeypatch.setattr(runner_module, "this_moment", lambda: Moment(real().now, real().at + 7200))
    async with running(store) as runner:
        search = runner.state.named(NAME)
        assert search is not None
        assert search.running_seconds(real().at + 7200) < 60


async def test_whoever_waits_when_the_controller_stops_is_told(store: Store) -> None:
    async with running(store) as runner:
        held = asyncio.create_task(runner.submit(lambda: None))
        await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await runner.submit(lambda: None)
    await asyncio.wait({held}, timeout=1)
    assert isinstance(held.exception(), UnavailableError)

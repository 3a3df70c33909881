"""What a search begins with: which trials, what they teach, that a restart teaches them no second time, what is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nasfleet.catalogue import (
    Bayesian,
    Budget,
    ChoiceDecision,
    Choices,
    Evolution,
    NegativeError,
    PluginSpace,
    Reinforce,
    SearchSpaceSection,
    SearchSpec,
    WarmStart,
)
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import Measurement
from nasfleet.names import SearchName
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.connection import Connection
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.moment import this_moment
from nasfleet_controller.records import Prior
from nasfleet_controller.reports import Outcome, Report
from nasfleet_controller.runner import Runner
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.building import build_strategy
from nasfleet_controller.strategies.strategy import Credit, History
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.specs import smallest_spec

EARLIER, NAME = SearchName("default", "earlier"), SearchName("default", "s")
SPACE = SearchSpaceSection(
    space=Choices(decisions=tuple(ChoiceDecision(name=name, options=(0, 1, 2, 3)) for name in ("a", "b", "c")))
)
STRATEGY = Reinforce(batch_size=4, hidden_units=4, embedding_size=4, layers=1, learning_rate=0.1)
SPEC = smallest_spec(search_space=SPACE, strategy=STRATEGY, budget=Budget(trials=24), parallelism=4)
WARM = replace(SPEC, seed=7, warm_start=WarmStart(search="earlier", top=6), budget=Budget(trials=8))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


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


def value_of(tokens: tuple[int, ...]) -> float:
    return (tokens[0] * 16 + tokens[1] * 4 + tokens[2]) / 64


async def train(runner: Runner, enough: Callable[[], bool]) -> None:
    """Be a trainer that measures everything at once, until there is enough."""
    connection, profile = Connection("i"), TrainerProfile("i", "t", slots=4)
    await runner.submit(lambda: runner.state.connect(connection, profile, (), this_moment()))
    while not enough():
        try:
            async with asyncio.timeout(0.5):
                orders = await connection.take()
        except TimeoutError:
            continue
        assert orders is not None
        done = tuple(
            Outcome(f"o{one.fence}", one.fence, Measurement(value_of(one.tokens), (), 0.1, 0.1)) for one in orders.assignments
        )
        await runner.submit(lambda done=done: runner.state.report(connection, Report(outcomes=done), this_moment()))
    await runner.submit(lambda: runner.state.disconnect(connection))


async def finish(runner: Runner, name: SearchName) -> None:
    search = runner.state.named(name)
    assert search is not None
    await train(runner, lambda: search.state.ended)


async def begin(store: Store, spec: SearchSpec = SPEC) -> None:
    """Run the earlier search to its end."""
    async with running(store) as runner:
        await SearchCommands(runner).ensure(EARLIER, "first", spec, dry_run=False)
        await finish(runner, EARLIER)


def tokens_of(store: Store, name: SearchName) -> list[tuple[int, ...]]:
    return [trial.tokens for trial in store.results.page(TrialQuery(name), 100).trials]


def credit(prior: Prior, version: int) -> Credit:
    return Credit(prior.number, prior.tokens, prior.layers, prior.reward, version)


async def test_the_strategy_learns_from_the_best_different_networks_before_it_proposes(store: Store) -> None:
    await begin(store)
    async with running(store) as runner:
        await SearchCommands(runner).ensure(NAME, "", WARM, dry_run=False)
        view = await SearchCommands(runner).view(NAME)
        await finish(runner, NAME)
    assert view.warmed is not None
    assert view.warmed.source_uid == "first"
    best = sorted(set(tokens_of(store, EARLIER)), key=value_of, reverse=True)[:6]
    assert [prior.tokens for prior in view.warmed.priors] == best
    assert [prior.reward for prior in view.warmed.priors] == [value_of(tokens) for tokens in best]

    taught, untaught = build_strategy(WARM), build_strategy(WARM)
    in_order = sorted(view.warmed.priors, key=lambda prior: prior.number)
    taught.observe([credit(prior, 0) for prior in in_order[:4]])
    taught.observe([credit(prior, 1) for prior in in_order[4:]])
    proposed = tokens_of(store, NAME)
    assert proposed[:4] == taught.propose(0, 0, 4)
    assert proposed[:4] != untaught.propose(0, 0, 4)
    trials = store.results.page(TrialQuery(NAME), 100).trials
    assert [trial.policy_version for trial in trials] == [2] * 4 + [3] * 4


async def test_after_a_restart_it_goes_on_as_without_one_though_the_earlier_search_is_gone(
    store: Store, tmp_path: Path
) -> None:
    await begin(store)
    async with running(store) as runner:
        await SearchCommands(runner).ensure(NAME, "", replace(WARM, suspend=True), dry_run=False)
    async with running(store) as runner:
        await SearchCommands(runner).delete(EARLIER)
        await SearchCommands(runner).resume(NAME)
        search = runner.state.named(NAME)
        assert search is not None
        await train(runner, lambda: search.update is not None)
    async with running(store) as runner:
        await finish(runner, NAME)
        again = await SearchCommands(runner).ensure(NAME, "", replace(WARM, suspend=True), dry_run=True)
    assert not again.created
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        await begin(other)
        async with running(other) as runner:
            await SearchCommands(runner).ensure(NAME, "", WARM, dry_run=False)
            await finish(runner, NAME)
        assert tokens_of(other, NAME) == tokens_of(store, NAME)


@pytest.mark.parametrize(
    "strategy",
    [Evolution(population=6, sample_size=3, batch_size=4), Bayesian(startup_trials=6, batch_size=4)],
    ids=["evolution", "bayesian"],
)
async def test_a_strategy_that_looks_back_sees_the_earlier_trials_before_its_own_and_after_a_restart(
    store: Store, strategy: Evolution | Bayesian
) -> None:
    await begin(store)
    spec = replace(WARM, strategy=strategy, parallelism=1)
    async with running(store) as runner:
        await SearchCommands(runner).ensure(NAME, "", replace(spec, suspend=True), dry_run=False)
        view = await SearchCommands(runner).view(NAME)
    assert view.warmed is not None
    earlier = sorted(view.warmed.priors, key=lambda prior: prior.number)
    known = tuple(replace(credit(prior, 0), number=place - 6) for place, prior in enumerate(earlier))
    async with running(store) as runner:
        await SearchCommands(runner).delete(EARLIER)
        await SearchCommands(runner).resume(NAME)
        await finish(runner, NAME)
    proposed = tokens_of(store, NAME)
    for number in range(3):
        own = tuple(Credit(n, tokens, None, value_of(tokens), 0) for n, tokens in enumerate(proposed[:number]))
        assert build_strategy(spec).propose(0, number, 1, History((*known, *own))) == [proposed[number]]
    assert build_strategy(spec).propose(0, 0, 1) != proposed[:1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warm_start": WarmStart(search="s")}, r'^spec.warmStart.search is "s", which is this search itself: name'),
        ({"warm_start": WarmStart(search="none")}, r'is "none", and there is no such search in namespace default: name one'),
        ({"search_space": smallest_spec().search_space}, r'is "earlier", which searches another space: give the same'),
        ({"reward": NegativeError()}, r'is "earlier", whose rewards are of another kind: give the same reward'),
        (
            {"search_space": SearchSpaceSection(space=PluginSpace(object="a.b:C"))},
            r'is "earlier", but what this search\'s own space decides is not known yet: declare it where its code is',
        ),
        ({}, r'is "earlier", which has measured no trial yet: wait until it has'),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_warm_start_that_does_not_fit_is_refused(
    store: Store,
    changes: dict[str, object],
    message: str,
    dry_run: bool,  # noqa: FBT001 - a parameter
) -> None:
    async with running(store) as runner:
        commands = SearchCommands(runner)
        await commands.ensure(EARLIER, "", SPEC, dry_run=False)
        with pytest.raises(InvalidInputError, match=message):
            await commands.ensure(NAME, "", replace(WARM, **changes), dry_run=dry_run)  # type: ignore[arg-type]  # by name
        assert runner.state.named(NAME) is None

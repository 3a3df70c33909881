"""Kill the operator at every place before, between and after its effects: the next one repairs it, and the end is the same.

What counts: a scenario is played once without a kill; each failpoint of that play is then the one kill of a play of its own,
and must be hit. Passes are made only once the world is at rest, so that they see the same in each play; should one have seen
it earlier or later all the same, and the failpoint was passed by, it is played again, `PLAYS` times at most.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nasfleet.client import Client
from nasfleet.names import PoolName, SearchName
from nasfleet_operator.controller import GrpcController
from nasfleet_operator.kinds import EVENTS, POOLS, SEARCHES
from nasfleet_testing.connected_trainers import ConnectedTrainers, connected_trainers
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.failpoints import Effect, Failpoint, WatchedCluster, WatchedController
from nasfleet_testing.fake_nodes import FakeNodes
from nasfleet_testing.operator_scenarios import SCENARIOS, Scenario
from nasfleet_testing.programs import controller, free_address
from nasfleet_testing.stage_acts import World
from nasfleet_testing.stage_portraits import portrait
from nasfleet_testing.stepped_operators import POOL, SEARCH, Stage, api_server, operator_config

NUMBERS = itertools.count()
AT_ONCE = 12
PLAYS = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with controller(tmp_path_factory.mktemp("crashes") / "controller") as one:
        yield one.address


@pytest.fixture(scope="module")
def trainers(served: str) -> Iterator[ConnectedTrainers]:
    with connected_trainers(served) as some:
        yield some


@pytest.fixture
async def world(
    control_plane: ControlPlane, operator_account: Path, fake_nodes: FakeNodes, served: str, trainers: ConnectedTrainers
) -> AsyncIterator[World]:
    fake_nodes(6, gpus=16)
    nobody = free_address()
    with Client(served) as client, Client(nobody) as deaf, ThreadPoolExecutor(8) as threads:
        certificates = control_plane.folder / "pki" / "ca.crt"  # what trainers would trust
        config = operator_config(operator_account, served, f"--ca={certificates}")
        # Numbers are told at once, so that no effect depends on how long a play has taken.
        config = replace(config, settings=replace(config.settings, count_seconds=0.0, forget_after_seconds=2.0))
        async with api_server(config) as operators, api_server(operator_config(control_plane.kubeconfig)) as user:

            def stage() -> Stage:
                return Stage(user, operators, GrpcController(client, threads), config, f"crash-{next(NUMBERS)}")

            yield World(stage, trainers, GrpcController(deaf, threads))


@dataclass(frozen=True, slots=True)
class Played:
    """What a play was like: its effects pass for pass, where operators can be killed, if one was, and what lasted.

    Of what was done before a hasty user went on nothing need have lasted, so there the end alone is portrayed.
    """

    passes: list[list[Effect]]
    points: tuple[Failpoint, ...]
    killed: bool
    portraits: list[dict[str, Any]]


async def play(world: World, scenario: Scenario, kill_at: Failpoint | None) -> Played:
    stage = world.stage()
    await stage.prepare()
    await scenario.before(world, stage)
    stage.points.arm(kill_at)
    portraits = []
    for act in scenario.acts:
        await act.do(world, stage)
        hasty = scenario.hasty and act is not scenario.acts[-1]
        await stage.work(scenario.key(stage), act.done, replace_killed=not hasty)
        if not hasty:
            portraits.append(await portrait(stage))
    played = Played(stage.points.passes, tuple(stage.points.all()), stage.points.was_hit, portraits)
    stage.points.arm(None)
    assert await left_to_do(scenario, stage) == [], f"{scenario.name}: killed {kill_at}, then played {played.passes}"
    await leave(stage)
    return played


async def left_to_do(scenario: Scenario, stage: Stage) -> list[str]:
    """Return what a new operator has to do, but for telling what it cannot know was told; nobody may hear that again."""
    told, stage.operator = len(await stage.list(EVENTS)), None
    effects = await stage.step(scenario.key(stage))
    told_again = len(await stage.list(EVENTS)) - told
    return [str(effect) for effect in effects if effect.does != "announce" or told_again]


async def leave(stage: Stage) -> None:
    """Leave nothing behind that others see or that costs time; the namespace stays, since its end costs more than a play."""
    if await stage.get(SEARCHES, SEARCH) is not None:
        await stage.patch(SEARCHES, SEARCH, {"metadata": {"finalizers": None}})
        await stage.delete(SEARCHES, SEARCH)
    if await stage.get(POOLS, POOL) is not None:
        await stage.delete(POOLS, POOL)
    await stage.controller.forget_search(SearchName(stage.namespace, SEARCH))
    await stage.controller.forget_pool(PoolName(stage.namespace, POOL))


async def play_until_killed(world: World, scenario: Scenario, point: Failpoint) -> Played:
    """Play with a kill; what was not killed has shown nothing, and is played again."""
    for _ in range(PLAYS):
        played = await play(world, scenario, point)
        if played.killed:
            return played
    pytest.fail(f"{scenario.name}: not killed {point} in {PLAYS} plays, the last of which had {played.passes}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
async def test_an_operator_killed_at_any_effect_is_followed_by_one_that_repairs_it(world: World, scenario: Scenario) -> None:
    whole = await play(world, scenario, None)
    assert scenario.effects <= {effect.does for effects in whole.passes for effect in effects}
    limit = asyncio.Semaphore(AT_ONCE)

    async def killed_at(point: Failpoint) -> None:
        async with limit:
            played = await play_until_killed(world, scenario, point)
            assert played.portraits == whole.portraits, f"{scenario.name}: killed {point}, then played {played.passes}"

    async with asyncio.TaskGroup() as group:
        for point in whole.points:
            group.create_task(killed_at(point))


def test_the_scenarios_have_every_effect_that_an_operator_can_have() -> None:
    had = {effect.replace(" ", "_") for one in SCENARIOS for effect in one.effects}
    possible = {*WatchedController.EFFECTS, *WatchedCluster.EFFECTS} - {"apply"}
    assert had == possible | {"apply_ConfigMap", "apply_Deployment", "apply_PodDisruptionBudget"}

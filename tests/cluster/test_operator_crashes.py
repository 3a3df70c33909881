"""Kill the operator before and after each effect of each kind of pass: the next one repairs it, and the end is the same."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nasfleet.client import Client
from nasfleet.names import PoolName, SearchName
from nasfleet_operator.announcements import event_name
from nasfleet_operator.cache import Key
from nasfleet_operator.controller import GrpcController
from nasfleet_operator.kinds import BUDGETS, DEPLOYMENTS, EVENTS, PODS, POOLS, SEARCHES, Kind
from nasfleet_operator.kubernetes_objects import read_identity
from nasfleet_testing.connected_trainers import ConnectedTrainers, connected_trainers
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.failpoints import Failpoint, Failpoints, WatchedCluster, WatchedController
from nasfleet_testing.fake_nodes import FakeNodes
from nasfleet_testing.operators import pool, search
from nasfleet_testing.programs import controller
from nasfleet_testing.stepped_operators import Stage, api_server, operator_config, pool_key, search_key

NUMBERS = itertools.count()
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class World:
    """What all scenarios share."""

    stage: Callable[[], Stage]
    trainers: ConnectedTrainers


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of pass: the state before it, what the user does, when it is done, and the effects that it must have had."""

    name: str
    effects: frozenset[str]
    before: Callable[[World, Stage], Awaitable[None]]
    act: Callable[[Stage], Awaitable[None]]
    done: Callable[[Stage], Awaitable[bool]]
    key: Callable[[Stage], Key] = pool_key


@pytest.fixture
async def world(
    control_plane: ControlPlane, operator_account: Path, fake_nodes: FakeNodes, tmp_path: Path
) -> AsyncIterator[World]:
    fake_nodes(12, gpus=8)
    with (
        controller(tmp_path / "controller") as served,
        Client(served.address) as client,
        ThreadPoolExecutor(8) as threads,
        connected_trainers(served.address) as trainers,
    ):
        config = operator_config(operator_account, served.address)
        async with api_server(config) as operators, api_server(operator_config(control_plane.kubeconfig)) as user:

            def stage() -> Stage:
                return Stage(user, operators, GrpcController(client, threads), config, f"crash-{next(NUMBERS)}")

            yield World(stage, trainers)


async def nothing(world: World, stage: Stage) -> None:
    """Start from an empty namespace."""


async def living(stage: Stage) -> list[dict[str, Any]]:
    return [pod for pod in await stage.list(PODS) if "deletionTimestamp" not in pod["metadata"]]


async def has(stage: Stage, ready: int, **wanted: Any) -> bool:
    found = await stage.get(POOLS, "gpus")
    status = (found or {}).get("status", {})
    agreed = all(status.get(name) == value for name, value in {"replicas": ready, "readyReplicas": ready, **wanted}.items())
    return agreed and len(await stage.list(PODS)) == ready and (await conditions(stage))["Progressing"][0] == "False"


async def conditions(stage: Stage, kind: Kind = POOLS, name: str = "gpus") -> dict[str, tuple[str, str]]:
    found = await stage.get(kind, name) or {}
    return {one["type"]: (one["status"], one["reason"]) for one in found.get("status", {}).get("conditions", ())}


def with_pool(replicas: int, **spec: Any) -> Callable[[World, Stage], Awaitable[None]]:
    async def before(world: World, stage: Stage) -> None:
        await stage.create(POOLS, pool("gpus", {"gpu": "h200"}, replicas=replicas, **spec))
        await stage.work(pool_key(stage), lambda it: has(it, replicas))

    return before


async def half_busy(world: World, stage: Stage) -> None:
    """Have four pods, of which two have trainers at work."""
    await with_pool(4)(world, stage)
    pods = sorted(pod["metadata"]["name"] for pod in await living(stage))
    for name in pods[:2]:
        world.trainers.connect(name, str(PoolName(stage.namespace, "gpus")))
    await stage.work(pool_key(stage), lambda it: has(it, 4, idleTrainers=2))
    # Only now, so that each gets one trial: who is alone is given a second one ahead of time.
    await stage.create(SEARCHES, search("digits", parallelism=2, budget={"trials": 100}))
    await stage.work(search_key(stage), running)
    for name in pods[2:]:
        world.trainers.connect(name, str(PoolName(stage.namespace, "gpus")))
    await stage.work(pool_key(stage), lambda it: has(it, 4, busyTrainers=2, idleTrainers=2))


async def running(stage: Stage) -> bool:
    return (await conditions(stage, SEARCHES, "digits")).get("Ready", ("", ""))[1] in {"Running", "WaitingForTrainers"}


async def with_search(world: World, stage: Stage) -> None:
    await stage.create(SEARCHES, search("digits"))
    await stage.work(search_key(stage), running)


async def with_queue(world: World, stage: Stage) -> None:
    await stage.create(SEARCHES, search("digits", parallelism=2))
    await stage.work(search_key(stage), running)


async def with_waiting_search(world: World, stage: Stage) -> None:
    """Have a search that is not ready, for want of trainers."""
    await stage.create(SEARCHES, search("digits"))
    await stage.work(search_key(stage), lambda it: is_not_ready(it, "WaitingForTrainers"))


async def is_not_ready(stage: Stage, reason: str) -> bool:
    return (await conditions(stage, SEARCHES, "digits")).get("Ready") == ("False", reason)


async def scale(stage: Stage, replicas: int) -> None:
    await stage.patch(POOLS, "gpus", {"spec": {"replicas": replicas}}, "scale")


async def spares_the_busy(stage: Stage) -> bool:
    if not await has(stage, 2, busyTrainers=2):
        return False
    fleet = await stage.controller.fleet(PoolName(stage.namespace, "gpus"))
    busy = {trainer.name for trainer in fleet.trainers if trainer.leases}
    assert {pod["metadata"]["name"] for pod in await living(stage)} == busy, "a busy trainer's pod was deleted"
    return fleet.pool is not None and not fleet.pool.cordoned


async def has_image(stage: Stage, image: str) -> bool:
    images = {pod["spec"]["containers"][0]["image"] for pod in await stage.list(PODS)}
    return images == {image} and await has(stage, 2, updatedReplicas=2)


async def parallelism_is(stage: Stage, number: int) -> bool:
    seen = await stage.controller.search(SearchName(stage.namespace, "digits"))
    return seen is not None and seen.spec.parallelism == number and await running(stage)


async def is_forgotten(stage: Stage) -> bool:
    there, fleet = await stage.get(POOLS, "gpus"), await stage.controller.fleet(PoolName(stage.namespace, "gpus"))
    objects = [await stage.list(kind) for kind in (DEPLOYMENTS, BUDGETS, PODS)]
    return there is None and fleet.pool is None and not any(objects)


async def is_gone(stage: Stage) -> bool:
    there = await stage.get(SEARCHES, "digits")
    return there is None and await stage.controller.search(SearchName(stage.namespace, "digits")) is None


SCENARIOS = (
    Scenario(
        "create a pool",
        frozenset({"declare pool", "apply Deployment", "write status", "announce", "apply PodDisruptionBudget"}),
        nothing,
        lambda it: it.create(POOLS, pool("gpus", {"gpu": "h200"}, replicas=2)),
        lambda it: has(it, 2),
    ),
    Scenario(
        "scale up",
        frozenset({"declare pool", "apply Deployment", "write status", "announce"}),
        with_pool(1),
        lambda it: scale(it, 3),
        lambda it: has(it, 3),
    ),
    Scenario(
        "scale down",
        frozenset({"declare pool", "apply Deployment", "write status", "announce", "set deletion cost"}),
        half_busy,
        lambda it: scale(it, 2),
        spares_the_busy,
    ),
    Scenario(
        "autoscale",
        frozenset({"declare pool", "apply Deployment", "write status", "announce", "set replicas"}),
        with_queue,
        lambda it: it.create(POOLS, pool("gpus", replicas=0, autoscaling={"maxReplicas": 3, "idleSeconds": 3600})),
        lambda it: has(it, 2),
    ),
    Scenario(
        "suspend",
        frozenset({"declare pool", "apply Deployment", "write status", "announce"}),
        with_pool(2),
        lambda it: it.patch(POOLS, "gpus", {"spec": {"suspend": True}}),
        lambda it: has(it, 0),
    ),
    Scenario(
        "change the template",
        frozenset({"apply Deployment", "write status", "announce"}),
        with_pool(2),
        lambda it: it.patch(POOLS, "gpus", {"spec": {"image": "trainer:2"}}),
        lambda it: has_image(it, "trainer:2"),
    ),
    Scenario(
        "delete a pool",
        frozenset({"forget pool"}),
        with_pool(2),
        lambda it: it.delete(POOLS, "gpus"),
        is_forgotten,
    ),
    Scenario(
        "declare a search",
        frozenset({"set finalizer", "declare search", "write status", "announce"}),
        nothing,
        lambda it: it.create(SEARCHES, search("digits")),
        running,
        search_key,
    ),
    Scenario(
        "change a search",
        frozenset({"declare search", "write status"}),
        with_search,
        lambda it: it.patch(SEARCHES, "digits", {"spec": {"parallelism": 7}}),
        lambda it: parallelism_is(it, 7),
        search_key,
    ),
    # Of another reason under the same status people are told too.
    Scenario(
        "suspend a search that waits",
        frozenset({"declare search", "write status", "announce"}),
        with_waiting_search,
        lambda it: it.patch(SEARCHES, "digits", {"spec": {"suspend": True}}),
        lambda it: is_not_ready(it, "Suspended"),
        search_key,
    ),
    Scenario(
        "delete a search",
        frozenset({"forget search", "set finalizer"}),
        with_search,
        lambda it: it.delete(SEARCHES, "digits"),
        is_gone,
        search_key,
    ),
)


async def announced(stage: Stage) -> dict[str, bool]:
    """Return for each condition whether there is an event of its last change."""
    there = {event["metadata"]["name"] for event in await stage.list(EVENTS)}
    told = {}
    for kind, name in ((POOLS, "gpus"), (SEARCHES, "digits")):
        found = await stage.get(kind, name) or {}
        for one in found.get("status", {}).get("conditions", ()):
            change = (one["type"], one["status"], one["reason"], one["lastUpdateTime"])
            told[f"{kind.name} {one['type']}"] = event_name(read_identity(found), *change) in there
    return told


async def portrait(stage: Stage) -> dict[str, Any]:
    """Return what a scenario ends with, without names and times."""
    deployments, found = await stage.list(DEPLOYMENTS), await stage.get(POOLS, "gpus")
    fleet = await stage.controller.fleet(PoolName(stage.namespace, "gpus"))
    seen = await stage.controller.search(SearchName(stage.namespace, "digits"))
    return {
        "deployments": [
            (one["spec"]["replicas"], one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in deployments
        ],
        "budgets": [one["spec"] for one in await stage.list(BUDGETS)],
        "pods": len(await living(stage)),
        "replicas": None if found is None else found["spec"]["replicas"],
        "conditions": (await conditions(stage), await conditions(stage, SEARCHES, "digits")),
        "announced": await announced(stage),
        "declared": fleet.pool,
        "search": None if seen is None else (seen.spec, seen.state),
    }


async def play(world: World, scenario: Scenario, kill_at: Failpoint | None) -> tuple[Stage, dict[str, Any]]:
    stage = world.stage()
    await stage.prepare()
    await scenario.before(world, stage)
    stage.points = Failpoints(kill_at)
    await scenario.act(stage)
    await stage.work(scenario.key(stage), scenario.done)
    return stage, await portrait(stage)


def failpoints_of(effects: list[str]) -> Iterator[Failpoint]:
    """Yield both sides of the effects that were had: of each kind the first two, for a second event may miss."""
    for effect, count in Counter(effects).items():
        for nth in range(min(count, 2 if effect in {"set deletion cost", "announce"} else 1)):
            yield Failpoint(effect, nth, after=False)
            yield Failpoint(effect, nth, after=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
async def test_an_operator_killed_at_any_effect_is_followed_by_one_that_repairs_it(world: World, scenario: Scenario) -> None:
    stage, expected = await play(world, scenario, None)
    assert scenario.effects <= set(stage.points.effects)
    await stage.delete_namespace()
    limit = asyncio.Semaphore(AT_ONCE)

    async def killed_at(point: Failpoint) -> None:
        async with limit:
            stage, found = await play(world, scenario, point)
            assert stage.points.was_hit, f"{scenario.name}: not killed {point}: {stage.points.effects}"
            assert found == expected, f"{scenario.name}: killed {point}"
            await stage.delete_namespace()

    async with asyncio.TaskGroup() as group:
        for point in failpoints_of(stage.points.effects):
            group.create_task(killed_at(point))


def test_the_scenarios_have_every_effect_that_an_operator_can_have() -> None:
    possible = set(WatchedController.EFFECTS) | set(WatchedCluster.EFFECTS)
    assert {"_".join(effect.split(" ")[:3]) for one in SCENARIOS for effect in one.effects} >= possible - {"apply"}
    assert {effect for one in SCENARIOS for effect in one.effects} >= {"apply Deployment", "apply PodDisruptionBudget"}

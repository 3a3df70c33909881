"""What users do on a stage, and how the states come about in which they do it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nasfleet.names import PoolName
from nasfleet_operator.controller import Controller
from nasfleet_operator.kinds import BUDGETS, DEPLOYMENTS, PODS, POOLS, SEARCHES
from nasfleet_testing.connected_trainers import ConnectedTrainers
from nasfleet_testing.operators import pool, search
from nasfleet_testing.stage_portraits import fleet_of, goes, has
from nasfleet_testing.stepped_operators import POOL, SEARCH, Stage, pool_key, search_key

DEPLOYMENT = f"{POOL}-trainers"
IDLE_SECONDS = 1
LABELS = {"gpu": "h200"}
WAITING = "WaitingForTrainers"


@dataclass(frozen=True, slots=True)
class World:
    """What all scenarios share: where plays begin, trainers that are connected, and a controller that does not answer."""

    stage: Callable[[], Stage]
    trainers: ConnectedTrainers
    nobody: Controller


Do = Callable[[World, Stage], Awaitable[None]]


async def nothing(world: World, stage: Stage) -> None:
    """Start from an empty namespace."""


def creating(body: dict[str, Any]) -> Do:
    return lambda _, stage: stage.create(POOLS if body["kind"] == POOLS.name else SEARCHES, body)


def changing(spec: dict[str, Any], kind: Any = POOLS, name: str = POOL) -> Do:
    return lambda _, stage: stage.patch(kind, name, {"spec": spec})


def scaling(replicas: int) -> Do:
    return lambda _, stage: stage.patch(POOLS, POOL, {"spec": {"replicas": replicas}}, "scale")


def changing_search(**spec: Any) -> Do:
    return changing(spec, SEARCHES, SEARCH)


def with_pool(replicas: int, **spec: Any) -> Do:
    async def before(world: World, stage: Stage) -> None:
        await stage.create(POOLS, pool(POOL, LABELS, replicas=replicas, **spec))
        await stage.work(pool_key(stage), lambda it: has(it, replicas))

    return before


def with_search(state: str = WAITING, **spec: Any) -> Do:
    async def before(world: World, stage: Stage) -> None:
        await stage.create(SEARCHES, search(SEARCH, **spec))
        await stage.work(search_key(stage), lambda it: goes(it, state))

    return before


def half_busy(count: int, **spec: Any) -> Do:
    """Have so many pods, of which half have trainers at work and half have idle ones."""
    half = count // 2

    async def before(world: World, stage: Stage) -> None:
        await with_pool(count, **spec)(world, stage)
        pods = sorted(pod["metadata"]["name"] for pod in await stage.list(PODS))
        await connect(world, stage, pods[:half])
        # Only now, so that each gets one trial: who is alone is given a second one ahead of time.
        await with_search("Running", parallelism=half, budget={"trials": 100})(world, stage)
        await connect(world, stage, pods[half:])
        await stage.work(pool_key(stage), lambda it: has(it, count, busyTrainers=half, idleTrainers=count - half))

    return before


async def connect(world: World, stage: Stage, pods: Iterable[str]) -> None:
    """Have the trainers of these pods connected."""
    for name in pods:
        world.trainers.connect(name, str(PoolName(stage.namespace, POOL)))

    async def there(stage: Stage) -> bool:
        return {trainer.name for trainer in (await fleet_of(stage)).trainers} >= set(pods)

    await stage.wait(there)


async def long_idle(world: World, stage: Stage) -> None:
    """Have one trainer at work and one that has been idle for long enough to go, in a pool that may not shrink."""
    limits = {"minReplicas": 2, "maxReplicas": 2, "idleSeconds": IDLE_SECONDS}
    await half_busy(2, autoscaling=limits)(world, stage)

    async def over(stage: Stage) -> bool:
        return any((one.idle_seconds or 0.0) > IDLE_SECONDS for one in (await fleet_of(stage)).trainers)

    await stage.wait(over)


async def deleting_pool(world: World, stage: Stage) -> None:
    await stage.delete(POOLS, POOL)


async def deleting_search(world: World, stage: Stage) -> None:
    await stage.delete(SEARCHES, SEARCH)


async def deleting_search_without_controller(world: World, stage: Stage) -> None:
    stage.reached, stage.operator = world.nobody, None
    await stage.delete(SEARCHES, SEARCH)


async def making_anew_beside_the_old_objects(world: World, stage: Stage) -> None:
    """Delete the pool and make it anew, smaller, while somebody keeps the Deployment of the old one from going."""
    await stage.patch(DEPLOYMENTS, DEPLOYMENT, {"metadata": {"finalizers": ["example.org/hold"]}})
    await stage.delete(POOLS, POOL)

    async def gone_but_for_what_is_held(stage: Stage) -> bool:
        found = await stage.get(DEPLOYMENTS, DEPLOYMENT)
        assert found is not None
        return "deletionTimestamp" in found["metadata"] and not await stage.list(BUDGETS)

    await stage.wait(gone_but_for_what_is_held)
    await stage.create(POOLS, pool(POOL, LABELS, replicas=1))


async def letting_the_old_objects_go(world: World, stage: Stage) -> None:
    await stage.patch(DEPLOYMENTS, DEPLOYMENT, {"metadata": {"finalizers": None}})


def template(pull_policy: str) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "trainer", "imagePullPolicy": pull_policy}]}}}

"""What a stage looks like: how far its pool and its search are, and a portrait of all that lasts, without names and times."""

from typing import Any

from nasfleet.names import PoolName, SearchName
from nasfleet_operator.announcements import event_name
from nasfleet_operator.kinds import BUDGETS, CONFIG_MAPS, DEPLOYMENTS, EVENTS, PODS, POOLS, SEARCHES, Kind
from nasfleet_operator.kubernetes_objects import read_identity
from nasfleet_operator.views import FleetView, SearchSeen, SearchView
from nasfleet_testing.stepped_operators import POOL, SEARCH, Stage


async def fleet_of(stage: Stage) -> FleetView:
    """Return the pool as the controller has it."""
    return await stage.controller.fleet(PoolName(stage.namespace, POOL))


async def search_of(stage: Stage) -> SearchSeen | None:
    """Return the search as the controller has it."""
    return await stage.controller.search(SearchName(stage.namespace, SEARCH))


async def conditions(stage: Stage, kind: Kind = POOLS, name: str = POOL) -> dict[str, tuple[str, str]]:
    """Return each condition's status and reason."""
    found = await stage.get(kind, name) or {}
    return {one["type"]: (one["status"], one["reason"]) for one in found.get("status", {}).get("conditions", ())}


async def has(stage: Stage, ready: int, **wanted: Any) -> bool:
    """Return whether the pool has as many trainers and no more pods, and says so, with these fields of its status."""
    found = await stage.get(POOLS, POOL)
    status = (found or {}).get("status", {})
    agreed = all(status.get(name) == value for name, value in {"replicas": ready, "readyReplicas": ready, **wanted}.items())
    return agreed and len(await stage.list(PODS)) == ready and (await conditions(stage))["Progressing"][0] == "False"


async def has_image(stage: Stage, image: str) -> bool:
    """Return whether both pods of the pool are of this image."""
    images = {pod["spec"]["containers"][0]["image"] for pod in await stage.list(PODS)}
    return images == {image} and await has(stage, 2, updatedReplicas=2)


async def is_degraded(stage: Stage, reason: str) -> bool:
    """Return whether the pool says that this is wrong."""
    return (await conditions(stage)).get("Degraded") == ("True", reason)


async def spares_the_busy(stage: Stage, count: int) -> bool:
    """Return whether so many pods are left, which must be those whose trainers are at work."""
    if not await has(stage, count, busyTrainers=count):
        return False
    fleet = await fleet_of(stage)
    busy = {trainer.name for trainer in fleet.trainers if trainer.leases}
    assert {pod["metadata"]["name"] for pod in await stage.list(PODS)} == busy, "a busy trainer's pod was deleted"
    return fleet.pool is not None and not fleet.pool.cordoned


async def is_forgotten(stage: Stage) -> bool:
    """Return whether nothing is left of the pool."""
    objects = [await stage.list(kind) for kind in (DEPLOYMENTS, BUDGETS, CONFIG_MAPS, PODS)]
    return await stage.get(POOLS, POOL) is None and (await fleet_of(stage)).pool is None and not any(objects)


async def goes(stage: Stage, state: str) -> bool:
    """Return whether the search says that it goes like this."""
    return (await conditions(stage, SEARCHES, SEARCH)).get("Ready", ("", ""))[1] == state


async def is_gone(stage: Stage) -> bool:
    """Return whether nothing is left of the search."""
    return await stage.get(SEARCHES, SEARCH) is None and await search_of(stage) is None


async def parallelism_is(stage: Stage, number: int) -> bool:
    """Return whether the controller has the search with so many leases at once."""
    seen = await search_of(stage)
    return isinstance(seen, SearchView) and seen.spec.parallelism == number and await goes(stage, "WaitingForTrainers")


async def is_left_behind(stage: Stage) -> bool:
    """Return whether the controller alone has the search still."""
    return await stage.get(SEARCHES, SEARCH) is None and await search_of(stage) is not None


async def events(stage: Stage, reason: str) -> int:
    """Return how many events have this reason."""
    return sum(event["reason"] == reason for event in await stage.list(EVENTS))


async def announced(stage: Stage) -> dict[str, bool]:
    """Return for each condition whether there is an event of its last change."""
    there = {event["metadata"]["name"] for event in await stage.list(EVENTS)}
    told = {}
    for kind, name in ((POOLS, POOL), (SEARCHES, SEARCH)):
        found = await stage.get(kind, name) or {}
        for one in found.get("status", {}).get("conditions", ()):
            change = (one["type"], one["status"], one["reason"], one["lastUpdateTime"])
            told[f"{kind.name} {one['type']}"] = event_name(read_identity(found), *change) in there
    return told


async def portrait(stage: Stage) -> dict[str, Any]:
    """Return what lasts of all that was done."""
    pool, search = await stage.get(POOLS, POOL), await stage.get(SEARCHES, SEARCH)
    seen = await search_of(stage)
    return {
        "deployments": [
            (one["spec"]["replicas"], one["spec"]["template"]["spec"]["containers"][0]["image"])
            for one in await stage.list(DEPLOYMENTS)
        ],
        "budgets": [one["spec"] for one in await stage.list(BUDGETS)],
        "trusted": [one["data"] for one in await stage.list(CONFIG_MAPS)],
        "pods": len(await stage.list(PODS)),
        "replicas": None if pool is None else pool["spec"]["replicas"],
        "finalizers": None if search is None else search["metadata"].get("finalizers"),
        "conditions": (await conditions(stage), await conditions(stage, SEARCHES, SEARCH)),
        "announced": await announced(stage),
        "told that it was left behind": await events(stage, "LeftBehind"),
        "declared": (await fleet_of(stage)).pool,
        "search": None if seen is None else (getattr(seen, "spec", None), getattr(seen, "state", None)),
        "is its own": None if seen is None or search is None else seen.uid == search["metadata"]["uid"],
    }

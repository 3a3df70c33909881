"""Everything listed anew: at the start, every so often, and after a watch has: no event tells what went meanwhile."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from nasfleet.errors import NasfleetError
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.cluster import Cluster
from nasfleet_operator.kinds import DECLARED, WATCHED, Kind

SETTLE_SECONDS = 5.0  # who was cut off is so for all kinds: their watches list one soon after the other
RETRY_SECONDS = 10.0

log = structlog.get_logger()


async def list_all(cluster: Cluster, cache: Cache, kinds: Iterable[Kind] = WATCHED) -> frozenset[Key]:
    """Make the cache be what the API server has of these kinds; return whom the news concern."""
    concerned: set[Key | None] = set()
    for kind in kinds:
        uids: list[str] = []
        versions: list[int] = []
        async for page in cluster.list(kind):
            versions.append(page.version)
            for raw in page.items:
                concerned.add(cache.take(kind, raw))
                uids.append(raw["metadata"]["uid"])
        # Several namespaces are several lists: what came after the first of them may be missing from it rightly.
        concerned |= cache.drop_absent(kind, uids, min(versions), time.time())
    return frozenset(key for key in concerned if key is not None)


async def resync(
    cluster: Cluster,
    cache: Cache,
    all_keys: Callable[[], frozenset[Key]],
    add: Callable[[Key], None],
    wanted: asyncio.Event,
    every: float,
) -> None:
    """List everything every so many seconds, or soon after that is wanted, for ever."""
    while True:
        try:
            async with asyncio.timeout(every):
                await wanted.wait()
            await asyncio.sleep(SETTLE_SECONDS)
        except TimeoutError:
            pass
        wanted.clear()
        before = all_keys()
        try:
            await list_all(cluster, cache)
        except NasfleetError as error:
            log.warning("resync_failed", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            wanted.set()
        for key in before | all_keys():
            add(key)


async def relist_declared(cluster: Cluster, cache: Cache, add: Callable[[Key], None], every: float) -> None:
    """List pools and searches every so many seconds, for ever; that is a call each, however many pods there are.

    kopf tells of no list that is empty: if the last of them goes while it is cut off, nothing but this tells soon.
    """
    while True:
        await asyncio.sleep(every)
        try:
            for key in await list_all(cluster, cache, DECLARED):
                add(key)
        except NasfleetError as error:
            log.warning("relist_failed", error=str(error))

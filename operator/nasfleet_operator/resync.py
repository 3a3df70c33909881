"""Everything listed anew: at the start, every so often, and after kopf has listed, since no event tells what went meanwhile."""

import asyncio
import time
from collections.abc import Callable

import structlog

from nasfleet.errors import NasfleetError
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.cluster import Cluster
from nasfleet_operator.kinds import WATCHED

SETTLE_SECONDS = 5.0  # kopf lists five kinds, one after the other
RETRY_SECONDS = 10.0

log = structlog.get_logger()


async def list_all(cluster: Cluster, cache: Cache) -> None:
    """Make the cache be what the API server has."""
    for kind in WATCHED:
        uids: list[str] = []
        versions: list[int] = []
        async for page in cluster.list(kind):
            versions.append(page.version)
            for raw in page.items:
                cache.take(kind, raw)
                uids.append(raw["metadata"]["uid"])
        # Several namespaces are several lists: what came after the first of them may be missing from it rightly.
        cache.drop_absent(kind, uids, min(versions), time.time())


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

"""The watch of what is made of resources, which is our own: a thousand pods that come or go are thousands of events.

kopf would spend several milliseconds on each, since it keeps a task for every object and works out what has changed; that is
processor time that a control plane beside it has not. `benchmarks/kubernetes_operator.py` measures it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import structlog

from nasfleet.errors import NasfleetError
from nasfleet_operator.api_server import ApiServer, WatchExpiredError
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.kinds import Kind

RETRY_SECONDS = 1.0

log = structlog.get_logger()


async def watch_made(
    server: ApiServer,
    kind: Kind,
    namespace: str | None,
    cache: Cache,
    add: Callable[[Key], None],
    on_relist: Callable[[], None],
) -> None:
    """Feed a cache and a queue with the objects of a kind in a namespace, or in all, for ever.

    A watch that ends goes on where it ended. One that cannot begins with all objects that are there, and `on_relist` is
    called: what has gone meanwhile, no event tells.
    """
    version = ""
    while True:
        try:
            async with aclosing(server.watch(kind, namespace, version)) as watch:
                async for told in watch:
                    _see(kind, told, cache, add)
                    version = told["object"]["metadata"]["resourceVersion"]
        except WatchExpiredError:
            version = ""
            on_relist()
        except NasfleetError as error:
            log.warning("watch_broken", resource=kind.plural, error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


def _see(kind: Kind, told: Mapping[str, Any], cache: Cache, add: Callable[[Key], None]) -> None:
    if told["type"] == "DELETED":
        add(cache.drop(kind, told["object"], time.time()))
    elif told["type"] != "BOOKMARK" and (concerned := cache.take(kind, told["object"])) is not None:
        add(concerned)

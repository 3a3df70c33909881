"""The watch of what is made of resources, which is our own: a thousand pods that come or go are thousands of events.

kopf would spend several milliseconds on each, since it keeps a task for every object and works out what has changed; that is
processor time that a control plane beside it has not. `benchmarks/kubernetes_operator.py` measures it.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

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
                    version = told["object"]["metadata"]["resourceVersion"]
                    news = told["type"] != "BOOKMARK" and cache.hear(kind, told["type"], told["object"], time.time())
                    if news:
                        add(news)
        except WatchExpiredError:
            version = ""
            on_relist()
        except NasfleetError as error:
            log.warning("watch_broken", resource=kind.plural, error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

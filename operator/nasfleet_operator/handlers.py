"""What kopf is for: it watches what people declare; each event goes into the cache and, if it is news, into the queue.

Nothing but `on.event`: kopf's other handlers leave a finalizer or an annotation on every object that they handle.
"""

import time
from collections.abc import Callable
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from nasfleet_operator.api_server import WATCH_SECONDS
from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.kinds import DECLARED, Kind
from nasfleet_operator.kopf_session import KopfSessions

LIST_CHUNK = 500


def watching(
    cache: Cache, add: Callable[[Key], None], on_relist: Callable[[], None], configuration: Configuration
) -> kopf.OperatorRegistry:
    """Return the handlers that feed a cache and a queue, and that tell when kopf has listed anew.

    What has gone between two lists of kopf, no event tells.
    """
    registry, sessions = kopf.OperatorRegistry(), KopfSessions()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        return sessions.of(await _connection(configuration))

    for kind in DECLARED:
        _watch(registry, kind, cache, add, on_relist)
    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Return how kopf is to behave: it watches and writes nothing."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.watching.server_timeout = WATCH_SECONDS
    chosen.watching.client_timeout = WATCH_SECONDS + 30
    chosen.watching.chunk_size = LIST_CHUNK
    chosen.process.ultimate_exiting_timeout = 30.0
    return chosen


def _watch(
    registry: kopf.OperatorRegistry, kind: Kind, cache: Cache, add: Callable[[Key], None], on_relist: Callable[[], None]
) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)
    async def see(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] is None:
            on_relist()
        concerned = cache.hear(kind, event["type"], event["object"], time.time())
        if concerned is not None:
            add(concerned)


async def _connection(configuration: Configuration) -> kopf.ConnectionInfo:
    """Return the way to the API server as kopf has it; asked for again whenever that no longer lets us in."""
    token = await configuration.get_api_key_with_prefix("BearerToken")
    scheme, _, secret = (token or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=secret or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )

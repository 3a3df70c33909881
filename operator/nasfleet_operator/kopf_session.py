"""The way to the API server that kopf is given: what is nested too deep is cut off before kopf's recursion meets it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import kopf

from nasfleet_operator.api_server import lines
from nasfleet_operator.shallow_json import shallow


class KopfSessions:
    """Sessions for kopf, one for equal ways.

    kopf tells by equality that it is given again what has just let it in no more, and gives up rather than trying for ever.
    """

    def __init__(self) -> None:
        self._last: tuple[kopf.ConnectionInfo, kopf.AiohttpSession] | None = None

    def of(self, way: kopf.ConnectionInfo) -> kopf.AiohttpSession:
        """Return the session of a way; kopf closes it."""
        if self._last is None or self._last[0] != way:
            self._last = way, kopf.AiohttpSession(server=way.server, aiohttp_session=_session(way))
        return self._last[1]


def _session(way: kopf.ConnectionInfo) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, ssl=way.as_ssl_context())
    return aiohttp.ClientSession(connector=connector, headers=way.as_http_headers(), response_class=_ShallowResponse)


class _ShallowResponse(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Begin to read."""
        started = await super().start(connection)
        self.content = _ShallowContent(self.content)  # type: ignore[assignment]  # as far as it is used
        return started


class _ShallowContent:
    """A body that is read as a whole or, of a watch, in chunks, which are whole lines here."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def read(self) -> bytes:
        """Return the body."""
        return shallow(await self._content.read())

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        """Yield line after line."""
        async for line in lines(self._content):
            yield shallow(line) + b"\n"

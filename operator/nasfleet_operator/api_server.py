"""One call to the API server: paced, with a deadline, counted, its failure translated into an error that says what to do."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from nasfleet.errors import ConflictError, ForbiddenError, InvalidInputError, NasfleetError, NotFoundError, UnavailableError
from nasfleet.pacing import Pace
from nasfleet_operator.kinds import Kind
from nasfleet_operator.shallow_json import decode

WATCH_SECONDS = 300  # a watch is asked for anew after this long: some load balancers fall silent on old ones

_METHODS = {"watch": "GET", "list": "GET", "get": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


_ERRORS: dict[int, type[NasfleetError]] = {
    HTTPStatus.BAD_REQUEST: InvalidInputError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidInputError,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInputError,
    HTTPStatus.TOO_MANY_REQUESTS: UnavailableError,
}

# Unknown fields and wrong types in what is applied are the API server's own failure, as it has it.
_UNREADABLE = "failed to create typed patch object"
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class WatchExpiredError(NasfleetError):
    """What a watch is to go on from has been forgotten: begin it anew."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where calls go.

    Attributes:
        client: knows the address and how to say who we are.
        pace: how often calls may be made.
        timeout: for each call, in seconds.
        on_call: told the verb, the resource and the HTTP status of each call; 0 if there was no answer.
    """

    client: ApiClient
    pace: Pace
    timeout: float
    on_call: Callable[[str, str, int], None]

    async def call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content: str = "application/json",
    ) -> dict[str, Any]:
        """Return the answer, or raise InvalidInputError, ForbiddenError, NotFoundError, ConflictError or UnavailableError."""
        await asyncio.sleep(self.pace.reserve(time.monotonic()))
        subresource = path.partition(f"/{kind.plural}/")[2].partition("/")[2]
        resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
        status = 0
        try:
            status, text = await self._send(verb, path + (f"?{urlencode(query)}" if query else ""), body, content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise UnavailableError(f"the API server does not answer {verb} {resource}: {said}") from error
        finally:
            self.on_call(verb, resource, status)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _error(status, text, f"{verb} {path}")
        return dict(decode(text))

    async def watch(self, kind: Kind, namespace: str | None, version: str) -> AsyncGenerator[dict[str, Any]]:
        """Yield what happens to objects of a kind, bookmarks included, until the API server ends it.

        Args:
            kind: of the objects; its selector holds.
            namespace: where; None for everywhere.
            version: of the last thing told; empty to begin with all objects that are there.

        Raises:
            WatchExpiredError: if the API server no longer has what came after that version.
            NasfleetError: as `call` does.
        """
        query = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        query |= {"labelSelector": kind.selector, "resourceVersion": version}
        path = f"{kind.path(namespace)}?{urlencode(query)}"
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self.timeout, sock_read=WATCH_SECONDS + self.timeout)
        status = 0
        try:
            answer = await self._request("watch", path, None, "application/json", limits)
            status = answer.status
            if status >= HTTPStatus.BAD_REQUEST:
                raise _watch_error(status, await answer.read(), path)
            with closing(answer.response) as response:
                async for line in lines(response.content):
                    told = decode(line)
                    if told["type"] == "ERROR":
                        raise _watch_error(told["object"].get("code", 0), line, path)
                    yield told
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"the watch of {kind.plural} broke: {str(error) or type(error).__name__}") from error
        finally:
            self.on_call("watch", kind.plural, status)

    async def _send(self, verb: str, path: str, body: Body | None, content: str) -> tuple[int, bytes]:
        answer = await self._request(verb, path, body, content, aiohttp.ClientTimeout(total=self.timeout))
        return answer.status, await answer.read()

    async def _request(self, verb: str, path: str, body: Body | None, content: str, limits: aiohttp.ClientTimeout) -> Any:
        client = self.client
        headers = {**client.default_headers, "Accept": "application/json", "Content-Type": content}
        await client.update_params_for_auth(headers, [], ["BearerToken"], path, _METHODS[verb], body)
        return await client.call_api(_METHODS[verb], client.configuration.host + path, headers, body, None, limits)


async def lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines of any length; the reader's own may not be longer than its buffer."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line


def _watch_error(status: int, text: bytes, path: str) -> NasfleetError:
    if status == HTTPStatus.GONE:
        return WatchExpiredError(f"watch {path}: {status}")
    return _error(status, text, f"watch {path}")


def _error(status: int, text: bytes, what: str) -> NasfleetError:
    """Return the error that an answer of the API server stands for, with its message."""
    try:
        message = decode(text)["message"]
    except (UnavailableError, KeyError, TypeError):
        message = text.decode(errors="replace")[:500]
    if message.startswith(_UNREADABLE):
        return InvalidInputError(message)
    kind = _ERRORS.get(status, UnavailableError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else NasfleetError)
    return kind(message if kind in {InvalidInputError, ForbiddenError} else f"{what}: {status}: {message}")

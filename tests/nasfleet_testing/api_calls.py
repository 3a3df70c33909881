"""Calls to an API server as a kubelet makes them: JSON in, JSON out."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

STRATEGIC = "application/strategic-merge-patch+json"
Raw = Mapping[str, Any]


class ApiCalls:
    """A connection to an API server with the token of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        content = json.loads(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        self._session = aiohttp.ClientSession(
            cluster["server"],
            headers={"Authorization": f"Bearer {content['users'][0]['user']['token']}"},
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=cluster["certificate-authority"]), limit=0),
            timeout=aiohttp.ClientTimeout(total=30),
            read_bufsize=2**21,  # a line of a watch is a whole object
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()

    async def call(self, method: str, path: str, body: Raw | None = None, content: str = "application/json") -> Raw | None:
        """Return the answer; None if there is no such object, or there is another; AssertionError says what was refused."""
        headers = {"Content-Type": content}
        async with self._session.request(method, path, data=json.dumps(body) if body else None, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
        if response.status in {404, 409}:
            return None
        assert response.ok, f"{method} {path}: {answer.get('message')}"
        return answer

    async def watch(self, path: str) -> AsyncIterator[tuple[str, Raw]]:
        """Yield what happens to objects, with those that are there already first, until the API server ends it."""
        forever = aiohttp.ClientTimeout(total=None)
        async with self._session.get(path, timeout=forever) as response:
            async for line in response.content:
                event = json.loads(line)
                yield event["type"], event["object"]

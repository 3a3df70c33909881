"""Who a token is of and what they may do, remembered so that not every call asks again."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol, TypeVar

from nasfleet.errors import TooOftenError
from nasfleet.pacing import Pace, Paces
from nasfleet_controller.access.caller import Caller
from nasfleet_controller.access.rights import Right

CALLER_SECONDS = 60.0
RIGHT_SECONDS = 10.0
MOST_REMEMBERED = 10_000
"""Whoever sends ever new tokens makes us forget, not grow."""
UNKNOWN_PER_SECOND, UNKNOWN_AT_ONCE = 100.0, 1000
"""Tokens that are not remembered, of all callers together: a whole fleet may come at once, and each costs a review."""
UNKNOWN_OF_HOST_PER_SECOND, UNKNOWN_OF_HOST_AT_ONCE = 10.0, 100
"""The same from one address, so that no pod alone keeps new ones out."""
MOST_HOSTS = 10_000

T = TypeVar("T")


class Reviews(Protocol):
    """Both raise UnavailableError if there is no answer."""

    async def caller(self, token: str) -> Caller | None:
        """Return whose token it is; None if it is not good here."""

    async def allows(self, caller: Caller, right: Right) -> bool:
        """Return whether somebody has a right."""


class RememberedReviews:
    """The same answers, at most so many seconds old; many who ask the same at once cause one review, and unknown tokens few.

    Args:
        reviews: who answers.
        clock: seconds of a clock that nobody sets.
        wall_clock: Unix seconds, in which tokens say their end.
    """

    def __init__(
        self, reviews: Reviews, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._reviews = reviews
        self._clock = clock
        self._wall_clock = wall_clock
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._pace = Pace(UNKNOWN_PER_SECOND, UNKNOWN_AT_ONCE)
        self._paces = Paces(UNKNOWN_OF_HOST_PER_SECOND, UNKNOWN_OF_HOST_AT_ONCE, MOST_HOSTS)
        self._asked: dict[Hashable, asyncio.Future[Any]] = {}

    async def caller(self, token: str, host: str) -> Caller | None:
        """Return whose token it is that comes from a host; None if it is not good here.

        Raises:
            TooOftenError: if it is not remembered, and too many such tokens come from there, or from all hosts together.
            UnavailableError: if there is no answer.
        """
        key = hashlib.sha256(token.encode()).digest()  # no token lies about in memory for longer than its call
        found = await self._recall(key, lambda: self._review(token, host), CALLER_SECONDS)
        return None if found is None or found.until <= self._wall_clock() else found

    async def allows(self, caller: Caller, right: Right) -> bool:
        """Return whether somebody has a right."""
        key = (caller.user, caller.uid, caller.groups, tuple(sorted(caller.extra.items())), right)
        return await self._recall(key, lambda: self._reviews.allows(caller, right), RIGHT_SECONDS)

    async def _review(self, token: str, host: str) -> Caller | None:
        now = self._clock()
        if not (self._paces.of(host).take(now) and self._pace.take(now)):
            raise TooOftenError("too many unknown tokens come at once: wait a moment")
        return await self._reviews.caller(token)

    async def _recall(self, key: Hashable, ask: Callable[[], Awaitable[T]], seconds: float) -> T:
        known = self._known.get(key)
        if known is not None and known[0] > self._clock():
            answer: T = known[1]
            return answer
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.ensure_future(ask())
            asked.add_done_callback(lambda done: self._note(key, done, seconds))
        return await asyncio.shield(asked)  # others wait for it too

    def _note(self, key: Hashable, done: "asyncio.Future[Any]", seconds: float) -> None:
        del self._asked[key]
        if not done.cancelled() and done.exception() is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._clock() + seconds, done.result()

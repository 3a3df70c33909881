"""Asks at every call who makes it and whether they may; ends streams with their token; writes down who changed what."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import grpc
import structlog

from nasfleet.errors import ForbiddenError, InvalidInputError, NasfleetError, TooOftenError, UnauthenticatedError
from nasfleet.names import PoolName
from nasfleet.pacing import Pace, Paces
from nasfleet.v1 import fleet_pb2
from nasfleet_controller.access.caller import Caller
from nasfleet_controller.access.reviews import RememberedReviews
from nasfleet_controller.access.rights import CHANGING, Right, refuse_stranger, rights
from nasfleet_controller.servicers.errors import Context, end_with
from nasfleet_controller.servicers.interception import OURS, Method, put_before

HELLO_SECONDS = 20.0
CALLS_PER_SECOND, CALLS_AT_ONCE = 50.0, 200
"""Of one user, or of one pod of a user, in the long run and in a burst."""
MESSAGES_PER_SECOND, MESSAGES_AT_ONCE = 100.0, 500
"""Of one trainer: it says something every 5 s and at each epoch, and much after a restart of the controller."""
MOST_CALLERS = 10_000
_WORK = "FleetService/Work"
_OPEN = "/grpc.health.v1.Health/"
_REFLECTION = "/grpc.reflection."  # what is served, for whoever has a good token
_SCHEME = "Bearer "

log = structlog.get_logger()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Call:
    """A call, with the token that came with it and where it came from, as gRPC says it: ipv4:192.0.2.1:50000."""

    method: str
    token: str
    peer: str

    @property
    def host(self) -> str:
        """Return where it came from without the port, of which anybody has many."""
        return self.peer.rpartition(":")[0]


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # it takes none at run time
    """Lets through who may, and not more often than is good for the others.

    Args:
        reviews: say who calls and what they may do.
        operator: who may do everything that can be asked of the services; empty for nobody.
        account_of: gives the service account of a pool; None if the pool was not declared.
    """

    def __init__(self, reviews: RememberedReviews, operator: str, account_of: Callable[[PoolName], str | None]) -> None:
        self._reviews = reviews
        self._operator = operator
        self._account_of = account_of
        self._paces = Paces(CALLS_PER_SECOND, CALLS_AT_ONCE, MOST_CALLERS)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Put itself before the method that is called; health is told to everybody."""
        handler, path = await continuation(handler_call_details), handler_call_details.method
        if handler is None or path.startswith(_OPEN):
            return handler
        method = path.removeprefix(OURS)
        token = str(dict(handler_call_details.invocation_metadata).get("authorization", ""))
        return put_before(
            handler,
            unary=partial(self._unary, method, token),
            answering=partial(self._answering, method, token),
            talking=partial(self._talking, method, token),
        )

    def _unary(self, method: str, token: str, inner: Method) -> Method:
        async def call(request: Any, context: Context) -> Any:
            caller, needed = await _or_abort(self._admit(_Call(method, token, context.peer()), request), context)
            tried = getattr(request, "dry_run", False)
            changed = [] if tried else [str(right) for right in needed if right.verb in CHANGING]
            try:
                response = await inner(request, context)
            except BaseException:
                if changed:
                    log.info("change_failed", user=caller.user, method=method, rights=changed)
                raise
            if changed:
                log.info("changed", user=caller.user, method=method, rights=changed)
            return response

        return call

    def _answering(self, method: str, token: str, inner: Method) -> Method:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            caller, _ = await _or_abort(self._admit(_Call(method, token, context.peer()), request), context)
            async with aclosing(_while_valid(caller, inner(request, context), context)) as responses:
                async for response in responses:
                    yield response

        return call

    def _talking(self, method: str, token: str, inner: Method) -> Method:
        async def call(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            caller, requests = await _or_abort(self._admit_talking(_Call(method, token, context.peer()), requests), context)
            async with aclosing(_while_valid(caller, inner(requests, context), context)) as responses:
                async for response in responses:
                    yield response

        return call

    async def _admit(self, call: _Call, request: Any) -> tuple[Caller, tuple[Right, ...]]:
        """Return who calls and the rights that it takes, all of which they have."""
        caller, needed = await self._caller(call), rights(call.method, request)
        if caller.user != self._operator:
            for right in needed:
                if not await self._reviews.allows(caller, right):
                    raise ForbiddenError(f"{caller.user} may not {right}: ask for that right")
        return caller, needed

    async def _admit_talking(self, call: _Call, requests: AsyncIterator[Any]) -> tuple[Caller, AsyncIterator[Any]]:
        """Return who talks, and what they say; of a trainer only as much as one may."""
        caller = await self._caller(call)
        if call.method == _WORK:
            return caller, _paced(await self._first(caller, requests), requests)
        if not call.method.startswith(_REFLECTION):
            raise ForbiddenError(f"nobody may call {call.method}")
        return caller, requests

    async def _caller(self, call: _Call) -> Caller:
        if not call.token.startswith(_SCHEME):
            raise UnauthenticatedError(
                f"{call.method} was called without a token: send one for this controller as a bearer token"
            )
        caller = await self._reviews.caller(call.token.removeprefix(_SCHEME), call.host)
        if caller is None:
            raise UnauthenticatedError("the token is not good here: it has ended, or is for another audience; get a new one")
        if caller.user != self._operator:
            self._count(caller)
        return caller

    def _count(self, caller: Caller) -> None:
        """Count a call of a user, or of a pod, since all trainers of a namespace may be one user; too many are refused."""
        if not self._paces.of((caller.user, caller.pod)).take(asyncio.get_running_loop().time()):
            raise TooOftenError(f"{caller.user} calls more than {CALLS_PER_SECOND:g} times a second: wait a moment")

    async def _first(self, caller: Caller, requests: AsyncIterator[fleet_pb2.WorkRequest]) -> fleet_pb2.WorkRequest:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                first = await anext(aiter(requests), fleet_pb2.WorkRequest())
        except TimeoutError:
            raise InvalidInputError(f"no hello came within {HELLO_SECONDS:.0f} s of the beginning of the stream") from None
        if first.HasField("hello"):  # one without is refused for that
            refuse_stranger(caller, first.hello, self._account_of)
            log.info("trainer_admitted", user=caller.user, pool=first.hello.pool, trainer=first.hello.trainer)
        return first


async def _or_abort(asked: Awaitable[T], context: Context) -> T:
    try:
        return await asked
    except NasfleetError as error:
        log.info("refused", peer=context.peer(), reason=str(error))
        await end_with(error, context)


async def _paced(first: T, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    """Yield what a trainer says; one that says too much waits, and so, by HTTP/2's windows, does whoever writes it."""
    yield first
    pace, loop = Pace(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE), asyncio.get_running_loop()
    async for one in rest:
        if wait := pace.reserve(loop.time()):
            await asyncio.sleep(wait)
        yield one


async def _while_valid(caller: Caller, responses: AsyncGenerator[T, None], context: Context) -> AsyncGenerator[T, None]:
    """Yield what a stream answers until its caller's token ends; then end it, for the client to come back with the next one."""
    loop = asyncio.get_running_loop()
    end = loop.time() + (caller.until - time.time())
    async with aclosing(responses):
        while True:
            try:
                async with asyncio.timeout_at(end):
                    response = await anext(responses)
            except StopAsyncIteration:
                return
            except TimeoutError:
                ended = UnauthenticatedError("the token of this stream has ended: open it again with the next one")
                await end_with(ended, context)
            yield response

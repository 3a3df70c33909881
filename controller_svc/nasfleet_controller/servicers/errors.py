"""Errors become gRPC statuses here and nowhere else."""

import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc

from nasfleet.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NasfleetError,
    NotFoundError,
    TooOftenError,
    UnauthenticatedError,
    UnavailableError,
)
from nasfleet_controller.connection import StreamTakenOverError

Request = TypeVar("Request")
Response = TypeVar("Response")
Context = grpc.aio.ServicerContext[Any, Any]

# The first that fits is taken, so the more special ones come first.
_STATUS_OF: tuple[tuple[type[NasfleetError], grpc.StatusCode], ...] = (
    (StreamTakenOverError, grpc.StatusCode.ABORTED),
    (InvalidInputError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (ConflictError, grpc.StatusCode.FAILED_PRECONDITION),
    (UnavailableError, grpc.StatusCode.UNAVAILABLE),
    (UnauthenticatedError, grpc.StatusCode.UNAUTHENTICATED),
    (ForbiddenError, grpc.StatusCode.PERMISSION_DENIED),
    (TooOftenError, grpc.StatusCode.RESOURCE_EXHAUSTED),
)


async def end_with(error: NasfleetError, context: Context) -> NoReturn:
    """End a call with the status and the message that a client is to see of an error."""
    status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    await context.abort(status, str(error))
    raise error  # abort has raised already


def translating(
    method: Callable[[Any, Request, Context], Awaitable[Response]],
) -> Callable[[Any, Request, Context], Awaitable[Response]]:
    """Wrap a unary method: its errors end the call with their status and message."""

    @functools.wraps(method)
    async def call(servicer: Any, request: Request, context: Context) -> Response:
        try:
            return await method(servicer, request, context)
        except NasfleetError as error:
            await end_with(error, context)

    return call


def translating_stream(
    method: Callable[[Any, Request, Context], AsyncGenerator[Response, None]],
) -> Callable[[Any, Request, Context], AsyncIterator[Response]]:
    """Wrap a streaming method likewise."""

    @functools.wraps(method)
    async def call(servicer: Any, request: Request, context: Context) -> AsyncIterator[Response]:
        try:
            async with contextlib.aclosing(method(servicer, request, context)) as responses:
                async for response in responses:
                    yield response
        except NasfleetError as error:
            await end_with(error, context)

    return call

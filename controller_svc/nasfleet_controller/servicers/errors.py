"""Errors become gRPC statuses here and nowhere else."""

import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

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


def status_of(error: NasfleetError) -> grpc.StatusCode:
    """Return the status that a client sees."""
    return next((status for kind, status in _STATUS_OF if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def translating(
    method: Callable[[Any, Request, Context], Awaitable[Response]],
) -> Callable[[Any, Request, Context], Awaitable[Response]]:
    """Wrap a unary method: its errors end the call with their status and message."""

    @functools.wraps(method)
    async def call(servicer: Any, request: Request, context: Context) -> Response:
        try:
            return await method(servicer, request, context)
        except NasfleetError as error:
            await context.abort(status_of(error), str(error))
            raise  # abort has raised already

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
            await context.abort(status_of(error), str(error))

    return call

"""What Prometheus sees of the calls to the controller's services: how many, how they ended, how long they took.

Health and reflection are left out: what probes ask would hide what people and trainers ask.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nasfleet_controller.servicers.errors import Context
from nasfleet_controller.servicers.interception import OURS, Method, put_before

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 20)


class CallMetrics(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # it takes none at run time
    """Counts every call, those that are refused before they reach a service included: it comes first."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "nasfleet_rpc_seconds", "Time of calls with one answer.", ("method",), registry=registry, buckets=SECONDS
        )
        self._ended = Counter("nasfleet_rpcs", "Calls that have ended.", ("method", "code"), registry=registry)
        self._open = Gauge("nasfleet_rpcs_open", "Calls that have not ended.", ("method",), registry=registry)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Put itself before a method of ours that is there: no other name becomes a label."""
        handler, path = await continuation(handler_call_details), handler_call_details.method
        if handler is None or not path.startswith(OURS):
            return handler
        method = path.removeprefix(OURS)
        streaming = partial(self._streaming, method)
        return put_before(handler, unary=partial(self._unary, method), answering=streaming, talking=streaming)

    def _unary(self, method: str, inner: Method) -> Method:
        async def call(request: Any, context: Context) -> Any:
            with self._seconds.labels(method).time(), self._counted(method, context):
                return await inner(request, context)

        return call

    def _streaming(self, method: str, inner: Method) -> Method:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            with self._counted(method, context):
                async with contextlib.aclosing(inner(request, context)) as responses:
                    async for response in responses:
                        yield response

        return call

    @contextlib.contextmanager
    def _counted(self, method: str, context: Context) -> Iterator[None]:
        still_open, code = self._open.labels(method), grpc.StatusCode.OK
        still_open.inc()
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            code = grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.AbortError:
            code = context.code()
            raise
        except Exception:
            code = grpc.StatusCode.UNKNOWN  # as gRPC tells the client
            raise
        finally:
            still_open.dec()
            self._ended.labels(method, code.name).inc()

"""`grpc.health.v1`: whether the services work, to whoever asks or watches."""

import asyncio
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


class Health:
    """The health of several services, which work or not together; at first they do not."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = ("", *services)
        self._servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # grpc-stubs does not know it
        self._telling: set[asyncio.Task[None]] = set()

    async def add_to(self, server: grpc.aio.Server) -> None:
        """Answer on a server."""
        await self._set(health_pb2.HealthCheckResponse.NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def tell(self, *, working: bool) -> None:
        """Let everybody know; nobody waits for whoever watches slowly."""
        answer = health_pb2.HealthCheckResponse
        task = asyncio.create_task(self._set(answer.SERVING if working else answer.NOT_SERVING), name="health")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _set(self, status: health_pb2.HealthCheckResponse.ServingStatus.ValueType) -> None:
        for service in self._services:
            await self._servicer.set(service, status)

"""FleetService: the streams of the trainers, the pools, and what both look like."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial

from nasfleet import PROTOCOL_VERSION
from nasfleet.errors import NasfleetError, UnavailableError
from nasfleet.names import PoolName
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc
from nasfleet_controller.connection import Connection
from nasfleet_controller.moment import this_moment
from nasfleet_controller.reports import Report
from nasfleet_controller.runner import Runner
from nasfleet_controller.servicers.errors import Context, translating, translating_stream
from nasfleet_controller.servicers.fleet_messages import fleet_to_proto, pool_to_proto
from nasfleet_controller.servicers.pool_declarations import PoolDeclaration, declaration_from_proto
from nasfleet_controller.servicers.work_messages import orders_to_proto, profile_from_proto, report_from_proto
from nasfleet_controller.trainers import HEARTBEAT_SECONDS
from nasfleet_controller.views import PoolView, view_pools

LEASE_SECONDS = 30.0


class FleetServicer(fleet_pb2_grpc.FleetServiceServicer):
    """Lets trainers work, takes pools in and shows what they do.

    The store's `outcome_of` and the traces' `traceparent` are asked by fence.
    """

    def __init__(
        self,
        runner: Runner,
        outcome_of: Callable[[int], str | None],
        traceparent: Callable[[int], str],
    ) -> None:
        self._runner = runner
        self._traceparent = traceparent
        self._outcome_of = outcome_of

    @translating_stream
    async def Work(
        self, request_iterator: AsyncIterator[fleet_pb2.WorkRequest], context: Context
    ) -> AsyncGenerator[fleet_pb2.WorkResponse, None]:
        """Serve one trainer until its stream ends."""
        first = await anext(aiter(request_iterator), fleet_pb2.WorkRequest())
        profile = profile_from_proto(first)
        connection = Connection(profile.instance_id)
        yield fleet_pb2.WorkResponse(
            welcome=fleet_pb2.Welcome(
                protocol_version=PROTOCOL_VERSION, lease_seconds=LEASE_SECONDS, heartbeat_seconds=HEARTBEAT_SECONDS
            )
        )
        held = tuple(first.hello.held_fences)
        listening: asyncio.Task[None] | None = None
        try:  # from before the connect: a call that is cancelled meanwhile has connected all the same
            await self._runner.submit(lambda: self._runner.state.connect(connection, profile, held, this_moment()))
            listening = asyncio.create_task(self._listen(connection, first, request_iterator))
            while (orders := await connection.take()) is not None:
                yield orders_to_proto(orders, self._traceparent)
        finally:
            if listening is not None:
                listening.cancel()
            with contextlib.suppress(UnavailableError):  # then it is forgotten anyway
                await self._runner.submit(lambda: self._runner.state.disconnect(connection))

    @translating
    async def EnsurePool(self, request: fleet_pb2.EnsurePoolRequest, context: Context) -> fleet_pb2.EnsurePoolResponse:
        """Make a pool be as declared."""
        declaration = declaration_from_proto(request)
        return fleet_pb2.EnsurePoolResponse(pool=pool_to_proto(await self._runner.submit(lambda: self._declare(declaration))))

    @translating
    async def DeletePool(self, request: fleet_pb2.DeletePoolRequest, context: Context) -> fleet_pb2.DeletePoolResponse:
        """Forget what a pool was declared to be."""
        name = PoolName.parse(request.name)
        await self._runner.submit(lambda: self._runner.state.delete_pool(name))
        return fleet_pb2.DeletePoolResponse()

    @translating
    async def GetFleet(self, request: fleet_pb2.GetFleetRequest, context: Context) -> fleet_pb2.GetFleetResponse:
        """Return every trainer that is connected or holds a lease, and every pool."""
        pool = PoolName.parse(request.pool) if request.pool else None
        return await self._runner.submit(lambda: fleet_to_proto(self._runner.state, pool, this_moment().now))

    @translating
    async def DrainTrainers(self, request: fleet_pb2.DrainTrainersRequest, context: Context) -> fleet_pb2.DrainTrainersResponse:
        """Ask trainers to leave."""
        found = await self._runner.submit(lambda: self._runner.state.drain(request.trainers))
        return fleet_pb2.DrainTrainersResponse(trainers=found)

    def _declare(self, declaration: PoolDeclaration) -> PoolView:
        state = self._runner.state
        moment = this_moment()
        state.declare_pool(declaration.pool, declaration.cordoned, declaration.gone, moment)
        [view] = view_pools(state, [declaration.pool.name], moment.now)
        return view

    async def _listen(
        self, connection: Connection, first: fleet_pb2.WorkRequest, requests: AsyncIterator[fleet_pb2.WorkRequest]
    ) -> None:
        """Take in what the trainer says, one request at a time, so that a fast talker waits for the store."""
        try:
            await self._hear(connection, first)
            async for request in requests:
                await self._hear(connection, request)
        except NasfleetError as error:
            connection.close(error)
        finally:
            connection.leave()

    async def _hear(self, connection: Connection, request: fleet_pb2.WorkRequest) -> None:
        report = report_from_proto(request)
        for outcome in report.outcomes:
            if not self._runner.state.knows_outcome_of(outcome.fence):
                counted = await asyncio.to_thread(self._outcome_of, outcome.fence)
                self._runner.state.outcomes.remember(outcome.fence, counted)
        await self._runner.submit(partial(self._take, connection, report))

    def _take(self, connection: Connection, report: Report) -> None:
        self._runner.state.report(connection, report, this_moment())

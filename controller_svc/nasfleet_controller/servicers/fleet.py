"""FleetService: the streams of the trainers, translated to and from the runner's words."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from functools import partial

from nasfleet import PROTOCOL_VERSION
from nasfleet.codec import epoch_from_proto, failure_from_proto, measurement_from_proto, spec_to_proto
from nasfleet.errors import ConflictError, InvalidInputError, NasfleetError, UnavailableError
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import TrialName
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc
from nasfleet_controller.connection import Connection, Orders, Outcome, Report
from nasfleet_controller.dispatcher import HEARTBEAT_SECONDS, Lease, Trainer, TrainerProfile
from nasfleet_controller.runner import Runner, this_moment
from nasfleet_controller.servicers.errors import Context, translating, translating_stream
from nasfleet_controller.state import ControllerState

LEASE_SECONDS = 30.0
MOST_SLOTS = 1024


class FleetServicer(fleet_pb2_grpc.FleetServiceServicer):
    """Lets trainers work and shows what they do."""

    def __init__(self, runner: Runner, outcome_of: Callable[[int], str | None]) -> None:
        self._runner = runner
        self._outcome_of = outcome_of

    @translating_stream
    async def Work(
        self, request_iterator: AsyncIterator[fleet_pb2.WorkRequest], context: Context
    ) -> AsyncGenerator[fleet_pb2.WorkResponse, None]:
        """Serve one trainer until its stream ends."""
        first = await anext(aiter(request_iterator), fleet_pb2.WorkRequest())
        profile = _profile(first)
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
                yield _orders_to_proto(orders)
        finally:
            if listening is not None:
                listening.cancel()
            with contextlib.suppress(UnavailableError):  # then it is forgotten anyway
                await self._runner.submit(lambda: self._runner.state.disconnect(connection))

    @translating
    async def GetFleet(self, request: fleet_pb2.GetFleetRequest, context: Context) -> fleet_pb2.GetFleetResponse:
        """Return every trainer that is connected or holds a lease."""
        return await self._runner.submit(lambda: _fleet_to_proto(self._runner.state, this_moment().now))

    @translating
    async def DrainTrainers(self, request: fleet_pb2.DrainTrainersRequest, context: Context) -> fleet_pb2.DrainTrainersResponse:
        """Ask trainers to leave."""
        found = await self._runner.submit(lambda: self._runner.state.drain(request.trainers))
        return fleet_pb2.DrainTrainersResponse(trainers=found)

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
        report = _report(request)
        for outcome in report.outcomes:
            if not self._runner.state.knows_outcome_of(outcome.fence):
                counted = await asyncio.to_thread(self._outcome_of, outcome.fence)
                self._runner.state.remember_outcome(outcome.fence, counted)
        await self._runner.submit(partial(self._take, connection, report))

    def _take(self, connection: Connection, report: Report) -> None:
        self._runner.state.report(connection, report, this_moment())


def _profile(request: fleet_pb2.WorkRequest) -> TrainerProfile:
    hello = request.hello
    if not request.HasField("hello"):
        raise InvalidInputError("the first request of a stream must carry the hello")
    if abs(hello.protocol_version - PROTOCOL_VERSION) > 1:
        raise ConflictError(
            f"trainer {hello.trainer!r} speaks protocol {hello.protocol_version}, this controller {PROTOCOL_VERSION}: "
            "use versions that differ by one at most"
        )
    if not hello.instance_id or not hello.trainer or not 1 <= hello.slots <= MOST_SLOTS:
        raise InvalidInputError(
            f"a hello names instance_id and trainer and has 1 to {MOST_SLOTS} slots; "
            f"got instance_id={hello.instance_id!r}, trainer={hello.trainer!r}, slots={hello.slots}"
        )
    return TrainerProfile(
        instance_id=hello.instance_id,
        name=hello.trainer,
        slots=hello.slots,
        pool=hello.pool,
        labels=dict(hello.labels),
        device=hello.device,
        device_memory_bytes=hello.device_memory_bytes if hello.HasField("device_memory_bytes") else None,
    )


def _report(request: fleet_pb2.WorkRequest) -> Report:
    return Report(
        started=tuple(request.started_fences),
        progress=tuple((sent.fence, tuple(_epochs(sent))) for sent in request.progress),
        outcomes=tuple(Outcome(sent.outcome_id, sent.fence, _result(sent)) for sent in request.outcomes),
        draining=request.draining,
    )


def _epochs(sent: fleet_pb2.Progress) -> Iterator[EpochMeasurement]:
    """Yield the epochs of a child in training; one that cannot be one is left out, and the outcome will say more."""
    for epoch in sent.epochs:
        with contextlib.suppress(InvalidInputError):
            yield epoch_from_proto(epoch)


def _result(sent: fleet_pb2.Outcome) -> Measurement | Failure:
    """Return what came of an attempt; a measurement that cannot be one is the model's failure, and ends no stream."""
    try:
        if sent.HasField("measurement"):
            return measurement_from_proto(sent.measurement)
        return failure_from_proto(sent.failure)
    except InvalidInputError as error:
        return Failure(FailureKind.NOT_FINITE, str(error))


def _orders_to_proto(orders: Orders) -> fleet_pb2.WorkResponse:
    return fleet_pb2.WorkResponse(
        acknowledgements=[
            fleet_pb2.Acknowledgement(outcome_id=outcome_id, status=fleet_pb2.OutcomeStatus.ValueType(status.value))
            for outcome_id, status in orders.acknowledged
        ],
        searches=[fleet_pb2.SearchAnnouncement(search=str(name), spec=spec_to_proto(spec)) for name, spec in orders.searches],
        assignments=[
            fleet_pb2.Assignment(
                fence=assignment.fence,
                trial=str(TrialName(assignment.search, assignment.number)),
                tokens=assignment.tokens,
                layers=assignment.layers,
                seed=assignment.seed,
            )
            for assignment in orders.assignments
        ],
        stopped_fences=orders.stopped,
        drain=orders.drain,
    )


def _fleet_to_proto(state: ControllerState, now: float) -> fleet_pb2.GetFleetResponse:
    trainers = sorted(state.dispatcher.trainers.values(), key=lambda trainer: trainer.profile.name)
    return fleet_pb2.GetFleetResponse(
        trainers=[_trainer_to_proto(trainer, state, now) for trainer in trainers],
        queued_trials=sum(search.queued for search in state.searches.values()),
    )


def _trainer_to_proto(trainer: Trainer, state: ControllerState, now: float) -> fleet_pb2.Trainer:
    held = sorted(trainer.leases.values(), key=lambda lease: (lease.started_at is None, lease.fence))
    profile = trainer.profile
    return fleet_pb2.Trainer(
        trainer=profile.name,
        instance_id=profile.instance_id,
        pool=profile.pool,
        device=profile.device,
        device_memory_bytes=profile.device_memory_bytes,
        state=fleet_pb2.TrainerState.Value(f"TRAINER_STATE_{trainer.state.name}"),
        slots=profile.slots,
        trials=[_held_to_proto(lease, state) for lease in held],
        measured_count=trainer.measured,
        silent_seconds=max(0.0, now - trainer.heard_at),
    )


def _held_to_proto(lease: Lease, state: ControllerState) -> fleet_pb2.HeldTrial:
    return fleet_pb2.HeldTrial(
        trial=str(TrialName(state.searches[lease.search_id].name, lease.number)),
        fence=lease.fence,
        started=lease.started_at is not None,
        epoch=lease.epoch,
        value=lease.value,
    )

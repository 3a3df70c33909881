"""What is said on a trainer's stream, translated to and from the runner's words."""

import contextlib
from collections.abc import Callable, Iterator

from nasfleet import PROTOCOL_VERSION
from nasfleet.catalogue.wire import block_to_proto
from nasfleet.codec import epoch_from_proto, failure_from_proto, measurement_from_proto, spec_to_proto
from nasfleet.errors import ConflictError, InvalidInputError
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import PoolName, TrialName
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.decision import Decision
from nasfleet.spaces.wire import decisions_from_proto
from nasfleet.v1 import fleet_pb2
from nasfleet_controller.orders import Assignment, Lowering, Orders
from nasfleet_controller.reports import Lowered, NoSpace, Outcome, Report, Unable
from nasfleet_controller.trainers import TrainerProfile

MOST_SLOTS = 1024


def profile_from_proto(request: fleet_pb2.WorkRequest) -> TrainerProfile:
    """Return what a trainer says of itself in its first request.

    Raises:
        InvalidInputError: if it says none of it, or something wrong.
        ConflictError: if its protocol does not fit.
    """
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
        pool=PoolName.parse(hello.pool) if hello.pool else None,
        labels=dict(hello.labels),
        device=hello.device,
        device_memory_bytes=hello.device_memory_bytes if hello.HasField("device_memory_bytes") else None,
        lowers_spaces=hello.lowers_spaces,
        gang_host=hello.gang_host,
    )


def report_from_proto(request: fleet_pb2.WorkRequest) -> Report:
    """Return what a trainer has to say."""
    return Report(
        started=tuple(request.started_fences),
        progress=tuple((sent.fence, tuple(_epochs(sent))) for sent in request.progress),
        outcomes=tuple(Outcome(sent.outcome_id, sent.fence, _result(sent)) for sent in request.outcomes),
        draining=request.draining,
        lowered=tuple(Lowered(sent.lowering, _space(sent)) for sent in request.lowered),
        meetings=tuple((sent.fence, (sent.host, sent.port)) for sent in request.rendezvous),
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


def _space(sent: fleet_pb2.Lowered) -> tuple[Decision, ...] | Unable | NoSpace:
    """Return what came of a lowering; decisions that make no space end no stream."""
    match sent.WhichOneof("result"):
        case "decisions":
            try:
                return AssignmentSpace(decisions_from_proto(sent.decisions)).decisions
            except InvalidInputError as error:
                return NoSpace(str(error))
        case "unable":
            return Unable(sent.unable)
        case "no_space":
            return NoSpace(sent.no_space)
        case _:
            return Unable("it says so in words that are not known here; give trainer and controller the same version")


def orders_to_proto(orders: Orders, traceparent: Callable[[int], str]) -> fleet_pb2.WorkResponse:
    """Return what a trainer is told; `traceparent` gives the span of a lease, by its fence."""
    return fleet_pb2.WorkResponse(
        acknowledgements=[
            fleet_pb2.Acknowledgement(outcome_id=outcome_id, status=fleet_pb2.OutcomeStatus.ValueType(status.value))
            for outcome_id, status in orders.acknowledged
        ],
        searches=[fleet_pb2.SearchAnnouncement(search=str(name), spec=spec_to_proto(spec)) for name, spec in orders.searches],
        assignments=[_assignment(assignment, traceparent) for assignment in orders.assignments],
        stopped_fences=orders.stopped,
        wanted_back_fences=orders.wanted_back,
        lowerings=[_lowering(lowering) for lowering in orders.lowerings],
        drain=orders.drain,
        ended_early_fences=orders.ended_early,
    )


def _assignment(assignment: Assignment, traceparent: Callable[[int], str]) -> fleet_pb2.Assignment:
    message = fleet_pb2.Assignment(
        fence=assignment.fence,
        trial=str(TrialName(assignment.search, assignment.number)),
        tokens=assignment.tokens,
        layers=assignment.layers,
        seed=assignment.seed,
        traceparent=traceparent(assignment.fence),
    )
    if (place := assignment.gang) is not None:
        message.gang.rank, message.gang.size = place.rank, place.size
        if place.meeting is not None:
            host, port = place.meeting
            message.gang.rendezvous.CopyFrom(fleet_pb2.Rendezvous(fence=assignment.fence, host=host, port=port))
    return message


def _lowering(lowering: Lowering) -> fleet_pb2.Lowering:
    message = fleet_pb2.Lowering(lowering=lowering.number, timeout_seconds=lowering.timeout_seconds)
    block_to_proto(lowering.space, message.space)
    return message

"""What travels, as messages and back: search specs, measurements and failures; `from_proto(to_proto(x)) == x`."""

from nasfleet.catalogue.problems import InvalidParametersError
from nasfleet.catalogue.search import SearchSpec
from nasfleet.catalogue.wire import block_from_proto, block_to_proto
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.v1 import catalogue_pb2, trial_pb2


def spec_to_proto(spec: SearchSpec) -> catalogue_pb2.SearchSpec:
    """Return the message of a spec, with its defaults written out."""
    message = catalogue_pb2.SearchSpec()
    block_to_proto(spec, message)
    return message


def spec_from_proto(message: catalogue_pb2.SearchSpec) -> SearchSpec:
    """Return the spec of a message; what is absent has its default.

    Raises:
        InvalidParametersError: if something required is absent, out of bounds or does not go together, by its path.
    """
    try:
        spec: SearchSpec = block_from_proto(SearchSpec, message)
    except InvalidParametersError as error:
        raise InvalidParametersError(problem.below("spec") for problem in error.problems) from error
    return spec


def epoch_to_proto(epoch: EpochMeasurement) -> trial_pb2.EpochMeasurement:
    """Return the message of one epoch."""
    return trial_pb2.EpochMeasurement(epoch=epoch.epoch, value=epoch.value, loss=epoch.loss, seconds=epoch.seconds)


def epoch_from_proto(message: trial_pb2.EpochMeasurement) -> EpochMeasurement:
    """Return the epoch of a message, or raise NotFiniteError if a figure is not finite."""
    loss = message.loss if message.HasField("loss") else None
    return EpochMeasurement(epoch=message.epoch, value=message.value, loss=loss, seconds=message.seconds)


def measurement_to_proto(measurement: Measurement) -> trial_pb2.Measurement:
    """Return the message of a measurement."""
    return trial_pb2.Measurement(
        value=measurement.value,
        epochs=map(epoch_to_proto, measurement.epochs),
        parameters=measurement.parameters,
        multiply_adds=measurement.multiply_adds,
        seconds=measurement.seconds,
        trainer_seconds=measurement.trainer_seconds,
        weights_uri=measurement.weights_uri,
        seed_values=measurement.seed_values,
        seed_deviation=measurement.seed_deviation,
        steps=measurement.steps,
        stopped_early=measurement.stopped_early,
    )


def measurement_from_proto(message: trial_pb2.Measurement) -> Measurement:
    """Return the measurement of a message, or raise InvalidInputError if it cannot be one."""
    return Measurement(
        value=message.value,
        epochs=tuple(map(epoch_from_proto, message.epochs)),
        parameters=message.parameters if message.HasField("parameters") else None,
        multiply_adds=message.multiply_adds if message.HasField("multiply_adds") else None,
        seconds=message.seconds,
        trainer_seconds=message.trainer_seconds,
        weights_uri=message.weights_uri if message.HasField("weights_uri") else None,
        seed_values=tuple(message.seed_values),
        steps=message.steps if message.HasField("steps") else None,
        stopped_early=message.stopped_early,
    )


def failure_to_proto(failure: Failure) -> trial_pb2.Failure:
    """Return the message of a failure."""
    kind = trial_pb2.FailureKind.Value(f"FAILURE_KIND_{failure.kind.name}")
    return trial_pb2.Failure(kind=kind, message=failure.message, traceback=failure.traceback)


def failure_from_proto(message: trial_pb2.Failure) -> Failure:
    """Return the failure of a message, or raise InvalidInputError if it does not say of what kind it is."""
    if message.kind not in {kind.value for kind in FailureKind}:
        known = ", ".join(f"{kind.name} ({kind.value})" for kind in FailureKind)
        raise InvalidInputError(f"a failure has the kind {message.kind}: give one of {known}")
    return Failure(FailureKind(message.kind), message.message, message.traceback)

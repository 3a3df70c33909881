"""How programs trace: OpenTelemetry sends spans to the collector that its own variables name; else it is not imported."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import structlog

from nasfleet import __version__
from nasfleet.errors import InvalidInputError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTERS = ("OTEL_TRACES_EXPORTER",)
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
FLUSH_SECONDS = 4.0  # of the seconds that a pod has for leaving
SILENCE_SECONDS = 600.0

log = structlog.get_logger()


def asks_for_traces(environment: Mapping[str, str]) -> bool:
    """Return whether OpenTelemetry's variables name a collector for traces.

    Raises:
        InvalidInputError: if they do and OpenTelemetry is not installed, or if they ask for another way than OTLP over gRPC.
    """
    variable, endpoint = _first(environment, ENDPOINTS)
    exporter = _first(environment, EXPORTERS)[1]
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if not endpoint or disabled or exporter == "none":
        return False
    _refuse_all_but("otlp", environment, EXPORTERS)
    _refuse_all_but("grpc", environment, PROTOCOLS)
    try:
        import opentelemetry.exporter.otlp.proto.grpc.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401 - to see that both are there
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"{variable} is {endpoint!r}, but the package {error.name} is not installed: "
            "pip install 'nasfleet[tracing]', or unset the variable"
        ) from error
    return True


@contextlib.contextmanager
def exporting(service: str, ids: "IdGenerator | None" = None) -> Iterator["Tracer"]:
    """Give a tracer whose spans are sent from a thread of their own, at most FLUSH_SECONDS after the end of the context.

    What waits to be sent is bounded, and nobody waits for it: without a collector spans are dropped.

    Args:
        service: what the program is called, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say so.
        ids: what gives spans their ids; at random without it.

    Raises:
        InvalidInputError: if OpenTelemetry does not understand its variables.
    """
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    _log_as_all_else()
    try:
        exporter = OTLPSpanExporter()
        own = Resource.create({SERVICE_NAME: service, SERVICE_VERSION: __version__})
        provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()), id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except Exception as error:  # its own classes of errors have nothing in common
        raise InvalidInputError(f"one of the OTEL_... variables cannot be used: {error}") from error
    try:
        yield provider.get_tracer("nasfleet", __version__)
    finally:
        # Its own way of waiting takes up to half a minute.
        flushing = threading.Thread(target=provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)
        if flushing.is_alive():
            log.warning("spans_lost", reason=f"the collector did not take them within {FLUSH_SECONDS:g} s")
            exporter.shutdown()


def _first(environment: Mapping[str, str], variables: tuple[str, ...]) -> tuple[str, str]:
    """Return the first of these variables that is set, and its value; the last one, empty, if none is."""
    for variable in variables:
        if value := environment.get(variable, "").strip():
            return variable, value
    return variables[-1], ""


def _refuse_all_but(only: str, environment: Mapping[str, str], variables: tuple[str, ...]) -> None:
    variable, value = _first(environment, variables)
    if value not in {"", only}:
        raise InvalidInputError(
            f"{variable} is {value!r}, but traces are sent by OTLP over gRPC alone: set it to {only}, or unset it"
        )


class _Lines(logging.Handler):
    """Writes what OpenTelemetry says as lines of our log, each kind seldom: of a collector that is away it tells often."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless one of its kind was written lately."""
        now = time.monotonic()
        if now >= self._said.get(record.msg, now):
            self._said[record.msg] = now + SILENCE_SECONDS
            reason = {} if record.exc_info is None else {"reason": str(record.exc_info[1])}
            log.warning("opentelemetry", message=record.getMessage(), **reason)


def _log_as_all_else() -> None:
    """Have OpenTelemetry say what it has to say in our log, not in lines of its own."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers, logger.propagate = [_Lines()], False

"""The spans of children in training, below the attempt's that their assignment names.

`train` is the child's time in a slot; below it are the stages that its task tells of, and `epoch`.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from nasfleet.names import TrialName
from nasfleet.v1.fleet_pb2 import Assignment, Hello
from nasfleet.v1.trial_pb2 import EpochMeasurement, Measurement
from nasfleet_trainer.child_traces import UNTRACED, ChildTrace
from nasfleet_trainer.leases import Result
from nasfleet_trainer.metrics import MEASURED, kind_word

MOST_PARTS = 1_000  # of one child, epochs and stages, have spans: what shows traces takes no trace without end
MOST_MESSAGE = 1_000  # characters; the store has the rest


Told = TypeVar("Told", bound=Callable[..., None])
log = structlog.get_logger()


def _harmless(told: Told) -> Told:
    """Have an error in this be logged, and no trial know of it."""

    @functools.wraps(told)
    def tried(*arguments: object) -> None:
        try:
            told(*arguments)
        except Exception:
            log.exception("traces_failed")

    return cast("Told", tried)


class ChildSpans:
    """The spans of one child."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._began = time.time()
        self._parts = 0

    @_harmless
    def stage(self, name: str, began: float, ended: float) -> None:
        """Write down a stage."""
        # A task of one's own may call it what no collector takes, and what was to be sent with it would be lost too.
        self._add(str(name).encode(errors="replace").decode(), began, ended, {})

    @_harmless
    def epoch(self, epoch: EpochMeasurement) -> None:
        """Write down an epoch that has just ended, by the time that it says it took."""
        now = time.time()
        facts: dict[str, int | float] = {"nasfleet.epoch": epoch.epoch, "nasfleet.value": epoch.value}
        if epoch.HasField("loss"):
            facts["nasfleet.loss"] = epoch.loss
        self._add("epoch", max(self._began, now - epoch.seconds), now, facts)

    @_harmless
    def end(self, result: Result) -> None:
        """Say what came of the child."""
        if isinstance(result, Measurement):
            self._span.set_attributes({"nasfleet.outcome": MEASURED, "nasfleet.value": result.value})
            return
        self._span.set_attributes({"nasfleet.outcome": "failed", "nasfleet.failure": kind_word(result.kind)})
        self._span.set_status(StatusCode.ERROR, result.message[:MOST_MESSAGE])

    def _add(self, name: str, began: float, ended: float, facts: Mapping[str, int | float]) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            return
        below = set_span_in_context(self._span, Context())
        span = self._tracer.start_span(name, below, attributes=facts, start_time=int(began * 1e9))
        span.end(int(ended * 1e9))


class TracedChildren:
    """Traces the children of one trainer, whose name, pool and device their spans have."""

    def __init__(self, tracer: Tracer, hello: Hello) -> None:
        self._tracer = tracer
        self._trainer = {"nasfleet.trainer": hello.trainer, "nasfleet.device": hello.device}
        if hello.pool:
            self._trainer["nasfleet.pool"] = hello.pool
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def child(self, assignment: Assignment) -> Iterator[ChildTrace]:
        """Trace a child, unless the controller does not trace its trial; in its own task, whose log names the trace then."""
        try:
            span = self._begin(assignment)
        except Exception:
            log.exception("traces_failed")
            span = None
        if span is None:
            yield UNTRACED
            return
        try:
            yield ChildSpans(self._tracer, span)
        finally:
            span.end()

    def _begin(self, assignment: Assignment) -> Span | None:
        above = self._propagator.extract({"traceparent": assignment.traceparent}, Context())
        if not above:
            return None
        trial = TrialName.parse(assignment.trial)
        facts: dict[str, str | int] = {
            **self._trainer,
            "nasfleet.search": str(trial.search),
            "nasfleet.trial": trial.number,
            "nasfleet.fence": assignment.fence,
            "nasfleet.rank": assignment.gang.rank,
            # Until the end is known: its lease was taken back, or the trainer left.
            "nasfleet.outcome": "stopped",
        }
        span = self._tracer.start_span("train", above, SpanKind.SERVER, facts)
        if span.is_recording():
            structlog.contextvars.bind_contextvars(trace_id=format_trace_id(span.get_span_context().trace_id))
        return span

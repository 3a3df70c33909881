"""The spans of children in their slots: where they hang, when they end, and when there are none."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, Span, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from nasfleet.catalogue.tasks import PluginTask, Synthetic
from nasfleet.v1.fleet_pb2 import Hello
from nasfleet.v1.trial_pb2 import Measurement
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, announce, assign
from nasfleet_trainer.child_spans import MOST_PARTS, ChildSpans, TracedChildren
from nasfleet_trainer.leases import Result
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots

TRACE, ABOVE = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7
TRACEPARENT = f"00-{TRACE:032x}-{ABOVE:016x}-01"
STAGED = PluginTask(object="nasfleet_testing.staged_task:StagedTask")


class Bench:
    """Slots whose children are traced."""

    def __init__(self, slots: Slots, exporter: InMemorySpanExporter) -> None:
        self.slots = slots
        self._exporter = exporter
        self.epoch_came = asyncio.Event()

    def start(self, traceparent: str, tokens: tuple[int, int, int] = (0, 0, 0)) -> asyncio.Future[Result | None]:
        ended: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        assignment = assign(1, tokens)
        assignment.traceparent = traceparent
        self.slots.start(
            assignment, lambda *_: self.epoch_came.set(), lambda _, result: ended.set_result(result), lambda *_: None
        )
        return ended

    def ended(self, name: str = "") -> Sequence[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if name in {"", span.name}]


@asynccontextmanager
async def bench(task: Synthetic | PluginTask) -> AsyncIterator[Bench]:
    exporter, provider, searches = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False), Searches(Place())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = TracedChildren(provider.get_tracer("test"), Hello(trainer="probe", device="cpu"))
    searches.announce(announce(task))
    slots = Slots(searches, Place(), 1, Metrics(CollectorRegistry()), traces)
    try:
        yield Bench(slots, exporter)
    finally:
        await slots.close()


@pytest.fixture(autouse=True)
def _tasks_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


def below(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    assert span.parent is not None
    return span.context.trace_id, span.parent.span_id


@pytest.mark.timeout(2 * PATIENCE_SECONDS)
async def test_a_stage_of_a_task_of_ones_own_is_a_span_whether_or_not_it_goes_well() -> None:
    async with bench(STAGED) as children:
        assert isinstance(await children.start(TRACEPARENT), Measurement)
        await children.start(TRACEPARENT, (1, 0, 0))
        good, bad = children.ended("train")
        stages = children.ended("tokenize")
    for train, stage in zip((good, bad), stages, strict=True):
        assert train.context is not None
        assert below(train) == (TRACE, ABOVE)
        assert below(stage) == (TRACE, train.context.span_id)
    assert bad.status.description == "ValueError: there is nothing to tokenize"


@pytest.mark.timeout(2 * PATIENCE_SECONDS)
@pytest.mark.parametrize("traceparent", ["", "00-no-traceparent", TRACEPARENT.removesuffix("1") + "0"])
@pytest.mark.parametrize("task", [STAGED, Synthetic()], ids=["in a process", "in the loop"])
async def test_a_child_whose_trial_is_not_traced_has_no_span(traceparent: str, task: Synthetic | PluginTask) -> None:
    async with bench(task) as children:
        assert isinstance(await children.start(traceparent), Measurement)
        assert not children.ended()


async def test_a_child_that_is_stopped_has_a_span_that_says_so() -> None:
    async with bench(Synthetic(epochs=1000, epoch_seconds=0.01)) as children:
        ended = children.start(TRACEPARENT)
        await children.epoch_came.wait()
        children.slots.stop(1)
        assert await ended is None
        [train] = children.ended("train")
    assert (train.attributes or {})["nasfleet.outcome"] == "stopped"
    assert train.status.is_unset


async def test_the_spans_of_epochs_are_bounded() -> None:
    async with bench(Synthetic(epochs=MOST_PARTS + 5)) as children:
        assert isinstance(await children.start(TRACEPARENT), Measurement)
        assert len(children.ended("epoch")) == MOST_PARTS


@pytest.mark.timeout(2 * PATIENCE_SECONDS)
@pytest.mark.parametrize("failing", ["start_span", "set_attributes"])
async def test_an_error_in_tracing_costs_no_child_its_outcome(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_order(*_: object, **__: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr({"start_span": Tracer, "set_attributes": Span}[failing], failing, out_of_order)
    async with bench(STAGED) as children:
        assert isinstance(await children.start(TRACEPARENT), Measurement)


def test_a_stage_may_be_called_anything_without_loss_of_others() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    ChildSpans(tracer, tracer.start_span("train")).stage("half of a \ud83d", 0.0, 1.0)
    [stage] = exporter.get_finished_spans()
    assert encode_spans([stage]).SerializeToString()

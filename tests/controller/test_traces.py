"""What becomes of the trace of a trial in cases that are rare; `tests/system/test_traces.py` has the common ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased

from nasfleet.catalogue import Reinforce
from nasfleet.measurement import Failure, FailureKind
from nasfleet.names import SearchName
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    Proposal,
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialRequeued,
    TrialReused,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.snapshots import Snapshot
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.trace_ids import span_id, trace_id
from nasfleet_controller.traces import ChosenIds, TrialTraces
from nasfleet_testing.specs import smallest_spec

NAME = SearchName("default", "s")
SPEC = smallest_spec(strategy=Reinforce())
CREATED = SearchCreated(1, NAME, "uid", SPEC, SearchState.RUNNING, 1.0)
RETURNED = Failure(FailureKind.RETURNED, "the trainer drains")


class Traced:
    """Traces that are told of records, and what they have ended so far."""

    def __init__(self, sampler: Sampler = ALWAYS_ON, snapshot: Snapshot | None = None) -> None:
        self._exporter, ids = InMemorySpanExporter(), ChosenIds()
        provider = TracerProvider(sampler=ParentBased(sampler), id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.traces = TrialTraces(provider.get_tracer("test"), ids)
        self.traces.loaded(snapshot or Snapshot())

    def tell(self, *records: Record, well: bool = True) -> None:
        self.traces.committed(records, 0.0)
        assert self.traces._broken is not well, "what is kept by traces that are broken shows nothing"

    def ended(self, name: str) -> Sequence[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def kept(self) -> int:
        """Return how many trials and leases are in memory."""
        searches = self.traces._searches.values()
        return len(self.traces._attempts) + sum(len(search.open) + len(search.unlearned) for search in searches)


def proposed(*numbers: int) -> BatchProposed:
    return BatchProposed(1, 0, 0, None, tuple(Proposal(number, (0,), f"hash-{number}") for number in numbers), 2.0)


def started(number: int, fence: int, at: float = 3.0) -> AttemptStarted:
    return AttemptStarted(fence, 1, number, "trainer", "instance", at)


def settled(number: int, fence: int) -> TrialSettled:
    return TrialSettled(1, number, fence, 1, TrialState.SUCCEEDED, 0.5, None, None, 5.0)


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(f"nasfleet.{name}")


def test_a_trial_that_has_the_reward_of_another_has_no_attempt_and_names_it() -> None:
    traced = Traced()
    traced.tell(CREATED, proposed(4), TrialReused(1, 4, 2, 1, TrialState.SUCCEEDED, 0.25, 2.0))
    [root] = traced.ended("trial")
    assert [attribute(root, name) for name in ("reused_from", "reward", "attempts", "outcome")] == [2, 0.25, 0, "succeeded"]
    assert not traced.ended("attempt")
    assert not traced.ended("queue")


def test_what_was_handed_back_is_no_error() -> None:
    traced = Traced()
    traced.tell(CREATED, proposed(0), started(0, 7), AttemptEnded(7, None, RETURNED, 0.0, 4.0), TrialRequeued(1, 0, RETURNED))
    [attempt] = traced.ended("attempt")
    assert attribute(attempt, "failure") == "returned"
    assert attempt.status.is_unset


@pytest.mark.parametrize("end", [SearchMoved(1, SearchState.CANCELLED, "", 0.0, 6.0), SearchDeleted(1)])
def test_trials_of_a_search_that_is_no_more_end_with_it(end: Record) -> None:
    traced = Traced()
    traced.tell(CREATED, proposed(0, 1, 2), started(0, 7), AttemptEnded(7, None, RETURNED, 0.0, 4.0))
    traced.tell(started(2, 8), AttemptEnded(8, "o", None, 1.0, 5.0), settled(2, 8), end)
    assert [attribute(root, "outcome") for root in traced.ended("trial")] == ["succeeded", "abandoned", "abandoned"]
    assert traced.kept() == 0


def snapshot_of(path: Path, *records: Record) -> Snapshot:
    with Store(f"sqlite:///{path}") as store:
        store.commit(records)
        return store.load()


def test_a_cancelled_search_is_not_taken_up_again_and_can_be_deleted(tmp_path: Path) -> None:
    opened = snapshot_of(tmp_path / "one.db", CREATED, proposed(0, 1), started(0, 7))
    assert Traced(snapshot=opened).kept() == 3
    cancelled = replace(opened, searches=(replace(opened.searches[0], state=SearchState.CANCELLED),))
    traced = Traced(snapshot=cancelled)
    assert traced.kept() == 0
    traced.tell(SearchDeleted(1))


def test_nothing_of_trials_that_are_learned_from_is_kept() -> None:
    traced = Traced()
    update = Update(3, 0.5, 0.5, 1.0, 1.0, 0, b"")
    traced.tell(CREATED, proposed(0, 1), started(0, 7), started(1, 8))
    for number, fence in ((0, 7), (1, 8)):
        traced.tell(AttemptEnded(fence, "o", None, 1.0, 5.0), settled(number, fence))
    assert traced.kept() == 2
    traced.tell(BatchLearned(1, (0, 1), update, 6.0))
    assert traced.kept() == 0
    assert [attribute(span, "policy_version") for span in traced.ended("learn")] == [3, 3]


def test_the_span_of_a_lease_is_named_while_it_lasts() -> None:
    traced = Traced()
    traced.tell(CREATED, proposed(5), started(5, 7))
    trace = trace_id("uid", 5)
    assert traced.traces.traceparent(7) == f"00-{trace:032x}-{span_id(trace, 'attempt', 7):016x}-01"
    assert traced.traces.traceparent(6) == ""
    traced.tell(AttemptEnded(7, "o", None, 1.0, 5.0))
    assert traced.traces.traceparent(7) == ""


def test_a_trial_that_is_not_sampled_tells_trainers_so_and_leaves_nothing() -> None:
    traced = Traced(ALWAYS_OFF)
    traced.tell(CREATED, proposed(5), started(5, 7))
    assert traced.traces.traceparent(7).endswith("-00")
    traced.tell(AttemptEnded(7, "o", None, 1.0, 5.0), settled(5, 7))
    assert not traced.ended("trial")
    assert not traced.ended("attempt")


def test_a_share_of_the_trials_is_sampled_whole_and_the_same_share_after_a_restart() -> None:
    whole = [Traced(TraceIdRatioBased(0.3)) for _ in range(2)]
    for traced in whole:
        traced.tell(CREATED, proposed(*range(200)), *(started(number, number + 1) for number in range(200)))
        for number in range(200):
            traced.tell(AttemptEnded(number + 1, "o", None, 1.0, 5.0), settled(number, number + 1))
    sampled = [[attribute(root, "trial") for root in traced.ended("trial")] for traced in whole]
    assert sampled[0] == sampled[1]
    assert 30 < len(sampled[0]) < 90
    for traced in whole:
        assert [attribute(span, "trial") for span in traced.ended("attempt")] == sampled[0]


def test_what_is_open_goes_on_after_the_state_was_loaded_anew(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/nasfleet.db") as store:
        before = (
            CREATED,
            proposed(0, 1, 2),
            started(0, 7),
            started(1, 8, at=3.5),
            AttemptEnded(7, None, RETURNED, 0.0, 4.0),
            TrialRequeued(1, 0, RETURNED),
            started(2, 9),
            AttemptEnded(9, "o", None, 1.0, 5.0),
            settled(2, 9),
        )
        store.commit(before)
        first = Traced()
        first.tell(*before)
        second = Traced(snapshot=store.load())
    after = (
        started(0, 10, at=6.0),
        AttemptEnded(8, "o", None, 1.0, 7.0),
        settled(1, 8),
        AttemptEnded(10, "o", None, 1.0, 8.0),
        settled(0, 10),
        BatchLearned(1, (0, 1, 2), Update(1, 0.5, 0.5, 1.0, 1.0, 0, b""), 9.0),
    )
    for traced in (first, second):
        traced.tell(*after)
    for name in ("trial", "queue", "attempt", "learn"):
        wanted = {span.context.span_id: span for span in first.ended(name)}
        for span in second.ended(name):
            same = wanted[span.context.span_id]
            assert (span.context, span.parent, span.start_time, span.end_time) == (
                same.context,
                same.parent,
                same.start_time,
                same.end_time,
            )
            assert span.attributes == same.attributes
    assert [len(second.ended(name)) for name in ("trial", "queue", "attempt", "learn")] == [2, 1, 2, 3]
    assert second.kept() == first.kept() == 0


class Broken(TraceIdRatioBased):
    """A sampler that is out of order for as long as it is said to be."""

    failing = True

    def should_sample(self, *arguments: Any, **options: Any) -> SamplingResult:
        if self.failing:
            raise RuntimeError("out of order")
        return super().should_sample(*arguments, **options)


def test_an_error_while_the_state_is_loaded_ends_traces_and_not_the_controller(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        traced = Traced(Broken(1.0), snapshot_of(tmp_path / "one.db", CREATED, proposed(0, 1), started(0, 7)))
        traced.tell(AttemptEnded(7, "o", None, 1.0, 5.0), settled(0, 7), well=False)
    assert [line["event"] for line in logged] == ["traces_failed"]


def test_an_error_in_tracing_ends_traces_until_the_state_is_loaded_anew_and_is_logged_once() -> None:
    sampler = Broken(1.0)
    traced = Traced(sampler)
    with structlog.testing.capture_logs() as logged:
        traced.tell(CREATED, proposed(0), well=False)
        traced.tell(started(0, 7), AttemptEnded(7, "o", None, 1.0, 5.0), settled(0, 7), well=False)
    assert [line["event"] for line in logged] == ["traces_failed"]
    assert traced.traces.traceparent(7) == ""
    sampler.failing = False
    traced.traces.loaded(Snapshot())
    traced.tell(CREATED, proposed(0), TrialReused(1, 0, 2, 1, TrialState.SUCCEEDED, 0.25, 2.0))
    assert len(traced.ended("trial")) == 1

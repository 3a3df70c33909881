"""One trace for each trial, made of what was committed: a span from its proposal to its reward, and spans of its parts.

`trial` is the root; below it are `queue`, once for each time that the trial waited, `attempt`, from lease to outcome, and
`learn`, from the reward to the update that consumed it. Trainers put their own below the attempt's. Only open trials, and
those that wait to be learned from, are kept in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, assert_never

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from nasfleet.catalogue import Reinforce, SearchSpec
from nasfleet.measurement import Failure, FailureKind
from nasfleet.names import SearchName
from nasfleet_controller.metrics import outcome_of
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialReused,
    TrialSettled,
)
from nasfleet_controller.snapshots import SearchSnapshot, Snapshot
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.trace_ids import span_id, trace_id

MOST_MESSAGE = 1_000  # characters; the store has the rest

log = structlog.get_logger()

Attributes = Mapping[str, str | int | float | bool]
T = TypeVar("T")


class ChosenIds(IdGenerator):
    """Gives the next span the ids that were chosen for it."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        """Return the id of the trace that the next root span begins."""
        return self.trace

    def generate_span_id(self) -> int:
        """Return the id of the next span."""
        return self.span


@dataclass(slots=True)
class _Trial:
    """A trial that is open or not learned from: its root span, and since when it waits or is settled."""

    root: Span
    since: float
    attempts: int = 0


@dataclass(slots=True)
class _Search:
    name: SearchName
    uid: str
    learns: bool
    open: dict[int, _Trial] = field(default_factory=dict)
    unlearned: dict[int, _Trial] = field(default_factory=dict)


class TrialTraces:
    """Ends each span once what ends it is committed; spans of trials that are open after a restart begin with it anew."""

    def __init__(self, tracer: Tracer, ids: ChosenIds) -> None:
        self._tracer = tracer
        self._ids = ids
        self._propagator = TraceContextTextMapPropagator()
        self._broken = False
        self._searches: dict[int, _Search] = {}
        self._attempts: dict[int, tuple[Span, _Trial]] = {}  # by fence

    def traceparent(self, fence: int) -> str:
        """Return the span of a lease in the form of W3C Trace Context; empty if the lease has ended."""
        if fence not in self._attempts:
            return ""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(self._attempts[fence][0], Context()))
        return carrier.get("traceparent", "")

    def loaded(self, snapshot: Snapshot) -> None:
        """Take in the state at the start."""
        self._broken, self._searches, self._attempts = False, {}, {}
        for found in snapshot.searches:
            self._or_end(self._begin_again, found)

    def committed(self, records: Sequence[Record], _seconds: float) -> None:
        """Write down what happened."""
        for record in records:
            self._or_end(self._take, record)

    def store_failed(self) -> None:
        """Wait for the state that will be loaded anew."""

    def _or_end(self, take: Callable[[T], None], what: T) -> None:
        """Take something in; an error in this ends the traces, until the state is loaded anew, and nothing else."""
        if self._broken:
            return
        try:
            take(what)
        except Exception:
            log.exception("traces_failed")
            self._broken, self._searches, self._attempts = True, {}, {}

    def _begin_again(self, found: SearchSnapshot) -> None:
        self._know(found.search_id, found.name, found.uid, found.spec)
        if found.state is not SearchState.CANCELLED:
            self._take_up(found)

    def _know(self, search_id: int, name: SearchName, uid: str, spec: SearchSpec) -> None:
        self._searches[search_id] = _Search(name, uid, learns=isinstance(spec.strategy, Reinforce))

    def _take_up(self, found: SearchSnapshot) -> None:
        """Go on with the trials that are open or not learned from."""
        search = self._searches[found.search_id]
        for trial in found.open_trials:
            times = found.times[trial.number]
            facts = _facts(trial.canonical_hash, trial.batch, trial.policy_version, trial.layers)
            search.open[trial.number] = opened = self._open(search, trial.number, times.proposed_at, facts)
            opened.since, opened.attempts = times.since, times.attempts
            if trial.lease is not None:
                facts = {"nasfleet.trainer": trial.lease.trainer}
                self._lease(search, trial.number, trial.lease.fence, times.since, facts)
        for settled in found.unlearned:
            times = found.times[settled.number]
            search.unlearned[settled.number] = self._open(search, settled.number, times.proposed_at, {})
            search.unlearned[settled.number].since = times.since

    def _take(self, record: Record) -> None:
        match record:
            case SearchCreated():
                self._know(record.search_id, record.name, record.uid, record.spec)
            case SearchMoved(state=SearchState.CANCELLED, at=at):
                self._abandon(self._searches[record.search_id], at)
            case SearchDeleted():
                self._abandon(self._searches.pop(record.search_id), None)
            case BatchProposed():
                search = self._searches[record.search_id]
                for one in record.proposals:
                    facts = _facts(one.canonical_hash, record.batch, record.policy_version, record.layers)
                    search.open[one.number] = self._open(search, one.number, record.at, facts)
            case AttemptStarted():
                self._start(record)
            case AttemptEnded():
                self._end(record)
            case TrialSettled() | TrialReused():
                self._settle(record)
            case BatchLearned():
                self._learn(record)
            case _:
                pass

    def _open(self, search: _Search, number: int, at: float, facts: Attributes) -> _Trial:
        return _Trial(self._begin(search, number, "trial", 0, at, facts), at)

    def _start(self, record: AttemptStarted) -> None:
        search = self._searches[record.search_id]
        trial = search.open[record.number]
        trial.attempts += 1
        queue = self._begin(search, record.number, "queue", trial.attempts, trial.since, {}, trial.root)
        queue.end(_nanoseconds(record.at))
        facts = {"nasfleet.trainer": record.trainer} | ({} if record.pool is None else {"nasfleet.pool": str(record.pool)})
        self._lease(search, record.number, record.fence, record.at, facts)

    def _lease(self, search: _Search, number: int, fence: int, at: float, facts: Attributes) -> None:
        trial = search.open[number]
        facts = {"nasfleet.attempt": trial.attempts, "nasfleet.fence": fence, **facts}
        span = self._begin(search, number, "attempt", fence, at, facts, trial.root, SpanKind.CLIENT)
        self._attempts[fence] = span, trial

    def _end(self, record: AttemptEnded) -> None:
        span, trial = self._attempts.pop(record.fence)
        trial.since = record.at
        if record.failure is not None:
            _mark(span, record.failure)
        span.set_attribute("nasfleet.trainer_seconds", record.trainer_seconds)
        span.end(_nanoseconds(record.at))

    def _settle(self, record: TrialSettled | TrialReused) -> None:
        search = self._searches[record.search_id]
        trial = search.open.pop(record.number)
        trial.root.set_attributes({"nasfleet.attempts": trial.attempts, "nasfleet.outcome": outcome_of(record)})
        if record.reward is not None:
            trial.root.set_attribute("nasfleet.reward", record.reward)
        match record:
            case TrialSettled(failure=Failure() as failure):
                _mark(trial.root, failure)
            case TrialSettled():
                pass
            case TrialReused():
                trial.root.set_attribute("nasfleet.reused_from", record.source)
            case _:
                assert_never(record)
        trial.root.end(_nanoseconds(record.at))
        if search.learns:
            trial.since = record.at
            search.unlearned[record.number] = trial

    def _learn(self, record: BatchLearned) -> None:
        search = self._searches[record.search_id]
        for number in record.numbers:
            trial = search.unlearned.pop(number, None)
            if trial is not None and record.update is not None:
                span = self._begin(search, number, "learn", 0, trial.since, _learned(record.update), trial.root)
                span.end(_nanoseconds(record.at))

    def _abandon(self, search: _Search, at: float | None) -> None:
        """End the spans of trials that will never be settled, since their search was cancelled or is gone."""
        for trial in search.open.values():
            trial.root.set_attributes({"nasfleet.attempts": trial.attempts, "nasfleet.outcome": "abandoned"})
            trial.root.end(None if at is None else _nanoseconds(at))
        search.open, search.unlearned = {}, {}

    def _begin(
        self,
        search: _Search,
        number: int,
        name: str,
        ordinal: int,
        at: float,
        facts: Attributes,
        parent: Span | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        """Begin a span of a trial, at a time that has been; without a parent it is the root."""
        self._ids.trace = trace_id(search.uid, number)
        self._ids.span = span_id(self._ids.trace, name, ordinal)
        above = Context() if parent is None else set_span_in_context(parent, Context())
        of_trial: Attributes = {"nasfleet.search": str(search.name), "nasfleet.trial": number}
        return self._tracer.start_span(name, above, kind, {**of_trial, **facts}, start_time=_nanoseconds(at))


def _facts(canonical_hash: str, batch: int, policy_version: int, layers: int | None) -> Attributes:
    """Return what is known of a trial from its proposal on."""
    depth = {} if layers is None else {"nasfleet.layers": layers}
    return {
        "nasfleet.architecture": canonical_hash,
        "nasfleet.batch": batch,
        "nasfleet.policy_version": policy_version,
        **depth,
    }


def _learned(update: Update) -> Attributes:
    return {
        "nasfleet.policy_version": update.version,
        "nasfleet.mean_reward": update.mean_reward,
        "nasfleet.baseline": update.baseline,
        "nasfleet.staleness": update.staleness,
    }


def _mark(span: Span, failure: Failure) -> None:
    """Say why a span ended without a measurement; what was handed back is nobody's error."""
    span.set_attribute("nasfleet.failure", failure.kind.word)
    if failure.kind is not FailureKind.RETURNED:
        span.set_status(StatusCode.ERROR, failure.message[:MOST_MESSAGE])


def _nanoseconds(at: float) -> int:
    """Return Unix seconds as OpenTelemetry has them."""
    return int(at * 1e9)

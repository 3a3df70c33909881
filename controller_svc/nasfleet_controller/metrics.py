"""What Prometheus sees of the controller, counted from what was committed; the rest is in `gauges` and `call_metrics`.

Every metric is described in docs/reference/metrics.md. Nothing carries trial ids or architectures. The series of a search go
when it is deleted, and a while after it has ended.
"""

import time
from collections.abc import Iterable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.metrics import MetricWrapperBase

from nasfleet import PROTOCOL_VERSION, __version__
from nasfleet.address import Address
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, FailureKind
from nasfleet.names import SearchName
from nasfleet_controller.call_metrics import CallMetrics
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    EpochsMeasured,
    LateOutcome,
    Record,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    TrialRequeued,
    TrialReused,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.snapshots import Snapshot
from nasfleet_controller.strategies.strategy import Update

SEARCH = ("namespace", "search")
OUTCOMES = ("succeeded", "failed", "lost")
ENDED_SERIES_SECONDS = 600.0
REWARDS = (-1.0, -0.75, -0.5, -0.3, -0.2, -0.1, *(step / 20 for step in range(21)))
TRIAL_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
WAIT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30, 120)


class SearchMetrics:
    """The metrics that carry the name of a search."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"nasfleet_{name}", text, (*SEARCH, *labels), registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"nasfleet_policy_{name}", text, SEARCH, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"nasfleet_{name}", text, SEARCH, registry=registry, buckets=buckets)

        self.proposed = counter("trials_proposed", "Architectures proposed.")
        self.duplicates = counter("trials_duplicate", "Proposals of a network that had been proposed before.")
        self.reused = counter("trials_reused", "Trials that got the reward of another trial of their network, untrained.")
        self.settled = counter("trials_settled", "Trials done for good.", "outcome")
        self.stopped_early = counter("trials_stopped_early", "Measured trials whose training was stopped early.")
        self.epochs_saved = counter("epochs_saved", "Epochs that children stopped early were not trained for.")
        self.failures = counter("attempts_failed", "Attempts that gave no measurement.", "kind")
        self.epochs = counter("epochs", "Epochs that children were trained for.")
        self.updates = counter("policy_updates", "Updates of the policy.")
        self.rewards = histogram("reward", "Rewards of settled trials.", REWARDS)
        self.trial_seconds = histogram("trial_seconds", "Wall time of measured trials.", TRIAL_SECONDS)
        self.epoch_seconds = histogram("epoch_seconds", "Wall time of epochs.", TRIAL_SECONDS)
        self.baseline = gauge("baseline_reward", "Baseline after the last update.")
        self.batch_reward = gauge("batch_reward", "Mean reward of the last batch.")
        self.first_batch_reward = gauge("first_batch_reward", "Mean reward of the first batch.")
        self.entropy = gauge("entropy_nats", "Mean entropy of a decision under the policy, before the last update.")
        self.gradient_norm = gauge("gradient_norm", "Norm of the last gradient, before clipping.")
        self.staleness = gauge("staleness_updates", "Updates between the last batch's proposal and its own.")

    def all(self) -> Iterable[MetricWrapperBase]:
        """Return every metric."""
        return vars(self).values()


class ControllerMetrics:
    """Takes in what is committed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.of_searches = SearchMetrics(self.registry)
        self.calls = CallMetrics(self.registry)
        self._labels: dict[int, tuple[str, str]] = {}
        self._ended: dict[int, float] = {}
        self._last_epochs: dict[int, int] = {}
        self._ended_fences: list[int] = []
        registry = self.registry
        ProcessCollector(registry=registry)
        self._commits = Histogram(
            "nasfleet_store_commit_seconds", "Time of a commit.", registry=registry, buckets=COMMIT_SECONDS
        )
        self._records = Counter("nasfleet_store_records", "Records committed.", registry=registry)
        self._store_failures = Counter("nasfleet_store_failures", "Attempts to use the store that failed.", registry=registry)
        self._late = Counter("nasfleet_outcomes_late", "Outcomes of leases that had been taken back.", registry=registry)
        self._waits = Histogram(
            "nasfleet_assignment_wait_seconds",
            "Time for which a trainer's slot was free before it was given a trial.",
            registry=registry,
            buckets=WAIT_SECONDS,
        )
        info = Gauge("nasfleet_build_info", "1, with the version.", ("version", "protocol"), registry=registry)
        info.labels(__version__, str(PROTOCOL_VERSION)).set(1)

    def serve(self, address: Address) -> Address:
        """Serve the metrics over HTTP from a thread of their own; return where.

        Raises:
            InvalidInputError: if the address cannot be had.
        """
        # They double the series and say what counters that begin at 0 say anyhow.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client gives it no types
        try:
            server, _ = start_http_server(address.port, address.host, self.registry)
        except OSError as error:
            raise InvalidInputError(f"--metrics {address} cannot be had ({error.strerror}): give another address") from error
        return Address(address.host, server.server_port)

    def loaded(self, snapshot: Snapshot) -> None:
        """Take in the state at the start; counters begin at 0, as they do in every process."""
        for found in snapshot.searches:
            self._know(found.search_id, found.name)
            if found.state.ended:
                self._ended[found.search_id] = time.monotonic()

    def committed(self, records: Sequence[Record], seconds: float) -> None:
        """Take in what happened, and how long its commit took."""
        self._commits.observe(seconds)
        self._records.inc(len(records))
        for record in records:
            self._take(record)
        for fence in self._ended_fences:
            self._last_epochs.pop(fence, None)
        self._ended_fences.clear()
        self._forget_ended()

    def store_failed(self) -> None:
        """Take in that the store could not be read or written."""
        self._store_failures.inc()

    def _take(self, record: Record) -> None:
        match record:
            case SearchCreated():
                self._know(record.search_id, record.name)
            case SearchMoved():
                self._ended.pop(record.search_id, None)
                if record.state.ended:
                    self._ended[record.search_id] = time.monotonic()
            case SearchDeleted():
                self._forget(record.search_id)
            case LateOutcome():
                self._late.inc()
            case AttemptStarted():
                self._waits.observe(record.waited_seconds)
            case AttemptEnded():
                self._ended_fences.append(record.fence)
            case BatchProposed() | EpochsMeasured() | TrialRequeued() | TrialSettled() | TrialReused() | BatchLearned():
                self._take_of_search(record, self._labels[record.search_id])
            case _:
                pass

    def _take_of_search(
        self,
        record: BatchProposed | EpochsMeasured | TrialRequeued | TrialSettled | TrialReused | BatchLearned,
        labels: tuple[str, str],
    ) -> None:
        metrics = self.of_searches
        match record:
            case BatchProposed():
                metrics.proposed.labels(*labels).inc(len(record.proposals))
                metrics.duplicates.labels(*labels).inc(record.duplicates)
                self._begin_at_none(labels)
            case EpochsMeasured():
                self._count_epochs(record.fence, record.epochs, labels)
            case TrialRequeued():
                metrics.failures.labels(*labels, record.failure.kind.word).inc()
            case TrialSettled():
                self._settle(record, labels)
            case TrialReused():
                metrics.reused.labels(*labels).inc()
                self._count_settled(record, labels)
            case BatchLearned(update=Update() as update):
                metrics.updates.labels(*labels).inc()
                metrics.baseline.labels(*labels).set(update.baseline)
                metrics.batch_reward.labels(*labels).set(update.mean_reward)
                if update.version == 1:
                    metrics.first_batch_reward.labels(*labels).set(update.mean_reward)
                metrics.entropy.labels(*labels).set(update.entropy)
                metrics.gradient_norm.labels(*labels).set(update.gradient_norm)
                metrics.staleness.labels(*labels).set(update.staleness)

    def _begin_at_none(self, labels: tuple[str, str]) -> None:
        """Have what is rare be seen to be none: Prometheus sees no increase in a series that begins with it."""
        metrics = self.of_searches
        for rare in (metrics.reused, metrics.stopped_early, metrics.epochs_saved):
            rare.labels(*labels).inc(0)
        for outcome in OUTCOMES:
            metrics.settled.labels(*labels, outcome).inc(0)
        for kind in FailureKind:
            metrics.failures.labels(*labels, kind.word).inc(0)

    def _settle(self, settled: TrialSettled, labels: tuple[str, str]) -> None:
        metrics = self.of_searches
        self._count_settled(settled, labels)
        if settled.measurement is not None:
            metrics.trial_seconds.labels(*labels).observe(settled.measurement.seconds)
            metrics.stopped_early.labels(*labels).inc(settled.measurement.stopped_early)
            metrics.epochs_saved.labels(*labels).inc(settled.epochs_saved)
            self._count_epochs(settled.fence, settled.measurement.epochs, labels)
        if settled.failure is not None:
            metrics.failures.labels(*labels, settled.failure.kind.word).inc()

    def _count_settled(self, settled: TrialSettled | TrialReused, labels: tuple[str, str]) -> None:
        metrics = self.of_searches
        metrics.settled.labels(*labels, outcome_of(settled)).inc()
        if settled.reward is not None:
            metrics.rewards.labels(*labels).observe(settled.reward)

    def _count_epochs(self, fence: int, epochs: Sequence[EpochMeasurement], labels: tuple[str, str]) -> None:
        """Count epochs once, though an outcome carries again what was reported before it."""
        for epoch in epochs:
            if epoch.epoch > self._last_epochs.get(fence, 0):
                self._last_epochs[fence] = epoch.epoch
                self.of_searches.epochs.labels(*labels).inc()
                self.of_searches.epoch_seconds.labels(*labels).observe(epoch.seconds)

    def _know(self, search_id: int, name: SearchName) -> None:
        self._labels[search_id] = (name.namespace, name.search_id)

    def _forget_ended(self) -> None:
        due = time.monotonic() - ENDED_SERIES_SECONDS
        for search_id in [search_id for search_id, ended in self._ended.items() if ended < due]:
            del self._ended[search_id]
            self._remove_series(search_id)

    def _forget(self, search_id: int) -> None:
        self._ended.pop(search_id, None)
        self._remove_series(search_id)
        del self._labels[search_id]

    def _remove_series(self, search_id: int) -> None:
        namespace, search = self._labels[search_id]
        for metric in self.of_searches.all():
            metric.remove_by_labels({"namespace": namespace, "search": search})


def outcome_of(settled: TrialSettled | TrialReused) -> str:
    """Return what became of a trial, one of OUTCOMES."""
    succeeded, failed, lost = OUTCOMES
    return succeeded if settled.state is TrialState.SUCCEEDED else lost if settled.reward is None else failed

"""What can be watched of a trainer process; the table in the documentation says what each metric means."""

import platform
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nasfleet import __version__, measurement
from nasfleet.v1.trial_pb2 import FailureKind, Measurement
from nasfleet_trainer.leases import Result

_SECONDS = (0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
MEASURED = "measured"


def kind_word(kind: FailureKind.ValueType) -> str:
    """Return a kind of failure as metrics and logs have it."""
    return measurement.FailureKind(kind).word


class Metrics:
    """The metrics of all agents of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._children = Gauge("nasfleet_trainer_children", "Children in training.", registry=registry)
        self._trial_seconds = Histogram(
            "nasfleet_trainer_trial_seconds", "Wall time of attempts.", buckets=_SECONDS, registry=registry
        )
        self._epoch_seconds = Histogram(
            "nasfleet_trainer_epoch_seconds", "Wall time of epochs, as tasks report it.", buckets=_SECONDS, registry=registry
        )
        outcomes = Counter(
            "nasfleet_trainer_outcomes",
            "Attempts that were begun and have ended, by what came of them.",
            ["kind"],
            registry=registry,
        )
        self._failures = {kind: outcomes.labels(kind_word(kind)) for kind in FailureKind.values() if kind}
        self._measured = outcomes.labels(MEASURED)
        self.reconnects = Counter("nasfleet_trainer_stream_reconnects", "Streams that broke.", registry=registry)
        self._of_process: dict[Hashable, Mapping[str, float]] = {}
        for name, meaning in (
            ("examples_per_second", "Training examples per second, all children together, of their last epochs."),
            ("device_memory_bytes", "Device memory that the children have reserved."),
        ):
            Gauge(f"nasfleet_trainer_{name}", meaning, registry=registry).set_function(partial(self._total, name))
        build = Gauge(
            "nasfleet_trainer_build_info", "Always 1; the labels say what runs.", ["version", "python"], registry=registry
        )
        build.labels(__version__, platform.python_version()).set(1)

    @contextmanager
    def child(self) -> Iterator[None]:
        """Count a child as in training, and the time that it takes."""
        began = time.monotonic()
        self._children.inc()
        try:
            yield
        finally:
            self._children.dec()
            self._trial_seconds.observe(time.monotonic() - began)

    def epoch(self, seconds: float) -> None:
        """Count an epoch."""
        self._epoch_seconds.observe(seconds)

    def count(self, result: Result) -> None:
        """Count what came of a child."""
        counter = self._measured if isinstance(result, Measurement) else self._failures[result.kind]
        counter.inc()

    def gauge(self, process: Hashable, gauges: Mapping[str, float]) -> None:
        """Take in what a slot's process says of itself, by the names of metrics without their prefix."""
        self._of_process[process] = gauges

    def forget(self, process: Hashable) -> None:
        """Forget a slot's process that trains nothing now."""
        self._of_process.pop(process, None)

    def _total(self, name: str) -> float:
        return sum(gauges.get(name, 0.0) for gauges in list(self._of_process.values()))

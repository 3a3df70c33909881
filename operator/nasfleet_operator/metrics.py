"""What can be watched of the operator; docs/reference/metrics.md says what each metric means. No metric names a resource."""

from collections.abc import Callable
from http import HTTPStatus

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, start_http_server

from nasfleet import __version__
from nasfleet.address import Address
from nasfleet.errors import InvalidInputError

PASS_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


class OperatorMetrics:
    """The metrics of one operator."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        self.registry = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        self._passes = Histogram(
            "nasfleet_operator_reconcile_seconds",
            "Time of passes over one resource.",
            ("kind",),
            registry=self.registry,
            buckets=PASS_SECONDS,
        )
        self._failures = Counter(
            "nasfleet_operator_reconcile_errors", "Passes that failed.", ("kind", "error"), registry=self.registry
        )
        self._calls = Counter(
            "nasfleet_operator_api_calls", "Calls to the API server.", ("verb", "resource", "outcome"), registry=self.registry
        )
        build = Gauge("nasfleet_operator_build_info", "Always 1.", ("version",), registry=self.registry)
        build.labels(__version__).set(1)

    def count_pass(self, kind: str, seconds: float) -> None:
        """Count a pass."""
        self._passes.labels(kind).observe(seconds)

    def count_failure(self, kind: str, error: str) -> None:
        """Count a pass that failed, by the class of its error."""
        self._failures.labels(kind, error).inc()

    def count_call(self, verb: str, resource: str, status: int) -> None:
        """Count a call to the API server, by its HTTP status; 0 for no answer."""
        outcome = "unanswered" if status == 0 else "succeeded" if status < HTTPStatus.BAD_REQUEST else str(status)
        self._calls.labels(verb, resource, outcome).inc()

    def watch_state(self, waiting: Callable[[], int], pools: Callable[[], int], searches: Callable[[], int]) -> None:
        """Read these at every scrape."""
        for name, text, read in (
            ("queue_depth", "Resources that are due for a pass and wait for a worker.", waiting),
            ("pools", "Trainer pools.", pools),
            ("searches", "Searches.", searches),
        ):
            Gauge(f"nasfleet_operator_{name}", text, registry=self.registry).set_function(read)

    def serve(self, at: Address) -> None:
        """Serve to Prometheus until the process ends, or raise InvalidInputError."""
        try:
            start_http_server(at.port, at.host, self.registry)
        except OSError as error:
            raise InvalidInputError(f"--metrics {at} cannot be had ({error.strerror}): give another, or nothing") from error

"""A real OTLP receiver: keeps the spans that programs send it, as they come over gRPC."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

FAILED = trace_pb2.Status.StatusCode.STATUS_CODE_ERROR


@dataclass(frozen=True, slots=True)
class Seen:
    """A span as it was received; times are Unix seconds."""

    name: str
    service: str
    trace: str
    span: str
    parent: str
    began: float
    ended: float
    attributes: Mapping[str, Any]
    failed: bool


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What was received so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[Seen] = []
        self.address = ""

    def Export(  # noqa: N802 - as in its contract
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        with self._lock:
            for of_resource in request.resource_spans:
                service = _values(of_resource.resource.attributes)["service.name"]
                self._spans += [_seen(span, service) for scope in of_resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def variables(self) -> dict[str, str]:
        """What has programs send their spans here, and soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.address}", "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def spans(self, name: str, **attributes: object) -> list[Seen]:
        """Return the spans of this name, with these attributes of ours, in the order of their beginnings."""
        wanted = {f"nasfleet.{key}": value for key, value in attributes.items()}
        with self._lock:
            found = [one for one in self._spans if one.name == name and wanted.items() <= one.attributes.items()]
        return sorted(found, key=lambda one: one.began)

    def all(self) -> list[Seen]:
        """Return every span."""
        with self._lock:
            return list(self._spans)


def _seen(span: trace_pb2.Span, service: str) -> Seen:
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    times = (span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9)
    return Seen(span.name, service, *ids, *times, _values(span.attributes), span.status.code == FAILED)


def _values(attributes: Any) -> dict[str, Any]:
    def value(one: AnyValue) -> Any:
        return getattr(one, one.WhichOneof("value"))

    pairs: list[KeyValue] = list(attributes)
    return {pair.key: value(pair.value) for pair in pairs}


@contextmanager
def collector() -> Iterator[Collector]:
    """Receive spans while the context lasts."""
    received = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(received, server)
    received.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()

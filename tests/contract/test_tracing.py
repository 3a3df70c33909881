"""OpenTelemetry's own variables turn traces on; what they ask for and is not to be had is refused by name; leaving is quick."""

import socket
import sys
import time

import pytest

from nasfleet.errors import InvalidInputError
from nasfleet.tracing import FLUSH_SECONDS, asks_for_traces, exporting
from nasfleet_controller.config import ControllerConfig
from nasfleet_testing.collectors import collector
from nasfleet_trainer.config import parse

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
OF_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
WHERE = "http://collector:4317"


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, False),
        ({ENDPOINT: " "}, False),
        ({ENDPOINT: WHERE}, True),
        ({OF_TRACES: WHERE}, True),
        ({ENDPOINT: WHERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({ENDPOINT: WHERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, True),
        ({ENDPOINT: WHERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: WHERE, "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_SERVICE_NAME": "mine"}, False),
    ],
)
def test_variables_that_name_a_collector_ask_for_traces(variables: dict[str, str], asked: bool) -> None:  # noqa: FBT001
    assert asks_for_traces(variables) is asked


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "set it to grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf", "set it to grpc"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "set it to otlp"),
    ],
)
def test_another_way_than_otlp_over_grpc_is_refused(variable: str, value: str, fix: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"{variable} is '{value}'.*{fix}"):
        asks_for_traces({ENDPOINT: WHERE, variable: value})


@pytest.mark.parametrize("missing", ["opentelemetry.sdk", "opentelemetry.exporter"])
@pytest.mark.parametrize("variable", [ENDPOINT, OF_TRACES])
def test_programs_without_the_extra_refuse_the_variable_and_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str, variable: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(missing)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    said = rf"{variable} is '{WHERE}', but the package {missing}\S* is not installed: pip install 'nasfleet\[tracing\]'"
    with pytest.raises(InvalidInputError, match=said):
        ControllerConfig.read([], {variable: WHERE})
    with pytest.raises(SystemExit) as ended:
        parse(["--controller", "127.0.0.1:1"], {variable: WHERE})
    assert ended.value.code == 2
    assert f"{variable} is '{WHERE}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip")]
)
def test_a_variable_that_opentelemetry_does_not_understand_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(ENDPOINT, WHERE)
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInputError, match=value), exporting("a program"):
        pass


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "a-program"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=other,x=1"}, "other"),
    ],
)
def test_spans_are_sent_before_a_program_leaves_under_its_name_or_one_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], service: str
) -> None:
    with collector() as received:
        for name, value in {ENDPOINT: f"http://{received.address}", **variables}.items():
            monkeypatch.setenv(name, value)
        with exporting("a-program") as tracer:
            tracer.start_span("something").end()
        [span] = received.all()
    assert (span.name, span.service) == ("something", service)


def test_a_collector_that_takes_connections_and_never_answers_delays_the_end_by_seconds_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with exporting("a program") as tracer:
            for _ in range(5000):
                tracer.start_span("something").end()
            began = time.monotonic()
        seconds = time.monotonic() - began
    assert FLUSH_SECONDS <= seconds < FLUSH_SECONDS + 2

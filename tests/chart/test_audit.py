"""`make audit`, with pip-audit itself and a service that speaks as OSV does: clean, vulnerable, broken, not run."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from nasfleet_testing.chart import ROOT

KNOWN = {
    "vulns": [
        {"schema_version": "1.0.0", "id": "PYSEC-1", "summary": "bad", "affected": [], "published": "2026-01-01T00:00:00Z"}
    ]
}


@contextmanager
def service(answer: Callable[[str], tuple[int, Mapping[str, Any]]]) -> Iterator[str]:
    """Serve what is known of each package; yield the service's address."""

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = answer(question["package"]["name"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audited(address: str) -> tuple[int, str]:
    """Return the status of the audit and its last line."""
    command = (ROOT / ".ci" / "audit", "--vulnerability-service", "osv", "--osv-url", address)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1]


def test_every_pinned_package_is_asked_for_and_none_is_known_to_be_vulnerable() -> None:
    asked = set()

    def answer(name: str) -> tuple[int, Mapping[str, Any]]:
        asked.add(name)
        return 200, {}

    with service(answer) as address:
        assert audited(address) == (0, "audit: clean, no vulnerabilities are known")
    assert {"grpcio", "torch", "kopf", "hatchling", "pytest"} <= asked


def test_a_package_that_is_known_to_be_vulnerable_fails_the_audit() -> None:
    with service(lambda name: (200, KNOWN if name == "grpcio" else {})) as address:
        assert audited(address) == (1, "audit: VULNERABLE, see above")


def test_a_service_that_fails_in_the_middle_is_no_clean_audit() -> None:
    with service(lambda name: (200, {}) if name == "pip" else (500, {})) as address:
        status, said = audited(address)
    assert status == 2
    assert said.startswith("audit: BROKEN")


def test_a_service_that_is_not_there_is_said_and_fails_nothing() -> None:
    with service(lambda _: (200, {})) as address:
        pass
    status, said = audited(address)
    assert status == 0
    assert said.startswith("audit: NOT RUN, known vulnerabilities were not looked for: ")
    assert "Connection refused" in said


def test_a_service_that_refuses_to_answer_is_one_that_is_not_there() -> None:
    with service(lambda _: (403, {})) as address:
        status, said = audited(address)
    assert (status, said.startswith("audit: NOT RUN")) == (0, True)
    assert "403" in said


def test_an_option_that_is_wrong_is_no_missing_service() -> None:
    done = subprocess.run((ROOT / ".ci" / "audit", "--such-option"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith("audit: BROKEN")

"""A cluster's controller on a port of this machine, by `kubectl port-forward`, for as long as a command runs.

`python -m nasfleet_cli.forwarding KUBECTL ARGUMENT... --exit-with-parent` is the process that keeps the forward: it begins it
anew when it breaks, as when the controller's pod is replaced, and ends it when standard input ends, however the command went.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from nasfleet.errors import NasfleetError, NotFoundError, UnavailableError
from nasfleet_cli.kubectl import Cluster, no_kubectl
from nasfleet_cli.processes import Program, ProgramEndedError

_START_SECONDS = 30.0
_POD_SECONDS = 5
_AGAIN_SECONDS = 1.0


@contextlib.contextmanager
def forwarded(cluster: Cluster) -> Iterator[str]:
    """Yield the address on this machine at which the controller of a cluster answers.

    Raises:
        InvalidInputError: if there is no kubectl, no such context, or no right to do it.
        NotFoundError: if there is no such service.
        UnavailableError: if no pod is behind it, or the cluster does not answer.
    """
    if shutil.which("kubectl") is None:
        raise no_kubectl()
    with tempfile.TemporaryDirectory(prefix="nasfleet-") as folder:
        port, log = _free_port(), Path(folder, "port-forward.log")
        program = Program("port-forward", "nasfleet_cli.forwarding", _command(cluster, port), log, piped=True)
        try:
            try:
                program.first_line(_START_SECONDS)
            except ProgramEndedError:
                raise _explained(cluster, log.read_text()) from None
            yield f"127.0.0.1:{port}"
        finally:
            program.stop()


def _command(cluster: Cluster, port: int) -> list[str]:
    service = cluster.service
    place = ("--namespace", service.namespace, "--address=127.0.0.1", f"--pod-running-timeout={_POD_SECONDS}s")
    return cluster.command("port-forward", f"service/{service.name}", f"{port}:{service.port}", *place)


def _explained(cluster: Cluster, said: str) -> NasfleetError:
    """Return the error for a forward that did not come about."""
    error, service = cluster.error(said), cluster.service
    if "timed out waiting for the condition" in said:
        return UnavailableError(
            f"no pod of service {service.name} in namespace {service.namespace} is running: "
            f"see kubectl --context {cluster.context} --namespace {service.namespace} get pods"
        )
    if isinstance(error, NotFoundError):
        return NotFoundError(
            f"{error}: where is the controller's service? Give --service NAMESPACE/NAME:PORT instead of {service}"
        )
    return error


def _free_port() -> int:
    """Return a port that is free now; the forward keeps it when it is begun anew."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Keeper:
    """Keeps a forward until standard input ends."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._over = threading.Event()
        self._process: subprocess.Popen[str] | None = None

    def keep(self) -> int:
        """Return the exit code of a forward that never came about; 0 when it is over."""
        threading.Thread(target=self._end_with_input, daemon=True).start()
        came_about = False
        while not self._over.is_set():
            with subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
                self._process = process
                if self._over.is_set():
                    process.terminate()
                assert process.stdout is not None
                for line in process.stdout:
                    if not came_about:
                        print(line, end="", flush=True)  # noqa: T201 - the line that the command waits for
                    came_about = True
            if not came_about:
                return process.returncode
            self._over.wait(_AGAIN_SECONDS)
        return 0

    def _end_with_input(self) -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self._over.set()
        if self._process is not None:
            self._process.terminate()


if __name__ == "__main__":
    sys.exit(_Keeper(sys.argv[1:-1]).keep())

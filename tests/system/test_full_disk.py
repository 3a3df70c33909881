"""A disk that is full: nothing is acknowledged that is not stored, everybody can see it, and space is all that is needed."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet_testing.acknowledgements import acknowledged, assert_kept
from nasfleet_testing.processes import Process, eventually
from nasfleet_testing.programs import SEARCH, RunningController, controller, settled, synthetic_search, trainer
from nasfleet_testing.recording_trainer import MODULE, RECORD

SMALL_BYTES, LARGE_BYTES = 2**21, 2**26


class Mount:
    """A disk of one's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resize(self, _controller: Process, size: int) -> None:
        self._mount(f"remount,size={size}").check_returncode()

    @contextmanager
    def there(self) -> Iterator[None]:
        if self._mount(f"size={SMALL_BYTES}").returncode:
            pytest.skip("this user may not mount a disk")
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", self._folder], check=True)

    def _mount(self, options: str) -> subprocess.CompletedProcess[bytes]:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._folder)]
        return subprocess.run(command, check=False, capture_output=True)


class FileLimit:
    """A quota: the controller may write no file beyond a size."""

    def __init__(self, _folder: Path) -> None:
        pass

    def resize(self, controller: Process, size: int) -> None:
        import resource

        resource.prlimit(controller.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    @contextmanager
    def there(self) -> Iterator[None]:
        yield


def stays_away(running: RunningController, seconds: float) -> bool:
    """Return whether it says of itself all the time that it does not serve."""
    said: list[int] = []
    with grpc.insecure_channel(running.address) as channel, contextlib.suppress(grpc.RpcError):
        answers = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=seconds)
        said.extend(answer.status for answer in answers)
    return said == [health_pb2.HealthCheckResponse.NOT_SERVING]


@pytest.mark.skipif(sys.platform != "linux", reason="disks are mounted, and limits of other processes set, as on Linux")
@pytest.mark.parametrize("kind", [Mount, FileLimit])
def test_full_disk_is_said_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Mount | FileLimit]) -> None:
    folder, record = tmp_path / "disk", tmp_path / "acknowledged"
    folder.mkdir()
    monkeypatch.setenv(RECORD, str(record))
    disk = kind(folder)
    with (
        disk.there(),
        controller(folder / "state", log=tmp_path / "controller.log") as running,
        Client(running.address) as client,
    ):
        disk.resize(running.process, SMALL_BYTES)
        with trainer(running.address, tmp_path / "trainers.log", "--agents", "20", module=MODULE):
            client.ensure_search(SEARCH, synthetic_search(1_000_000, 40, Synthetic()))
            eventually(lambda: not running.serving(), "a controller that says that it does not serve")
            eventually(lambda: stays_away(running, seconds=3), "a controller that says so for as long as there is no space")
            assert "free some space" in running.process.log or "check its disk" in running.process.log
            full = assert_kept(folder / "state", acknowledged(record))
            disk.resize(running.process, LARGE_BYTES)
            eventually(lambda: settled(client) > full + 200, "trials after there is space again")
            eventually(running.serving, "a controller that serves again")
            with_space = client.suspend_search(SEARCH).counts.succeeded
        assert running.process.terminate() == 0
        assert assert_kept(folder / "state", acknowledged(record)) == with_space > full

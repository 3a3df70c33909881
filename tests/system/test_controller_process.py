"""The controller as a program: one at a time on a state directory, lean while no policy is needed, and quiet at its end."""

import sys
from pathlib import Path

import pytest

from nasfleet.catalogue import Reinforce, Synthetic
from nasfleet.client import Client
from nasfleet_testing.processes import eventually, program
from nasfleet_testing.programs import SEARCH, controller, settled, synthetic_search, trainer

MOST_MEGABYTES = 160


def test_a_second_controller_on_one_state_directory_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with controller(state) as first:
        command = (sys.executable, "-m", "nasfleet_controller", "--state", str(state), "--listen", "127.0.0.1:0")
        with program((*command, "--metrics", ""), tmp_path / "second.log") as second:
            assert second.wait() == 2
            assert second.line() == ""
        said = second.log
        assert str(state) in said
        assert "another controller" in said
        assert "--state" in said
        assert "Traceback" not in said
        assert first.serving()
    with controller(state) as third:
        eventually(third.serving, "a controller after the first was killed")


def test_a_controller_that_is_asked_to_stop_under_trainers_does_so_without_a_traceback(tmp_path: Path) -> None:
    with (
        controller(tmp_path / "state") as running,
        Client(running.address) as client,
        trainer(running.address, tmp_path / "trainers.log", "--agents", "20") as trainers,
    ):
        client.ensure_search(SEARCH, synthetic_search(10_000, 40, Synthetic(epoch_seconds=0.05)))
        eventually(lambda: settled(client) > 100, "trials")
        assert running.process.terminate() == 0
        assert "Traceback" not in running.process.log
    assert "Traceback" not in trainers.log


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="what a process has loaded is read from /proc")
def test_torch_is_loaded_for_a_policy_and_for_nothing_else(tmp_path: Path) -> None:
    with (
        controller(tmp_path / "state") as running,
        Client(running.address) as client,
        trainer(running.address, tmp_path / "trainers.log", "--agents", "20"),
    ):
        client.ensure_search(SEARCH, synthetic_search(500, 40, Synthetic()))
        eventually(lambda: settled(client) == 500, "the trials of a random search")
        assert "libtorch" not in Path(f"/proc/{running.process.pid}/maps").read_text()
        assert resident_megabytes(running.process.pid) < MOST_MEGABYTES
        learning = SEARCH + "-learning"
        client.ensure_search(learning, synthetic_search(1000, 8, Synthetic(), strategy=Reinforce()))
        eventually(lambda: client.get_search(learning).counts.succeeded > 0, "a trial of a search that learns")
        assert "libtorch" in Path(f"/proc/{running.process.pid}/maps").read_text()


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process that is not shared out or swapped, in units of 10^6 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:"))

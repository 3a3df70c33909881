"""Trainers that are told to leave from the command line, while they are at work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet_cli.main import cli
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import SEARCH, controller, settled, synthetic_search, trainer, training


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Return the address of a controller that has more than enough to do."""
    with controller(tmp_path / "state") as running, Client(running.address) as client:
        client.ensure_search(SEARCH, synthetic_search(100_000, 4, Synthetic(epochs=1, epoch_seconds=0.2)))
        yield running.address


def drain(address: str, *names: str) -> Result:
    return CliRunner().invoke(cli, ["drain", *names, "--controller", address])


def test_a_trainer_that_is_drained_finishes_and_leaves_and_the_others_go_on(address: str, tmp_path: Path) -> None:
    with (
        Client(address) as client,
        trainer(address, tmp_path / "leaving.log", "--name", "leaving") as leaving,
        trainer(address, tmp_path / "staying.log", "--name", "staying"),
    ):
        eventually(lambda: training(client) == 2, "both trainers at work")
        result = drain(address, "leaving", "nobody")
        assert result.output.splitlines()[0] == "trainer leaving is draining"
        assert "there is no trainer nobody: see nasfleet get trainers" in result.output
        assert result.exit_code == 2
        assert leaving.wait() == 0
        eventually(lambda: [one.trainer for one in client.get_fleet().trainers] == ["staying"], "one trainer left")
        before = settled(client)
        eventually(lambda: settled(client) > before, "the other trainer goes on")
        counts = client.get_search(SEARCH).counts
        assert (counts.failed, counts.lost) == (0, 0)


def test_all_names_that_are_known_is_success_and_no_name_is_refused(address: str, tmp_path: Path) -> None:
    with Client(address) as client, trainer(address, tmp_path / "one.log", "--name", "one", "--agents", "2") as process:
        eventually(lambda: training(client) == 2, "both agents at work")
        result = drain(address, "one-0", "one-1")
        assert (result.exit_code, result.output) == (0, "trainer one-0 is draining\ntrainer one-1 is draining\n")
        assert process.wait() == 0
    assert drain(address).exit_code == 2

"""The controller is killed, again and again, under trainers at work: what it acknowledged is there, and once."""

from pathlib import Path
from random import Random

import pytest

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet.errors import UnavailableError
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.acknowledgements import acknowledged, assert_kept
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import SEARCH, forked_controller, free_address, settled, synthetic_search, trainer
from nasfleet_testing.recording_trainer import MODULE, RECORD

KILLS = 20
TRAINERS = 100


def test_twenty_kills_lose_nothing_that_was_acknowledged_and_count_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, record, address, rng = tmp_path / "state", tmp_path / "acknowledged", free_address(), Random(1)
    monkeypatch.setenv(RECORD, str(record))
    trainers = trainer(address, tmp_path / "trainers.log", "--agents", str(TRAINERS), module=MODULE)
    with trainers, Client(address) as client:
        for _ in range(KILLS):
            with forked_controller(state, address) as controller:
                eventually(lambda: ensured(client, 1_000_000), "a controller")
                wait_for_more(record, rng.randrange(1, 300))
                controller.kill()
        with forked_controller(state, address):
            eventually(lambda: settled(client) > 0, "the controller again")
            eventually(lambda: ensured(client, settled(client) + 300), "a budget that will be used up")
            eventually(lambda: client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED, "the end of the search")
            counts = client.get_search(SEARCH).counts
    assert counts.failed == counts.lost == 0
    assert counts.succeeded == assert_kept(state, acknowledged(record))


def wait_for_more(record: Path, count: int) -> None:
    """Wait until so many more outcomes are acknowledged."""
    wanted = len(acknowledged(record)) + count
    eventually(lambda: len(acknowledged(record)) >= wanted, "acknowledgements")


def ensured(client: Client, trials: int) -> bool:
    """Declare the search; return False while there is no controller."""
    task = Synthetic(epochs=2, epoch_seconds=0.05)
    try:
        client.ensure_search(SEARCH, synthetic_search(trials, 2 * TRAINERS, task))
    except UnavailableError:
        return False
    return True

"""A fleet that grows while its trainers are busy: what waits behind a long child moves to whoever joins."""

from pathlib import Path

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import SEARCH, controller, rows, synthetic_search, trainer


def test_a_trial_that_waits_behind_a_long_child_moves_to_a_trainer_that_joins(tmp_path: Path) -> None:
    state = tmp_path / "state"
    spec = synthetic_search(2, 2, Synthetic(epoch_seconds=3600))

    def held() -> dict[str, list[bool]]:
        return {one.trainer: [trial.started for trial in one.trials] for one in client.get_fleet().trainers}

    with (
        controller(state) as running,
        Client(running.address) as client,
        trainer(running.address, tmp_path / "first.log", "--name", "first", "--grace", "0"),
    ):
        client.ensure_search(SEARCH, spec)
        eventually(lambda: held() == {"first": [True, False]}, "a child and one that waits")
        with trainer(running.address, tmp_path / "second.log", "--name", "second", "--grace", "0"):
            eventually(lambda: held() == {"first": [True], "second": [True]}, "a child at each trainer")
    assert rows(state, "SELECT count(*), count(ended_at) FROM attempts") == [(3, 1)]

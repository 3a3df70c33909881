"""Trainers that are killed, that hang, that share a name, or whose controller is away: every trial is counted once."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from nasfleet.catalogue import Synthetic, TrialSettings
from nasfleet.client import Client
from nasfleet.measurement import FailureKind
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.processes import Process, eventually
from nasfleet_testing.programs import SEARCH, controller, rows, synthetic_search, trainer, training

TRAINERS = 10
AWAY_SECONDS = 3


def completed(client: Client) -> bool:
    return client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED


def attempts(state: Path, condition: str = "TRUE") -> int:
    return int(rows(state, f"SELECT count(*) FROM attempts WHERE {condition}")[0][0])


@pytest.mark.parametrize("loss", [Process.kill, Process.pause])
def test_trials_of_a_trainer_that_fell_silent_are_trained_by_another_and_counted_once(
    tmp_path: Path, loss: Callable[[Process], None]
) -> None:
    state, flags = tmp_path / "state", ("--agents", str(TRAINERS))
    settings = TrialSettings(lease_seconds=3)
    spec = synthetic_search(2 * TRAINERS, TRAINERS, Synthetic(epoch_seconds=1.5), trial=settings)
    with controller(state) as running, Client(running.address) as client:
        with trainer(running.address, tmp_path / "silent.log", *flags, "--name", "silent") as silent:
            eventually(lambda: len(client.get_fleet().trainers) == TRAINERS, "trainers")
            client.ensure_search(SEARCH, spec)
            eventually(lambda: training(client) == TRAINERS, "children in training")
            before = attempts(state, "outcome_id IS NOT NULL")
            loss(silent)
            with trainer(running.address, tmp_path / "other.log", *flags, "--name", "other"):
                eventually(lambda: completed(client), "the end of the search")
                if loss is Process.pause:
                    silent.proceed()
                    eventually(lambda: attempts(state, "late_outcome_id IS NOT NULL") > 0, "an outcome that comes late")
        counts = client.get_search(SEARCH).counts
    assert before < TRAINERS
    assert (counts.succeeded, counts.failed, counts.lost) == (2 * TRAINERS, 0, 0)
    assert 0 < attempts(state, f"failure_kind = {FailureKind.LEASE_EXPIRED.value}") <= TRAINERS
    assert attempts(state, "outcome_id IS NOT NULL AND failure_kind IS NULL") == 2 * TRAINERS


def test_two_trainers_under_one_name_both_work_and_share_nothing(tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "twins.log"
    with controller(state) as running, Client(running.address) as client, ExitStack() as twins:
        for _ in range(2):
            twins.enter_context(trainer(running.address, log, "--name", "twin"))
        eventually(lambda: len(client.get_fleet().trainers) == 2, "two trainers")
        client.ensure_search(SEARCH, synthetic_search(40, 4, Synthetic(epoch_seconds=0.05)))
        eventually(lambda: completed(client), "the end of the search")
        fleet = client.get_fleet().trainers
        counts = client.get_search(SEARCH).counts
    assert [one.trainer for one in fleet] == ["twin", "twin"]
    assert all(one.measured_count > 0 for one in fleet)
    assert sum(one.measured_count for one in fleet) == counts.succeeded == attempts(state) == 40


@pytest.mark.parametrize("how", ["restarted", "paused"])
def test_children_trained_while_the_controller_was_away_are_counted(tmp_path: Path, how: str) -> None:
    state = tmp_path / "state"
    spec = synthetic_search(TRAINERS, TRAINERS, Synthetic(epoch_seconds=2), trial=TrialSettings(lease_seconds=10))
    with ExitStack() as stack:
        running = stack.enter_context(controller(state))
        client = stack.enter_context(Client(running.address))
        stack.enter_context(trainer(running.address, tmp_path / "trainers.log", "--agents", str(TRAINERS)))
        eventually(lambda: len(client.get_fleet().trainers) == TRAINERS, "trainers")
        client.ensure_search(SEARCH, spec)
        eventually(lambda: training(client) == TRAINERS, "children in training")
        if how == "paused":
            running.process.pause()
            time.sleep(AWAY_SECONDS)
            running.process.proceed()
        else:
            assert running.process.terminate() == 0
            time.sleep(AWAY_SECONDS)
            stack.enter_context(controller(state, running.address))
        eventually(lambda: attempts(state, "outcome_id IS NOT NULL") == TRAINERS, "all outcomes")
        counts = client.get_search(SEARCH).counts
    assert counts.succeeded == attempts(state) == TRAINERS

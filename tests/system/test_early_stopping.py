"""Early stopping through the programs: what it saves, that the best is found, and what Prometheus is told."""

import urllib.request
from pathlib import Path

import pytest

from nasfleet.catalogue import (
    ChoiceDecision,
    Choices,
    Exhaustive,
    Median,
    SearchSpaceSection,
    SuccessiveHalving,
    Synthetic,
)
from nasfleet.client import Client
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import SEARCH, controller, rows, synthetic_search, trainer

OPTIONS, DECISIONS, EPOCHS, AGENTS = 2, 6, 10, 16
TRIALS = OPTIONS**DECISIONS
SPACE = SearchSpaceSection(
    space=Choices(decisions=tuple(ChoiceDecision(name=f"d{n}", options=tuple(range(OPTIONS))) for n in range(DECISIONS)))
)


def metric(address: str, name: str) -> float:
    page = urllib.request.urlopen(f"http://{address}/metrics").read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(f"{name}{{"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("section", [Median(), SuccessiveHalving(reduction_factor=2)], ids=["median", "successiveHalving"])
def test_epochs_are_saved_and_the_best_trial_is_trained_to_its_end(
    tmp_path: Path, section: Median | SuccessiveHalving, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    with (
        controller(state) as running,
        Client(running.address) as client,
        trainer(running.address, tmp_path / "trainer.log", "--agents", str(AGENTS)),
    ):
        task = Synthetic(epochs=EPOCHS, epoch_seconds=0.2)
        spec = synthetic_search(TRIALS, AGENTS, task, search_space=SPACE, strategy=Exhaustive(), early_stopping=section)
        client.ensure_search(SEARCH, spec)
        eventually(lambda: client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED, "the end of the search", within=120)
        [best] = client.list_best_trials(SEARCH, 1)
        ended = list(client.list_trials(SEARCH, filter="stopped_early = true"))
        trained = rows(state, "SELECT count(*) FROM epochs")[0][0]
        saved = metric(running.metrics, "nasfleet_epochs_saved_total")
        assert metric(running.metrics, "nasfleet_trials_stopped_early_total") == len(ended)
    assert best.reward == 1.0
    assert not best.stopped_early
    assert trained + saved == TRIALS * EPOCHS
    assert saved > 0  # how much depends on how busy the cores are: an order may come epochs late
    assert all(0 <= trial.reward < 1 and trial.measurement.stopped_early for trial in ended)
    with capsys.disabled():
        print(f"\n{len(ended)} of {TRIALS} stopped, {saved:.0f} of {TRIALS * EPOCHS} epochs saved")  # noqa: T201  # to be read


def test_a_trainer_that_does_not_know_the_order_trains_on(tmp_path: Path) -> None:
    from nasfleet_testing.earlier_trainer import earlier_trainer

    with controller(tmp_path / "state") as running, Client(running.address) as client, earlier_trainer(running.address) as told:
        section = SuccessiveHalving(reduction_factor=2)
        spec = synthetic_search(8, 1, Synthetic(epochs=4), search_space=SPACE, strategy=Exhaustive(), early_stopping=section)
        client.ensure_search(SEARCH, spec)
        eventually(lambda: client.get_search(SEARCH).state == SEARCH_STATE_COMPLETED, "the end of the search")
        trials = list(client.list_trials(SEARCH))
    assert told, "it was told to end some"
    assert [trial.stopped_early for trial in trials] == [False] * 8
    assert all(trial.HasField("reward") for trial in trials)

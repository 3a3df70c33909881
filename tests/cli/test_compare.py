"""`nasfleet compare`: who is compared, what a simulated search does, and what is written."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nasfleet import document
from nasfleet.catalogue import (
    Budget,
    ChoiceDecision,
    Choices,
    Duplicates,
    Exhaustive,
    Median,
    Random,
    Reinforce,
    Retries,
    SearchDocument,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
    TrialSettings,
    WarmStart,
)
from nasfleet.catalogue.tasks import FailureRates
from nasfleet.errors import InvalidInputError
from nasfleet_cli.comparing.contenders import contenders
from nasfleet_cli.comparing.fleet_runs import search_through_the_fleet
from nasfleet_cli.comparing.optimum import known_optimum
from nasfleet_cli.comparing.simulation import can_simulate, simulate
from nasfleet_cli.main import cli
from nasfleet_testing.command_line import nasfleet
from nasfleet_testing.pages import ROOT
from nasfleet_testing.specs import smallest_spec

TABLE = ROOT / "examples" / "tabular.yaml"


def spec(**changes: Any) -> SearchSpec:
    return smallest_spec(**({"budget": Budget(trials=60), "strategy": Random(batch_size=4)} | changes))


def table_spec(**changes: Any) -> SearchSpec:
    return replace(document.load(TABLE.read_text(encoding="utf-8")).spec, **changes)


def test_random_search_is_always_among_the_contenders_and_own_settings_stay() -> None:
    own = Reinforce(batch_size=5)
    found = contenders(spec(strategy=own), ["reinforce", "exhaustive"])
    assert [(one.name, one.spec.strategy) for one in found] == [
        ("random", Random()),
        ("reinforce", own),
        ("exhaustive", Exhaustive()),
    ]


def test_a_strategy_with_its_settings_comes_from_a_search_file(tmp_path: Path) -> None:
    file = tmp_path / "tuned.yaml"
    tuned = Reinforce(learning_rate=0.03)
    file.write_text(document.dump(SearchDocument(name="x", spec=smallest_spec(strategy=tuned))))
    *_, found = contenders(spec(), ["reinforce", str(file)])
    assert (found.name, found.spec) == ("tuned", spec(strategy=tuned))


@pytest.mark.parametrize(
    ("strategies", "says"),
    [
        (["randon"], "'randon': give names among reinforce, random, exhaustive, evolution, grid, bayesian, or"),
        (["random", "random"], "random twice"),
        (["absent.yaml"], "absent.yaml cannot be read"),
    ],
)
def test_who_cannot_be_compared_is_named(strategies: list[str], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        contenders(spec(), strategies)


def test_a_simulated_search_is_the_same_each_time_and_another_with_another_seed() -> None:
    first = simulate(spec(), None)
    assert first == simulate(spec(), None)
    assert first != simulate(spec(seed=1), None)
    assert len(first) == 60


def test_simulated_trials_take_their_seconds_as_many_at_once_as_the_search_leases() -> None:
    # 60 trials of 3 epochs of 2 s, 4 at once: 15 rounds of 6 s.
    trials = simulate(spec(task=Synthetic(epochs=3, epoch_seconds=2.0), parallelism=4), None)
    assert [trial.seconds for trial in trials] == [6.0 * (1 + place // 4) for place in range(60)]
    assert trials[-1].trainer_seconds == 360.0


def test_simulated_failures_are_retried_and_given_up_as_in_a_search() -> None:
    broken = Synthetic(failures=FailureRates(cannot_build=1.0))
    settings = TrialSettings(failure_reward=-1.0, retries=Retries(model_failure=2))
    assert {trial.reward for trial in simulate(spec(task=broken, trial=settings), None)} == {-1.0}
    # Every other attempt fails: with two more tries fewer trials are given up than with none.
    unlucky = Synthetic(failures=FailureRates(cannot_build=0.5))
    given_up = [
        sum(trial.reward == -1.0 for trial in simulate(spec(task=unlucky, trial=tries), None))
        for tries in (TrialSettings(failure_reward=-1.0, retries=Retries(model_failure=0)), settings)
    ]
    assert given_up[0] > given_up[1]


def test_known_networks_cost_no_time_in_a_simulated_search_that_reuses_rewards() -> None:
    # 8 architectures at most, one trial of 3 s after another; every later trial of one has the reward of the first.
    few = SearchSpaceSection(space=Choices(decisions=tuple(ChoiceDecision(name=name, options=(0, 1)) for name in "abc")))
    wanted = spec(search_space=few, duplicates=Duplicates.REUSE, task=Synthetic(epochs=3, epoch_seconds=1.0), parallelism=1)
    trials = simulate(wanted, None)
    known = {trial.architecture: trial.reward for trial in reversed(trials)}
    assert len(trials) == 60
    assert len(known) <= 8
    assert [trial.reward for trial in trials] == [known[trial.architecture] for trial in trials]
    assert trials[-1].trainer_seconds == 3.0 * len(known)
    drawn_anew = simulate(replace(wanted, duplicates=Duplicates.RESAMPLE), None)
    assert len({trial.architecture for trial in drawn_anew}) >= len(known)


def test_what_needs_trainers_or_an_earlier_search_is_not_simulated() -> None:
    assert can_simulate(spec())
    assert not can_simulate(spec(task=Synthetic(epochs=3), early_stopping=Median()))
    assert not can_simulate(spec(strategy=Reinforce(), warm_start=WarmStart(search="earlier")))


def test_a_search_that_no_trial_can_be_measured_for_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"perceptrons\.csv cannot be read"):
        simulate(table_spec(), tmp_path)


def test_the_optimum_of_a_table_is_its_best_row_and_what_exhaustion_finds() -> None:
    found = simulate(table_spec(strategy=Exhaustive()), ROOT)
    assert known_optimum(table_spec(), ROOT) == max(trial.reward for trial in found if trial.reward is not None)
    assert known_optimum(spec(task=Synthetic(noise=0.1)), None) is None


@pytest.mark.timeout(180)
def test_a_simulated_search_is_what_controller_and_trainers_do(tmp_path: Path) -> None:
    # One trial at once, so that nothing but the strategy decides what comes next; it learns twelve times.
    wanted = spec(strategy=Reinforce(batch_size=5, learning_rate=0.05), parallelism=1)
    named = SearchDocument(name="same", spec=wanted)
    run = search_through_the_fleet(named, wanted, tmp_path, ["--trainers", "1"])
    simulated = simulate(wanted, None)
    with pytest.raises(InvalidInputError, match="holds another search"):
        search_through_the_fleet(named, spec(), tmp_path, ["--trainers", "1"])
    assert [(one.architecture, one.reward) for one in run] == [(one.architecture, one.reward) for one in simulated]


def test_a_comparison_is_shown_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = ("--strategies", "exhaustive", "--seeds", "2", "--processes", "1", "--no-fleet-check")
    ended = CliRunner().invoke(cli, ["compare", str(TABLE), *arguments, "--output", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    results = {one["contender"]: one for one in json.loads((tmp_path / "scores.json").read_text())}
    assert results["exhaustive"]["regret"] == 0.0
    with (tmp_path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 48
    best = max(float(row["reward"]) for row in rows if row["strategy"] == "exhaustive")
    assert results["exhaustive"]["best"] == best
    for name in ("best-so-far.svg", "best-so-far.png", "top-models.svg", "top-models.png"):
        assert (tmp_path / name).stat().st_size > 1000, name
    assert "exhaustive" in ended.output
    assert "REGRET" in ended.output


@pytest.mark.timeout(180)
def test_one_run_goes_through_the_fleet_and_is_said_to_be_the_same(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(document.dump(SearchDocument(name="checked", spec=spec(parallelism=1, budget=Budget(trials=6)))))
    arguments = ("--seeds", "2", "--processes", "2", "--trainers", "1", "--output", str(tmp_path / "out"))
    ended = nasfleet(tmp_path, "compare", str(file), *arguments)
    assert ended.returncode == 0, ended.stdout
    assert "through controller and trainers, random, seed 0: best" in ended.stdout
    assert "; simulated: the same" in ended.stdout

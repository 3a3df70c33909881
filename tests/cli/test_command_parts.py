import json
import os
import signal
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.errors import InvalidInputError
from nasfleet.names import SearchName, TrialName
from nasfleet.v1.search_pb2 import SearchState
from nasfleet_cli import tables
from nasfleet_cli.addressing import search_name, short, trial_name
from nasfleet_cli.main import cli
from nasfleet_cli.messages import as_json, as_yaml
from nasfleet_cli.processes import Program, ProgramEndedError, Serving, Trainers
from nasfleet_cli.target import serving_at
from nasfleet_testing.searches import search_message, trial_message

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
NUMBERS = st.integers(min_value=0, max_value=10**18 - 1)


@given(LABELS, LABELS, NUMBERS)
def test_short_names_are_read_back_as_the_full_ones(namespace: str, search: str, number: int) -> None:
    name = TrialName(SearchName(namespace, search), number)
    assert trial_name(short(str(name)), None, namespace) == name
    assert trial_name(str(name), None) == name
    assert trial_name(str(number), search, namespace) == name
    assert search_name(short(str(name.search)), namespace) == name.search


def test_what_is_written_before_a_number_wins_over_the_option() -> None:
    assert trial_name("digits/3", "other").search.search_id == "digits"


def test_messages_become_plain_data_with_numbers_as_numbers() -> None:
    plain = json.loads(as_json([trial_message(0, 0.5)], one=True))
    assert plain["number"] == 0
    assert plain["measurement"]["parameters"] == 12_345
    assert plain["tokens"] == [0, 1, 2]
    assert plain["state"] == "TRIAL_STATE_SUCCEEDED"
    search = yaml.safe_load(as_yaml([search_message()]))
    assert search[0]["counts"]["succeeded"] == 55
    assert search[0]["bestTrial"]["number"] == 41


def test_a_search_whose_space_waits_to_be_lowered_is_waiting_until_it_is_or_is_suspended() -> None:
    state = next(column for column in tables.SEARCHES if column.head == "STATE")
    search = search_message()
    search.spec.search_space.plugin.object = "my.spaces:space"
    assert state.text(search) == "waiting"
    search.state = SearchState.SEARCH_STATE_SUSPENDED
    assert state.text(search) == "suspended"
    search.state = SearchState.SEARCH_STATE_RUNNING
    search.spec.search_space.plugin.decisions.decisions.add(name="depth")
    assert state.text(search) == "running"


def test_maps_of_a_message_keep_their_keys() -> None:
    search = search_message()
    search.spec.trainer_pool_selector.match_labels["gpu"] = "h200"
    assert json.loads(as_json([search]))[0]["spec"]["trainerPoolSelector"]["matchLabels"] == {"gpu": "h200"}


@pytest.mark.parametrize("columns", [tables.SEARCHES, tables.TRIALS, tables.TRAINERS, tables.BEST])
def test_every_column_can_be_filled_for_a_message_without_anything_but_a_name(columns: tuple[tables.Column, ...]) -> None:
    from nasfleet.v1.fleet_pb2 import Trainer
    from nasfleet.v1.search_pb2 import Search
    from nasfleet.v1.trial_pb2 import Trial

    empty = {
        tables.SEARCHES: Search(name="namespaces/default/searches/a"),
        tables.TRAINERS: Trainer(trainer="a"),
    }.get(columns, Trial(name="namespaces/default/searches/a/trials/0"))
    assert all(isinstance(column.text(empty), str) for column in columns)


@pytest.mark.parametrize(("size", "text"), [(None, "-"), (2**34, "16 GiB")])
def test_the_wide_table_of_trainers_has_the_memory_of_their_device(size: int | None, text: str) -> None:
    from nasfleet.v1.fleet_pb2 import Trainer

    column = next(column for column in tables.TRAINERS if column.head == "MEMORY")
    assert column.wide
    assert column.text(Trainer(trainer="a", device_memory_bytes=size)) == text


@pytest.mark.parametrize("line", ["", "serving\n", "[]", '{"event": "serving"}', '"text"', "null"])
def test_a_controller_that_says_something_else_is_not_understood(line: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not say where a controller serves"):
        Serving.parse(line)
    (tmp_path / "controller.json").write_text(line)
    assert serving_at(tmp_path) is None


def test_a_trainer_that_was_started_wrongly_is_not_started_again(tmp_path: Path) -> None:
    trainers = Trainers([["--controller", "nowhere"]], tmp_path)
    try:
        trainers.programs[0].wait(60)
        with pytest.raises(ProgramEndedError, match="the address is 'nowhere': give HOST:PORT"):
            trainers.revive()
    finally:
        trainers.stop()


def test_a_trainer_that_dies_too_often_ends_the_run_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainers, "MOST_RESTARTS", 0)
    trainers = Trainers([["--controller", "127.0.0.1:1"]], tmp_path)
    try:
        os.kill(trainers.programs[0].process_id, signal.SIGKILL)
        trainers.programs[0].wait(60)
        with pytest.raises(ProgramEndedError, match=r"trainer-0 ended with exit code -9; the end of its log"):
            trainers.revive()
    finally:
        trainers.stop()


@pytest.mark.parametrize("piped", [False, True])
def test_a_program_that_prints_more_than_a_pipe_holds_is_not_held_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, piped: bool
) -> None:
    (tmp_path / "noisy.py").write_text("print('first', flush=True)\nprint('A' * 1_000_000, flush=True)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    program = Program("trainer", "noisy", [], tmp_path / "noisy.log", piped=piped)
    try:
        if piped:
            assert program.first_line(60) == "first\n"
        program.wait(60)
        assert program.exit_code == 0
        assert (tmp_path / "noisy.log").stat().st_size == (0 if piped else 1_000_007)
    finally:
        program.stop()


@pytest.mark.parametrize(
    ("shell", "part"), [("bash", "complete -o nosort"), ("zsh", "#compdef nasfleet"), ("fish", "complete ")]
)
def test_completion_prints_a_script_for_the_shell(shell: str, part: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert part in result.output
    assert "_NASFLEET_COMPLETE" in result.output


def test_completion_completes_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"_NASFLEET_COMPLETE": "bash_complete", "COMP_WORDS": "nasfleet re", "COMP_CWORD": "1"}
    result = CliRunner().invoke(cli, [], prog_name="nasfleet", env=environment)
    assert "plain,resume" in result.output


def test_every_command_explains_itself() -> None:
    for name, command in cli.commands.items():
        assert command.help, name
        assert all(option.help for option in command.params if isinstance(option, click.Option)), name


def test_the_version_is_told() -> None:
    assert "0.1.0" in CliRunner().invoke(cli, ["--version"]).output


def test_the_wide_table_of_trials_shows_what_each_seed_gave_and_their_deviation() -> None:
    several, one = trial_message(0, 0.5), trial_message(1, 0.5)
    several.measurement.seed_values.extend([0.25, 0.75])
    several.measurement.seed_deviation = 0.35355
    several.measurement.steps = 12_345
    columns = {column.head: column for column in tables.TRIALS}

    assert (columns["SEEDS"].text(several), columns["SEEDS"].text(one)) == ("0.25 0.75 ± 0.3535", "-")
    assert (columns["STEPS"].text(several), columns["STEPS"].text(one)) == ("12,345", "-")
    assert columns["SEEDS"].wide
    plain = json.loads(as_json([several], one=True))
    assert plain["measurement"]["seedValues"] == [0.25, 0.75]
    assert plain["measurement"]["seedDeviation"] == 0.35355

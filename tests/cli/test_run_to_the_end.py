"""The command line with a real controller and real trainers; the task trains nothing, so that it takes seconds."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest
import yaml
from click.testing import CliRunner, Result

from nasfleet.client import Client
from nasfleet.document import load
from nasfleet_cli.main import cli
from nasfleet_cli.processes import ProgramEndedError, start_controller
from nasfleet_cli.target import last_words
from nasfleet_testing.command_line import (
    NASFLEET,
    Terminal,
    child,
    descendants,
    nasfleet,
    search_file,
    wait_for_child,
    wait_until_gone,
)

STATE = "nasfleet-state"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with a search that has ended, and what was said of it."""
    folder = tmp_path_factory.mktemp("finished")
    ended = nasfleet(folder, "run", str(search_file(folder)), "--trainers", "2")
    assert ended.returncode == 0, ended.stdout
    assert not (folder / STATE / "controller.json").exists()
    return folder, ended.stdout


@pytest.fixture(scope="module")
def controller(finished: tuple[Path, str]) -> Iterator[str]:
    """Return the address of a controller of that search."""
    program, serving = start_controller(finished[0] / STATE)
    yield serving.address
    program.stop()


def ask(controller: str, *arguments: str, **extra: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--controller", controller], **extra)


def said(controller: str, *arguments: str) -> str:
    result = ask(controller, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_run_without_a_terminal_writes_lines_and_ends_with_results(finished: tuple[Path, str]) -> None:
    lines = finished[1].splitlines()
    assert lines[0].startswith("controller 127.0.0.1:")
    assert "metrics http://127.0.0.1:" in lines[0]
    progress = [line for line in lines if line.startswith("trial ")]
    assert progress[-1].startswith("trial 12/12 reward ")
    assert " best " in progress[-1]
    assert " trials/s" in progress[-1]
    for part in ("Best architectures", "Trial tiny/", "classifier", "Next", "nasfleet get trials tiny --best 10"):
        assert part in finished[1]
    assert "nasfleet export tiny/" in finished[1]


def test_a_run_leaves_a_log_of_each_program(finished: tuple[Path, str]) -> None:
    logs = finished[0] / STATE / "logs"
    assert {path.name for path in logs.iterdir()} == {"controller.log", "trainer-0.log", "trainer-1.log"}


def test_searches_are_listed(controller: str) -> None:
    heads, row = said(controller, "get", "searches").splitlines()
    assert heads.split() == ["NAME", "STATE", "TRIALS", "RUNNING", "BEST", "AVERAGE", "RATE", "LEFT"]
    assert row.split()[:4] == ["tiny", "completed", "12/12", "0"]
    assert "random" in said(controller, "get", "searches", "-o", "wide")
    assert json.loads(said(controller, "get", "searches", "tiny", "-o", "json"))["counts"]["succeeded"] == 12


def test_trials_are_listed_filtered_and_ordered(controller: str) -> None:
    everything = json.loads(said(controller, "get", "trials", "-o", "json"))
    assert [trial["number"] for trial in everything] == list(range(12))
    rewards = [trial["reward"] for trial in everything]
    best_first = yaml.safe_load(said(controller, "get", "trials", "tiny", "--order-by", "reward desc", "-o", "yaml"))
    assert [trial["reward"] for trial in best_first] == sorted(rewards, reverse=True)
    few = json.loads(
        said(controller, "get", "trials", "tiny", "--filter", "number >= 3 AND number < 9", "--limit", "4", "-o", "json")
    )
    assert [trial["number"] for trial in few] == [3, 4, 5, 6]
    best = json.loads(said(controller, "get", "trials", "tiny", "--best", "1", "-o", "json"))
    assert best[0]["reward"] == max(rewards)
    assert len(said(controller, "get", "trials", "tiny", "-o", "wide").splitlines()) == 13


def test_tables_are_not_cut_where_there_is_no_terminal(controller: str) -> None:
    assert "…" not in said(controller, "get", "trials", "tiny", "-o", "wide")


def test_a_filter_that_cannot_be_read_is_refused_by_its_part(controller: str) -> None:
    result = ask(controller, "get", "trials", "tiny", "--filter", "rewart > 1")
    assert result.exit_code == 2
    assert "rewart" in result.output


def test_trainers_are_listed(controller: str) -> None:
    assert said(controller, "get", "trainers").split() == ["NAME", "STATE", "DEVICE", "SLOTS", "MEASURED", "SILENT", "TRIALS"]


def test_logs_have_the_curve_and_the_attempts(controller: str) -> None:
    text = said(controller, "logs", "tiny/3")
    assert "tiny/3" in text
    assert text.count("0.0s") >= 3
    assert "EPOCH" in text
    assert "measured" in text
    assert said(controller, "logs", "3", "--search", "tiny") == text
    assert (
        len(
            json.loads(said(controller, "logs", "namespaces/default/searches/tiny/trials/3", "-o", "json"))["measurement"][
                "epochs"
            ]
        )
        == 3
    )


def test_a_network_is_exported_as_json_drawing_and_module_that_runs(controller: str, tmp_path: Path) -> None:
    assert json.loads(said(controller, "export", "tiny/3"))
    assert "classifier" in said(controller, "export", "tiny/3", "--format", "text")
    module = tmp_path / "network.py"
    assert f"wrote {module}" in said(controller, "export", "tiny/3", "--format", "pytorch", "--output", str(module))
    compile(module.read_text(), str(module), "exec")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["logs", "tiny/99"], "99"),
        (["logs", "other/1"], "other"),
        (["get", "searches", "other"], "other"),
        (["suspend", "tiny"], "tiny"),
        (["cancel", "tiny"], "has completed"),
        (["delete", "other", "--yes"], "other"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(controller: str, arguments: list[str], part: str) -> None:
    result = ask(controller, *arguments)
    assert result.exit_code == 2
    assert part in result.output


def test_watching_a_search_that_has_ended_ends_at_once(controller: str) -> None:
    assert "trial 12/12" in said(controller, "watch", "tiny")


def test_a_second_run_on_the_same_state_is_refused_while_a_controller_serves_it(
    finished: tuple[Path, str], controller: str
) -> None:
    refused = nasfleet(finished[0], "run", "tiny.yaml")
    assert refused.returncode == 2
    assert f"--controller {controller}" in refused.stdout
    assert "another --state" in refused.stdout


def test_doctor_finds_the_controller_of_the_state_directory(finished: tuple[Path, str], controller: str) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--state", str(finished[0] / STATE)])
    assert result.exit_code == 0, result.output
    assert f"at {controller}" in result.output
    assert "digits" in result.output


def test_a_declared_search_is_suspended_resumed_cancelled_and_deleted(controller: str, tmp_path: Path) -> None:
    name = "namespaces/default/searches/second"
    with Client(controller) as client:
        client.ensure_search(name, load(search_file(tmp_path, name="second").read_text()).spec)
    assert said(controller, "suspend", "second") == "search second is suspended\n"
    assert said(controller, "resume", name) == "search second is running\n"
    assert "name one of them" in ask(controller, "get", "trials").output
    assert said(controller, "cancel", "second") == "search second is cancelled\n"
    kept = ask(controller, "delete", "second", input="n\n")
    assert kept.exit_code == 1
    assert "Delete search second with its 0 settled trials?" in kept.output
    assert said(controller, "delete", "second", "--yes") == "search second is deleted\n"


def test_a_search_goes_on_if_its_budget_is_raised_and_nothing_else_changes(tmp_path: Path) -> None:
    search_file(tmp_path, trials=4)
    assert nasfleet(tmp_path, "run", "tiny.yaml").returncode == 0
    again = nasfleet(tmp_path, "run", "tiny.yaml").stdout
    assert "search tiny is completed" in again
    assert "raise spec.budget.trials" in again
    assert "change metadata.name" in again
    assert "Best architectures" in again
    search_file(tmp_path, trials=6, epoch_seconds=0.03)
    refused = nasfleet(tmp_path, "run", "tiny.yaml")
    assert refused.returncode == 2
    assert "spec.task.synthetic.epochSeconds may not change" in refused.stdout
    search_file(tmp_path, trials=6)
    raised = nasfleet(tmp_path, "run", "tiny.yaml").stdout
    assert "changed spec.budget.trials" in raised
    assert "trial 6/6" in raised
    # Without a controller, one is started for the moment.
    assert len(nasfleet(tmp_path, "get", "trials").stdout.splitlines()) == 7
    assert not (tmp_path / STATE / "controller.json").exists()


def test_ctrl_c_in_the_live_view_suspends_and_the_same_command_resumes(tmp_path: Path) -> None:
    search_file(tmp_path, trials=30, epoch_seconds=0.3)
    terminal = Terminal.run(tmp_path, "run", "tiny.yaml", "--trainers", "2")
    view = terminal.read_until(r"\d/30 [^\n]* left[^$]*trainer-0[^$]*trainer-1[^$]*Ctrl-C suspends")
    started = descendants(terminal.process_id)
    for part in ("tiny  running", "best 0.", "rewards", "trainer-0", "latest", "nasfleet get trials tiny"):
        assert part in view
    terminal.press(b"\x03")
    assert terminal.wait() == 130
    assert "search tiny is suspended; the same command resumes it" in terminal.text
    assert wait_until_gone(started) == []
    resumed = Terminal.run(tmp_path, "run", "tiny.yaml", "--trainers", "2")
    assert resumed.wait() == 0, resumed.text
    assert "search tiny goes on" in resumed.text
    assert "tiny  completed" in resumed.text
    assert "30/30" in resumed.text
    assert "Best architectures" in resumed.text


def test_nothing_is_left_if_the_command_is_killed_and_the_same_command_goes_on(tmp_path: Path) -> None:
    search_file(tmp_path, trials=15, epoch_seconds=0.1, more="  trial: {leaseSeconds: 2}\n")
    terminal = Terminal.run(tmp_path, "run", "tiny.yaml", "--trainers", "2")
    terminal.read_until(r"[3-9]/15")
    started = descendants(terminal.process_id)
    assert len(started) >= 3
    terminal.kill()
    assert wait_until_gone(started) == []
    ended = nasfleet(tmp_path, "run", "tiny.yaml")
    assert ended.returncode == 0, ended.stdout
    assert "trial 15/15" in ended.stdout


def test_a_trainer_that_dies_is_started_again_and_a_controller_that_dies_ends_the_run(tmp_path: Path) -> None:
    search_file(tmp_path, trials=1000, epoch_seconds=0.1)
    terminal = Terminal.run(tmp_path, "run", "tiny.yaml", "--trainers", "2")
    terminal.read_until(r"[3-9]/1,000")
    started = descendants(terminal.process_id)
    os.kill(child(terminal.process_id, "nasfleet_trainer"), signal.SIGKILL)
    terminal.read_until(r"ended with exit code -9 and was started again; see")
    os.kill(child(terminal.process_id, "nasfleet_controller"), signal.SIGKILL)
    assert terminal.wait() == 2
    assert "error: the controller ended with exit code -9; the end of its log" in terminal.text
    assert "Traceback" not in terminal.text
    assert wait_until_gone(started) == []


def test_a_request_to_end_suspends_as_ctrl_c_does(tmp_path: Path) -> None:
    search_file(tmp_path, trials=1000, epoch_seconds=0.1)
    process = subprocess.Popen([*NASFLEET, "run", "tiny.yaml"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("trial "))
    process.terminate()
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait() == 130
    assert "search tiny is suspended" in rest


def test_ctrl_c_while_the_command_is_loaded_ends_it_with_one_line() -> None:
    interrupting = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    start = f"import sys; sys.meta_path.insert(0, type('Keys', (), {{'find_spec': lambda *_: exec({interrupting!r})}})); "
    ended = subprocess.run(
        [sys.executable, "-c", f"from nasfleet_cli.__main__ import main; {start}main()"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("program", ["nasfleet_controller", "nasfleet_trainer"])
def test_ctrl_c_while_a_run_starts_ends_it_with_one_line(tmp_path: Path, program: str) -> None:
    search_file(tmp_path, trials=1000, epoch_seconds=0.1)
    process = subprocess.Popen([*NASFLEET, "run", "tiny.yaml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    wait_for_child(process.pid, program)
    started = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert said in {"", "interrupted\n"}
    assert wait_until_gone(started) == []


def test_a_second_ctrl_c_while_a_run_suspends_ends_it_with_one_line(tmp_path: Path) -> None:
    search_file(tmp_path, trials=1000, epoch_seconds=0.1)
    terminal = Terminal.run(tmp_path, "run", "tiny.yaml", "--trainers", "2")
    terminal.read_until(r"[3-9]/1,000")
    started = descendants(terminal.process_id)
    terminal.press(b"\x03")
    terminal.read_until("suspending")
    terminal.press(b"\x03")
    assert terminal.wait() == 130
    assert "Aborted" not in terminal.text
    assert "Traceback" not in terminal.text
    assert wait_until_gone(started) == []


def test_a_search_of_which_every_trial_fails_says_why_and_where_to_look(tmp_path: Path) -> None:
    file = search_file(tmp_path, trials=3, more="  trial: {retries: {modelFailure: 0}}\n")
    file.write_text(file.read_text().replace("epochs: 3,", "failures: {cannotBuild: 1.0}, epochs: 3,"))
    ended = nasfleet(tmp_path, "run", "tiny.yaml", "--trainers", "1")
    assert ended.returncode == 0, ended.stdout
    assert "No trial was measured: 3 failed, 0 lost." in ended.stdout
    assert "The most frequent failure: cannot build: " in ended.stdout
    assert "nasfleet logs tiny/0" in ended.stdout
    assert "has a reward" not in ended.stdout


def test_a_controller_that_ends_during_a_call_is_told_by_the_end_of_its_log(tmp_path: Path) -> None:
    program, serving = start_controller(tmp_path)
    os.kill(program.process_id, signal.SIGKILL)
    said = r"the controller ended with exit code -9; the end of its log"
    with pytest.raises(ProgramEndedError, match=said), last_words(program), Client(serving.address) as client:
        client.get_fleet()
    program.stop()


def test_a_run_waits_for_a_controller_that_is_about_to_leave(tmp_path: Path) -> None:
    search_file(tmp_path, trials=2)
    (tmp_path / STATE).mkdir()
    lock = filelock.FileLock(tmp_path / STATE / "controller.lock", thread_local=False)
    lock.acquire()
    letting_go = threading.Timer(3, lock.release)
    letting_go.start()
    ended = nasfleet(tmp_path, "run", "tiny.yaml", "--trainers", "1")
    letting_go.join()
    assert ended.returncode == 0, ended.stdout


def test_the_result_of_an_ended_search_is_watched_without_a_controller(tmp_path: Path) -> None:
    search_file(tmp_path, trials=2)
    assert nasfleet(tmp_path, "run", "tiny.yaml", "--trainers", "1").returncode == 0
    watched = nasfleet(tmp_path, "watch")
    assert watched.returncode == 0, watched.stdout
    assert "trial 2/2" in watched.stdout
    assert "Best architectures" in watched.stdout


def test_a_search_that_does_not_go_on_is_not_watched(tmp_path: Path) -> None:
    search_file(tmp_path, trials=1000, epoch_seconds=0.1)
    process = subprocess.Popen([*NASFLEET, "run", "tiny.yaml"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("trial "))
    process.terminate()
    process.stdout.read()
    process.stdout.close()
    assert process.wait() == 130
    refused = nasfleet(tmp_path, "watch", "tiny")
    assert refused.returncode == 2
    assert f"no controller serves {STATE}, so tiny does not go on" in refused.stdout


def test_trainers_of_a_run_have_the_labels_that_its_search_wants(tmp_path: Path) -> None:
    search_file(tmp_path, trials=2, more="  trainerPoolSelector: {matchLabels: {gpu: h200}}\n")
    ended = nasfleet(tmp_path, "run", "tiny.yaml", "--trainers", "1")
    assert ended.returncode == 0, ended.stdout
    assert "trial 2/2" in ended.stdout


def test_a_space_of_ones_own_in_python_is_lowered_and_searched(tmp_path: Path) -> None:
    (tmp_path / "own_space.py").write_text(
        "from nasfleet.spaces.assignment_space import AssignmentSpace\n"
        "from nasfleet.spaces.decision import Choice\n\n\n"
        "def depths(deepest):\n"
        "    return AssignmentSpace((Choice('depth', 'depth', tuple(range(1, deepest + 1))),))\n"
    )
    file = search_file(tmp_path, trials=4)
    plugin = "plugin: {object: 'own_space:depths', parameters: {deepest: 3}}"
    file.write_text(file.read_text().replace("convChain: {layers: 2}", plugin))
    ended = nasfleet(tmp_path, "run", "tiny.yaml")
    assert ended.returncode == 0, ended.stdout
    assert "trial 4/4" in ended.stdout
    assert "depth" in ended.stdout
    assert "--format json" in ended.stdout

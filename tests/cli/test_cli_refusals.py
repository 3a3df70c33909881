"""What users get wrong is told in one way: a message with the value and the fix, exit code 2, no traceback."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nasfleet_cli.main import cli
from nasfleet_testing.command_line import NASFLEET

SEARCH = """\
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {name: tiny}
spec:
  searchSpace:
    convChain: {layers: 2}
  strategy:
    random: {}
  task:
    synthetic: {}
  budget: {trials: 4}
"""
CHOICES = "choices: {decisions: [{name: size, options: [1, 2]}]}"
IMAGES = "imageClassification: {dataset: cifar10}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for variable in ("NASFLEET_STATE", "NASFLEET_CONTROLLER", "NASFLEET_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def nasfleet(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def refused(result: Result, *parts: str) -> None:
    assert result.exit_code == 2, result.output
    for part in parts:
        assert part in result.output
    assert "Traceback" not in result.output


def run_changed(folder: Path, old: str, new: str, *options: str) -> Result:
    assert old in SEARCH
    (folder / "search.yaml").write_text(SEARCH.replace(old, new))
    return nasfleet("run", "search.yaml", *options)


def test_a_file_that_is_not_there(folder: Path) -> None:
    refused(nasfleet("run", "serach.yaml"), "serach.yaml cannot be read: No such file", "give the path of a search file")


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    refused(nasfleet("run", "."), "cannot be read", "Is a directory")


def test_a_file_that_is_no_text(folder: Path) -> None:
    (folder / "search.yaml").write_bytes(b"metadata: \xff\xfe")
    refused(nasfleet("run", "search.yaml"), "search.yaml is no UTF-8 text (byte 10)", "save it as UTF-8")


def test_a_file_that_is_no_yaml(folder: Path) -> None:
    (folder / "search.yaml").write_text("spec: {unclosed")
    refused(nasfleet("run", "search.yaml"), "search.yaml is no valid search:", "is no YAML")


def test_unknown_fields_are_all_named_with_the_nearest_known_ones(folder: Path) -> None:
    result = run_changed(folder, "random: {}\n  task:", "random: {batchSizes: 8}\n  tusk:")
    refused(result, "spec.strategy.random.batchSizes", "batchSize", "spec.tusk", "task")


def test_a_field_that_this_version_does_not_serve(folder: Path) -> None:
    refused(run_changed(folder, "budget:", "finalTraining: {}\n  budget:"), "spec.finalTraining")


def test_a_search_that_its_file_suspends(folder: Path) -> None:
    refused(
        run_changed(folder, "budget:", "suspend: true\n  budget:"), "spec.suspend is true in search.yaml", "set it to false"
    )


def test_cifar10_without_a_data_directory(folder: Path) -> None:
    refused(run_changed(folder, "synthetic: {}", IMAGES), "cifar10", "--data-dir")


def test_cifar10_in_a_data_directory_without_it(folder: Path) -> None:
    result = run_changed(folder, "synthetic: {}", IMAGES, "--data-dir", str(folder))
    refused(result, f"{folder} holds neither", "cifar-10-batches-py", "unpack CIFAR-10 there")


def test_a_folder_of_images_that_is_not_there(folder: Path) -> None:
    task = "imageClassification: {dataset: folder, folder: cats}"
    refused(run_changed(folder, "synthetic: {}", task, "--data-dir", str(folder)), "there is no folder", "cats", "--data-dir")


def test_a_table_that_is_not_there(folder: Path) -> None:
    refused(run_changed(folder, "synthetic: {}", "tabular: {file: table.csv}"), "table.csv cannot be read", "--data-dir")


def test_a_table_elsewhere_on_the_machine(folder: Path) -> None:
    result = run_changed(folder, "synthetic: {}", "tabular: {file: ../table.csv}", "--data-dir", str(folder))
    refused(result, "file is ../table.csv", "give a file below the trainer's data directory, as table.csv")


def test_a_table_that_is_damaged(folder: Path) -> None:
    (folder / "table.csv").write_text("tokens,value\n0 1,high\n")
    refused(run_changed(folder, "synthetic: {}", "tabular: {file: table.csv}"), "table.csv, line 2", "'high'", "finite number")


def test_choices_that_are_to_be_trained_on_images(folder: Path) -> None:
    text = SEARCH.replace("convChain: {layers: 2}", CHOICES).replace("synthetic: {}", "imageClassification: {}")
    (folder / "search.yaml").write_text(text)
    refused(nasfleet("run", "search.yaml"), "spec.task.imageClassification trains convolutional and", "search convChain or mlp")


@pytest.mark.parametrize(
    ("space", "parts"),
    [
        ("absent_module:space", ("absent_module:space cannot be imported", "No module named", "run nasfleet in the folder")),
        ("own_space:absent", ("own_space:absent cannot be imported", "has no attribute 'absent'")),
        ("own_space:broken", ("own_space:broken fails with its parameters", "ZeroDivisionError")),
        ("own_space:nothing", ("own_space:nothing gives 'int' without decisions", "Choice, Subset or Index")),
    ],
)
def test_a_space_of_ones_own_that_cannot_be_had(folder: Path, space: str, parts: tuple[str, ...]) -> None:
    (folder / "own_space.py").write_text("def broken(): return 1 / 0\ndef nothing(): return 5\n")
    refused(run_changed(folder, "convChain: {layers: 2}", f"plugin: {{object: '{space}'}}"), "spec.searchSpace.plugin", *parts)


def test_parameters_that_a_space_of_ones_own_does_not_take(folder: Path) -> None:
    (folder / "strict_space.py").write_text("def space(*, depth): return depth\n")
    plugin = "plugin: {object: 'strict_space:space', parameters: {width: 3}}"
    refused(run_changed(folder, "convChain: {layers: 2}", plugin), "strict_space:space fails", "width", "parameters")


def test_a_task_of_ones_own_that_is_not_there(folder: Path) -> None:
    result = run_changed(folder, "synthetic: {}", "plugin: {object: 'absent_module:Task'}")
    refused(result, "spec.task.plugin.object absent_module:Task", "there is no module absent_module", "install it")


@pytest.mark.parametrize(
    ("task", "parts"),
    [
        ("object: 'own_task:Absent'", ("own_task has no Absent", "correct spec.task.plugin.object")),
        ("object: 'own_task:Strict', parameters: {width: 3}", ("own_task:Strict failed", "'width'", "plugin.parameters")),
        ("object: 'own_task:Broken'", ("own_task:Broken failed", "no disk", "plugin.parameters")),
        ("object: 'own_task:Idle'", ("gives a Idle without a method train(run, report)",)),
        ("object: 'torn_task:Task'", ("torn_task:Task cannot be imported", "ZeroDivisionError", "correct torn_task")),
    ],
)
def test_a_task_of_ones_own_that_cannot_be_made(folder: Path, task: str, parts: tuple[str, ...]) -> None:
    (folder / "torn_task.py").write_text("1 / 0\n")
    (folder / "own_task.py").write_text(
        "class Strict:\n    def __init__(self, *, depth): pass\n    def train(self, run, report): pass\n\n\n"
        "class Broken:\n    def __init__(self): raise RuntimeError('no disk')\n\n\n"
        "class Idle: pass\n"
    )
    refused(run_changed(folder, "synthetic: {}", f"plugin: {{{task}}}"), "spec.task.plugin", *parts)


def test_weights_for_an_object_store(folder: Path) -> None:
    result = run_changed(folder, "budget:", "artifacts: s3://bucket/models\n  budget:")
    refused(result, 'spec.artifacts is "s3://bucket/models"', "object stores are not served yet", "give a directory")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_weights_for_a_directory_that_cannot_be_made(folder: Path, scheme: str) -> None:
    result = run_changed(folder, "budget:", f"artifacts: {scheme}{folder}/search.yaml/models\n  budget:")
    refused(result, "weights cannot be written", f"{folder}/search.yaml is no directory", "spec.artifacts")


def test_weights_for_a_state_directory_that_does_not_take_them(folder: Path) -> None:
    (folder / "nasfleet-state").mkdir()
    (folder / "nasfleet-state" / "artifacts").touch()
    result = run_changed(folder, "trials: 4", "trials: 5")
    refused(result, "weights cannot be written to nasfleet-state/artifacts", "--state")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--trainers", "-1"], ("--trainers", "-1")),
        (["--trainers", "many"], ("--trainers", "'many'")),
        (["--device", "tpu"], ("--device", "'tpu'", "'cuda'")),
        (["--controller", "here"], ("--controller is 'here'", "HOST:PORT")),
        (["--controller", "host:99999"], ("--controller is 'host:99999'", "HOST:PORT")),
        (["--controller", "127.0.0.1:1", "--trainers", "0"], ("127.0.0.1:1 does not answer",)),
        (["--state", "search.yaml"], ("--state", "search.yaml", "is a file")),
        (["--trainer", "2"], ("No such option '--trainer'", "--trainers")),
    ],
)
def test_flags_of_run_that_are_wrong(folder: Path, options: list[str], parts: tuple[str, ...]) -> None:
    refused(run_changed(folder, "trials: 4", "trials: 5", *options), *parts)


def test_a_state_directory_below_a_file(folder: Path) -> None:
    result = run_changed(folder, "trials: 4", "trials: 5", "--state", "search.yaml/state")
    refused(result, "search.yaml is no directory", "name another", "--state")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["get", "searches"], ("nasfleet-state holds no searches", "nasfleet run FILE", "--controller")),
        (["get", "trials", "tiny", "--best", "3", "--filter", "reward > 0"], ("--best has its own order",)),
        (["get", "trials", "tiny", "--best", "0"], ("--best", "0 is not in the range")),
        (["get", "trials", "tiny", "-o", "xml"], ("'xml'", "'json'")),
        (["get", "nodes"], ("nodes",)),
        (["logs", "tiny"], ("'tiny' is no trial", "digits/17")),
        (["logs", "7"], ("trial 7 of which search?", "SEARCH/7", "--search")),
        (["logs", "Tiny/7"], ("Tiny", "lower-case letters, digits and hyphens")),
        (["export", "tiny/7", "--format", "onnx"], ("'onnx'", "'pytorch'")),
        (["export", "tiny/-1"], ("'tiny/-1' is no trial",)),
        (["suspend", "no such"], ("no such", "lower-case letters")),
        (["completion", "tcsh"], ("'tcsh'", "'bash'")),
        (["lsit"], ("No such command 'lsit'",)),
    ],
)
def test_arguments_of_other_commands_that_are_wrong(arguments: list[str], parts: tuple[str, ...]) -> None:
    refused(nasfleet(*arguments), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["controller", "--listen", "nowhere"], ("--listen is 'nowhere'", "HOST:PORT")),
        (["trainer", "--controller", "127.0.0.1:1", "--slots", "0"], ("--slots", "'0' is no count")),
        (["trainer", "--controller", "nowhere"], ("--controller: the address is 'nowhere'", "HOST:PORT")),
    ],
)
def test_flags_of_the_programs_reach_them(arguments: list[str], parts: tuple[str, ...]) -> None:
    ended = subprocess.run([*NASFLEET, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert all(part in ended.stderr for part in parts)
    assert "Traceback" not in ended.stderr


def test_a_gang_larger_than_the_trainers_that_are_to_be_started(folder: Path) -> None:
    told = run_changed(folder, "synthetic: {}", "imageClassification: {}\n  gang: {size: 3}", "--trainers", "2")
    refused(told, "spec.gang.size is 3, more than the 2 trainers that are to be started", "give --trainers 3 or more")
    assert not (folder / "nasfleet-state").exists(), "nothing was started"

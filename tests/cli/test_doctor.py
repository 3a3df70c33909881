from pathlib import Path

import filelock
import pytest
from click.testing import CliRunner, Result

from nasfleet_cli import checks
from nasfleet_cli.checks import Level, Surroundings
from nasfleet_cli.main import cli
from nasfleet_cli.target import Target


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("NASFLEET_STATE", "NASFLEET_CONTROLLER", "NASFLEET_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "nasfleet-state"


def doctor(*options: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *options])


def test_a_machine_with_all_that_is_needed_passes() -> None:
    result = doctor()
    assert result.exit_code == 0, result.output
    for part in ("Python 3.", "torch 2.", "gRPC 1.", "on upb", "data set digits", "GiB free", "no controller runs here"):
        assert part in result.output
    assert all(line.startswith(("ok ", "warn ", "      fix: ")) for line in result.output.splitlines())


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--data-dir", "absent"], ("the data directory absent is not there", "correct --data-dir")),
        (["--controller", "127.0.0.1:1"], ("no controller answers at 127.0.0.1:1", "correct --controller")),
        (["--state", "a-file/state"], ("the state directory a-file/state cannot be written", "another --state")),
    ],
)
def test_what_is_missing_fails_with_its_fix(options: list[str], parts: tuple[str, ...]) -> None:
    Path("a-file").touch()
    result = doctor(*options)
    assert result.exit_code == 1
    assert "fail  " in result.output
    assert "fix: " in result.output
    for part in parts:
        assert part in result.output


def test_a_data_directory_without_cifar10_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    result = doctor("--data-dir", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "warn  data set cifar10 is not there" in result.output
    assert "unpack CIFAR-10 there" in result.output
    assert f"folders in {tmp_path}: cats" in result.output


def test_a_state_directory_that_another_process_holds_fails(state: Path) -> None:
    state.mkdir()
    with filelock.FileLock(state / "controller.lock"):
        (held,) = checks.check_controller(Surroundings(Target(None, state), None))
    assert held.level is Level.FAIL
    assert "no controller answers for it" in held.what


def test_looking_at_a_state_directory_leaves_it_free(state: Path) -> None:
    state.mkdir()
    (state / "controller.lock").touch()
    for _ in range(2):
        (free,) = checks.check_controller(Surroundings(Target(None, state), None))
        assert free.level is Level.OK


def test_an_announcement_of_a_controller_that_was_killed_is_not_believed(state: Path) -> None:
    state.mkdir()
    (state / "controller.json").write_text('{"event": "serving", "address": "127.0.0.1:1", "metrics": ""}\n')
    (found,) = checks.check_controller(Surroundings(Target(None, state), None))
    assert found.what.startswith("no controller runs here")


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PACKAGES", {"trainer": ("numpy", "no_such_package")})
    (found,) = checks.check_packages(Surroundings(Target(None, Path()), None))
    assert found == checks.Finding(Level.FAIL, "trainer: no_such_package not installed", "pip install 'nasfleet[trainer]'")


@pytest.mark.parametrize(("free", "level"), [(2**40, Level.OK), (2**30, Level.WARN), (2**20, Level.FAIL)])
def test_little_room_warns_and_less_fails(free: int, level: Level, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = checks.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    found = list(checks.check_state(Surroundings(Target(None, tmp_path / "state"), None)))
    assert found[-1].level is level

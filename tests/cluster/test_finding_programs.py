"""Where the programs of the control plane come from, and what is said where they can come from nowhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import programs
from cluster.programs import MissingProgramError, have

SCRIPT = Path(programs.__file__)


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Be on a machine without Go, on which nothing was built."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("KUBEBUILDER_ASSETS", "TEST_ASSET_ETCD", "CI"):
        monkeypatch.delenv(name, raising=False)


def test_programs_that_the_environment_names_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "etcd").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert have("etcd") == tmp_path / "etcd"
    monkeypatch.setenv("TEST_ASSET_ETCD", "/another/etcd")
    assert have("etcd") == Path("/another/etcd")
    with pytest.raises(MissingProgramError, match="no kwok: install Go"):
        have("kwok")


@pytest.mark.parametrize(("ci", "code"), [(None, 0), ("true", 1)])
def test_one_line_says_how_to_have_them_and_is_an_error_where_ci_is_set(
    monkeypatch: pytest.MonkeyPatch, ci: str | None, code: int
) -> None:
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    ended = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    hint = "no etcd: install Go, or set KUBEBUILDER_ASSETS to a folder that holds it"
    assert ended.stderr.splitlines() == [f"the tests on a real control plane will be skipped: {hint}"]


def test_a_build_that_fails_says_what_the_compiler_said_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "go"
    compiler.write_text("#!/bin/sh\ncase $1 in env) echo go1.26.0;; *) echo 'no space left' >&2; exit 1;; esac\n")
    compiler.chmod(0o755)
    programs._key.cache_clear()
    with pytest.raises(MissingProgramError, match="no space left"):
        have("etcd")
    programs._key.cache_clear()
    assert [file.name for file in (tmp_path / "cache").rglob("*") if file.is_file()] in ([], ["lock"])

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasfleet_testing.lacking import lacking
from nasfleet_testing.pages import ROOT, beside_postgresql, blocks, needed_programs, on_a_cluster, pages, script
from nasfleet_testing.postgresql import PostgresqlServer

NEEDED = ["Makefile", "examples", "helm", "monitoring"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder like the repository's root, for commands to run in."""
    for name in NEEDED:
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    return tmp_path


PAGES = [page for page in pages() if any(block.language == "console" for block in blocks(page)) and not on_a_cluster(page)]


@pytest.mark.parametrize("page", [page for page in PAGES if not beside_postgresql(page)], ids=lambda page: page.stem)
def test_every_command_of_the_page_succeeds(page: Path, copy: Path) -> None:
    type_commands(page, copy)


@pytest.mark.parametrize("page", [page for page in PAGES if beside_postgresql(page)], ids=lambda page: page.stem)
def test_every_command_of_the_page_succeeds_beside_postgresql(page: Path, copy: Path, new_postgresql: PostgresqlServer) -> None:
    type_commands(page, copy, **new_postgresql.administrator())


def type_commands(page: Path, copy: Path, **more: str) -> None:
    """Run the commands of a page, in an environment with more variables."""
    if missing := [program for program in needed_programs(page) if shutil.which(program) is None]:
        lacking(f"not installed: {', '.join(missing)}")
    environment = os.environ | more
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}", "COLUMNS": "120"}
    with (copy / "output").open("w+b") as output:
        ended = subprocess.run(
            ["bash", "-c", script(page)], check=False, cwd=copy, env=environment, stdout=output, stderr=output, timeout=280
        )
        output.seek(0)
        assert ended.returncode == 0, output.read().decode()[-5000:]

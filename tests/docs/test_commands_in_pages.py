import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasfleet_testing.pages import ROOT, blocks, on_a_cluster, pages, script

NEEDED = ["Makefile", "examples"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder like the repository's root, for commands to run in."""
    for name in NEEDED:
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    return tmp_path


PAGES = [page for page in pages() if any(block.language == "console" for block in blocks(page)) and not on_a_cluster(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_page_succeeds(page: Path, copy: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    with (copy / "output").open("w+b") as output:
        ended = subprocess.run(
            ["bash", "-c", script(page)], check=False, cwd=copy, env=environment, stdout=output, stderr=output, timeout=280
        )
        output.seek(0)
        assert ended.returncode == 0, output.read().decode()[-5000:]

"""The guide for a fleet on Kubernetes, typed as it stands: a bare cluster with one node, and nothing installed in it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasfleet_testing import control_plane as running
from nasfleet_testing.pages import ROOT, script
from nasfleet_testing.stand_in_kubelet import stand_in_kubelet

GUIDE = ROOT / "docs" / "guides" / "kubernetes.md"


@pytest.mark.timeout(420)
def test_every_command_of_the_guide_succeeds(kubernetes_programs: None, tmp_path: Path) -> None:
    folder, output = tmp_path / "typed", tmp_path / "output"
    shutil.copytree(ROOT / "operator" / "manifests", folder / "operator" / "manifests")
    with running.control_plane(tmp_path / "plane") as plane, stand_in_kubelet(plane), output.open("wb") as said:
        environment = plane.environment()
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        ended = subprocess.run(
            ["bash", "-c", script(GUIDE)], check=False, cwd=folder, env=environment, stdout=said, stderr=said, timeout=360
        )
    assert ended.returncode == 0, output.read_text()[-5000:]

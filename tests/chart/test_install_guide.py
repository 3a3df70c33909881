"""The guide for the installation, typed as it stands on a bare cluster, without nodes: what waits for pods is left out."""

import shutil
import subprocess
import sys
from pathlib import Path

from cluster.programs import have
from nasfleet_testing.chart import Helm
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.pages import ROOT, blocks, script

GUIDE = ROOT / "docs" / "guides" / "install.md"
# The first wants an engine for containers; the others a node, which the tests of the whole fleet have.
LEFT_OUT = ("make images", "kubectl rollout status", "helm test")


def test_every_command_of_the_guide_succeeds(helm: Helm, control_plane: ControlPlane, tmp_path: Path) -> None:
    crds = ("crd/architecturesearches.nasfleet.dev", "crd/trainerpools.nasfleet.dev")
    control_plane.do("delete", *crds, "namespace/vision", "--ignore-not-found", "--wait")
    shutil.copytree(ROOT / "helm", tmp_path / "helm")
    environment = control_plane.environment() | {
        f"HELM_{name}_HOME": str(helm.folder / name) for name in ("CACHE", "CONFIG", "DATA")
    }
    environment["PATH"] = f"{Path(sys.executable).parent}:{have('helm').parent}:{environment['PATH']}"
    output = tmp_path / "output"
    with output.open("wb") as said:
        ended = subprocess.run(
            ["bash", "-c", script(GUIDE)], check=False, cwd=tmp_path, env=environment, stdout=said, stderr=said, timeout=280
        )
    assert ended.returncode == 0, output.read_text()[-5000:]
    assert control_plane.do("get", "pvc", "--namespace=nasfleet", "--output=name") == ""


def test_what_is_left_out_waits_for_pods() -> None:
    skipped = [command for block in blocks(GUIDE) if ("test", "skip") in block.notes for command in block.commands]
    assert all(command.startswith(LEFT_OUT) for command in skipped), skipped

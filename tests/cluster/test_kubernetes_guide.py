"""The guide for a fleet on Kubernetes, typed as it stands: a bare cluster with one node, and nothing installed in it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasfleet_testing import control_plane as running
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.pages import ROOT, blocks, script
from nasfleet_testing.stand_in_kubelet import stand_in_kubelet

GUIDE = ROOT / "docs" / "guides" / "kubernetes.md"
# The guide forwards the controller's port to this machine, where the node's pods are as well.
SERVICES = {"nasfleet-controller.nasfleet:50051": "127.0.0.1:50051"}
# What a cluster's storage class makes for the claim of the controller.
VOLUME = """\
apiVersion: v1
kind: PersistentVolume
metadata: {name: one}
spec: {capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /nowhere}}
"""


def named_as_in_the_guide(plane: ControlPlane, folder: Path) -> str:
    """Return the superuser's kubeconfig with the context that the guide names."""
    config = json.loads(plane.kubeconfig.read_text())
    config["contexts"][0]["name"] = config["current-context"] = "my-cluster"
    (folder / "kubeconfig").write_text(json.dumps(config))
    return str(folder / "kubeconfig")


@pytest.mark.timeout(420)
def test_every_command_of_the_guide_succeeds(kubernetes_programs: None, tmp_path: Path) -> None:
    folder, output = tmp_path / "typed", tmp_path / "output"
    shutil.copytree(ROOT / "operator" / "manifests", folder / "operator" / "manifests")
    with (
        running.control_plane(tmp_path / "plane") as plane,
        stand_in_kubelet(plane, services=SERVICES),
        output.open("wb") as said,
    ):
        plane.do("apply", "--filename=-", stdin=VOLUME)
        environment = plane.environment() | {"KUBECONFIG": named_as_in_the_guide(plane, tmp_path)}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        ended = subprocess.run(
            ["bash", "-c", script(GUIDE)], check=False, cwd=folder, env=environment, stdout=said, stderr=said, timeout=360
        )
    assert ended.returncode == 0, output.read_text()[-5000:]


def test_no_command_of_the_guide_is_left_out() -> None:
    assert ("test", "skip") not in [note for block in blocks(GUIDE) for note in block.notes]

"""One real control plane for all tests of this folder, and what each of them gets of it.

They share a process of pytest-xdist, so that there is one control plane however many processes there are. Where its programs
can neither be found nor built they are skipped, but not where CI is set.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cluster.programs import PROGRAMS
from nasfleet_testing import control_plane as running
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.fake_nodes import FakeNodes, faking_nodes
from nasfleet_testing.lacking import have_all, share_process
from nasfleet_testing.processes import eventually

HERE = Path(__file__).parent
MANIFESTS = HERE.parents[1] / "operator" / "manifests"
_NUMBERS = count()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_process(items, HERE, "cluster")


@pytest.fixture(scope="session")
def kubernetes_programs() -> None:
    """Skip the tests that need programs which are not there."""
    have_all(*PROGRAMS.keys() - {"helm"})  # that is for the tests of the chart


@pytest.fixture(scope="session")
def control_plane(kubernetes_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane: etcd, API server, controller manager and scheduler; no nodes."""
    with running.control_plane(tmp_path_factory.mktemp("control-plane")) as one:
        yield one


@pytest.fixture(scope="session")
def resources(control_plane: ControlPlane) -> None:
    """The custom resources of nasfleet, served by the control plane."""
    files = sorted((MANIFESTS / "crds").glob("*.yaml"))
    assert files, "operator/manifests/crds is empty"
    for file in files:
        control_plane.do("apply", "--server-side", "--filename", str(file))
    control_plane.do("wait", "--for=condition=Established", "--timeout=30s", *(f"--filename={file}" for file in files))


@pytest.fixture(scope="session")
def operator_account(control_plane: ControlPlane, resources: None) -> Path:
    """The kubeconfig of the operator's service account, with the rights that it is installed with, in all namespaces."""
    control_plane.do("create", "namespace", "nasfleet")
    control_plane.do("apply", "--filename", str(MANIFESTS / "rbac.yaml"))
    return control_plane.service_account("nasfleet", "nasfleet-operator")


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own, in which pods can be made; its end is not waited for."""
    name = f"test-{next(_NUMBERS)}"
    control_plane.do("create", "namespace", name)
    account = ("get", "serviceaccount", "default", f"--namespace={name}")
    eventually(lambda: control_plane.kubectl(*account).returncode == 0, f"the default service account of {name}")
    yield name
    control_plane.do("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def _faking_nodes(control_plane: ControlPlane) -> Iterator[FakeNodes]:
    with faking_nodes(control_plane) as nodes:
        yield nodes


@pytest.fixture
def fake_nodes(_faking_nodes: FakeNodes) -> Iterator[FakeNodes]:
    """What adds fake nodes, `fake_nodes(3, gpus=8, kind="h200")`; they go with the test."""
    yield _faking_nodes
    _faking_nodes.remove()

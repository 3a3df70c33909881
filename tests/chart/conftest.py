"""Helm, and a control plane of the chart's own, on which nothing is installed but what others bring.

These tests share a process of pytest-xdist, so that there is one such control plane however many processes there are.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cluster.programs import NEIGHBOURS, PROGRAMS
from nasfleet_testing import control_plane as running
from nasfleet_testing.chart import CHART, Helm
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.lacking import have_all, share_process
from nasfleet_testing.neighbours import CERT_MANAGER, PROMETHEUS_OPERATOR, install_resources
from nasfleet_testing.release import CRDS, Release

HERE = Path(__file__).parent
FILES = [f"--filename={file}" for file in sorted((CHART / "files" / "crds").glob("*.yaml"))]
_NUMBERS = count()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_process(items, HERE, "chart")


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    have_all("helm")
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane with the resources of cert-manager and the Prometheus operator, and none of ours."""
    have_all(*PROGRAMS, *NEIGHBOURS)
    with running.control_plane(tmp_path_factory.mktemp("control-plane")) as one:
        install_resources(one, CERT_MANAGER, PROMETHEUS_OPERATOR)
        yield one


@pytest.fixture(scope="session")
def cluster_helm(helm: Helm, control_plane: ControlPlane) -> Helm:
    """Helm as a superuser of the control plane."""
    return Helm(helm.folder, control_plane.kubeconfig)


@pytest.fixture
def restricted(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace that refuses pods below the Pod Security level `restricted`; its end is not waited for."""
    name = f"restricted-{next(_NUMBERS)}"
    control_plane.do("create", "namespace", name)
    control_plane.do("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    control_plane.do("delete", "namespace", name, "--wait=false")


@pytest.fixture
def resources(control_plane: ControlPlane) -> None:
    """Our resources, as an earlier release has left them."""
    if len(control_plane.do("get", "crd", *CRDS, "--ignore-not-found", "--output=name").splitlines()) == len(CRDS):
        return
    control_plane.do("apply", "--server-side", "--force-conflicts", *FILES)
    control_plane.do("wait", "--for=condition=Established", "--timeout=30s", *FILES)


@pytest.fixture
def release(cluster_helm: Helm, control_plane: ControlPlane, restricted: str) -> Iterator[Release]:
    """A release that is not installed yet, and is removed with the test."""
    one = Release(cluster_helm, control_plane, restricted)
    yield one
    if one.installed():
        one.uninstall()

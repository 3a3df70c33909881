"""Helm, and a control plane of the chart's own, on which nothing is installed but what others bring.

These tests share a process of pytest-xdist, so that there is one such control plane however many processes there are.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from cluster.programs import PROGRAMS
from nasfleet_testing import control_plane as running
from nasfleet_testing.chart import Helm
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.lacking import have_all, share_process

HERE = Path(__file__).parent
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
    have_all(*PROGRAMS)
    with running.control_plane(tmp_path_factory.mktemp("control-plane")) as one:
        foreign = f"--filename={HERE / 'foreign_resources.yaml'}"
        one.do("apply", "--server-side", foreign)
        one.do("wait", "--for=condition=Established", "--timeout=30s", foreign)
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

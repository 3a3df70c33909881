"""The real cert-manager and the real Prometheus operator, for which the chart makes resources, on a test's control plane."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.programs import have, sources
from nasfleet_testing.control_plane import ControlPlane, unused_address
from nasfleet_testing.processes import program

CERT_MANAGER = ("cert-manager", "github.com/cert-manager/cert-manager", "deploy/crds")
PROMETHEUS_OPERATOR = (
    "prometheus-operator",
    "github.com/prometheus-operator/prometheus-operator",
    "example/prometheus-operator-crd",
)


def install_resources(plane: ControlPlane, *neighbours: tuple[str, str, str]) -> None:
    """Have the API server know the resources of neighbours, each in the version of its program."""
    for name, module, folder in neighbours:
        files = sorted((sources(name, module) / folder).glob("*.yaml"))
        assert files, f"{module} has nothing in {folder}"
        chosen = [f"--filename={file}" for file in files]
        plane.do("apply", "--server-side", *chosen)
        plane.do("wait", "--for=condition=Established", "--timeout=60s", *chosen)


@contextmanager
def cert_manager(plane: ControlPlane) -> Iterator[None]:
    """Run cert-manager, which makes the certificates that Certificates declare."""
    with program((str(have("cert-manager")), f"--kubeconfig={plane.kubeconfig}"), plane.folder / "cert-manager.log"):
        yield


@contextmanager
def prometheus_operator(plane: ControlPlane, *flags: str) -> Iterator[Path]:
    """Run the Prometheus operator, which makes configurations of PodMonitors and says of them what it thinks; give its log."""
    log = plane.folder / "prometheus-operator.log"
    told = (
        f"--web.listen-address={unused_address()}",
        "--feature-gates=StatusForConfigurationResources=true",
    )
    with program(("env", f"KUBECONFIG={plane.kubeconfig}", str(have("prometheus-operator")), *told, *flags), log):
        yield log

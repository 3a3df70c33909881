"""A controller that speaks TLS and asks a real API server who calls, and callers of every kind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import grpc

from nasfleet.client import Client
from nasfleet.transport import Trust
from nasfleet_testing.certificates import issue, make_authority
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.processes import Process
from nasfleet_testing.programs import controller
from nasfleet_testing.tokens import token

OPERATOR = ("nasfleet", "nasfleet-operator")
RESEARCHER = ("vision", "researcher")
TRAINER = ("vision", "nasfleet-trainer")
_VERBS = ["get", "list", "watch", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Guarded:
    """The controller, and the cluster that it asks."""

    plane: ControlPlane
    folder: Path
    address: str
    health: str
    process: Process
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def authority(self) -> Path:
        """The certificate of who signed the controller's."""
        return self.folder / "pki" / "ca.crt"

    def trust(self, account: tuple[str, str], *, seconds: float = 600.0, audience: str = "", pod: str = "") -> Trust:
        """Return how somebody with a token of a service account comes."""
        told = {"audience": audience} if audience else {}
        file = self.folder / f"token-{next(self._numbers)}"
        file.write_text(token(self.plane, *account, seconds=seconds, pod=pod, **told))
        return Trust(self.authority, file)

    def client(self, account: tuple[str, str], *, seconds: float = 600.0, audience: str = "") -> Client:
        """Return a client with such a token."""
        return Client(self.address, self.trust(account, seconds=seconds, audience=audience))

    def channel(self) -> grpc.aio.Channel:
        """Return a channel for calls by hand, which sends no token by itself."""
        return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(self.authority.read_bytes()))

    def renew(self) -> None:
        """Have another certificate of the same authority be used from the next handshake on."""
        number = next(self._numbers)
        issue(self.folder / "pki", f"renewed-{number}", "server")
        for kind in ("key", "crt"):
            (self.folder / "pki" / f"renewed-{number}.{kind}").replace(self.folder / "pki" / f"server.{kind}")


def prepare(plane: ControlPlane, manifests: Path) -> None:
    """Make the accounts: of controller and operator as they are installed, and of people and trainers in two namespaces."""
    if plane.kubectl("get", "namespace", "nasfleet").returncode != 0:
        plane.do("create", "namespace", "nasfleet")
    for file in ("rbac.yaml", "controller-rbac.yaml"):
        plane.do("apply", "--filename", str(manifests / file))
    for namespace in ("vision", "language"):
        plane.do("create", "namespace", namespace)
        for account in ("researcher", "nasfleet-trainer", "other-trainer"):
            plane.do("create", "serviceaccount", account, "--namespace", namespace)
        rules = [{"apiGroups": ["nasfleet.dev"], "resources": ["architecturesearches"], "verbs": _VERBS}]
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "researcher"},
            "rules": rules,
        }
        plane.do("create", "--namespace", namespace, "--filename=-", stdin=json.dumps(role))
        whom = f"--serviceaccount={namespace}:researcher"
        plane.do("create", "rolebinding", "researcher", "--role=researcher", whom, "--namespace", namespace)
        for pod in ("gpu-0", "gpu-1"):
            about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod, "namespace": namespace}}
            about["spec"] = {
                "serviceAccountName": "nasfleet-trainer",
                "containers": [{"name": "trainer", "image": "none"}],
                "nodeSelector": {"there-is": "none"},  # a token is bound to them, and no node of another test is to run them
            }
            plane.do("create", "--filename=-", stdin=json.dumps(about))


@contextmanager
def guarded_controller(plane: ControlPlane, folder: Path) -> Iterator[Guarded]:
    """Run such a controller, which has no more rights in the cluster than it is installed with."""
    make_authority(folder / "pki")
    issue(folder / "pki", "server", "server")
    options = {
        "--tls-certificate": str(folder / "pki" / "server.crt"),
        "--tls-key": str(folder / "pki" / "server.key"),
        "--authentication": "Kubernetes",
        "--kubeconfig": str(plane.service_account("nasfleet", "nasfleet-controller")),
        "--operator-account": "system:serviceaccount:nasfleet:nasfleet-operator",
        "--health": "127.0.0.1:0",
    }
    words = [word for pair in options.items() for word in pair]
    with controller(folder / "state", "127.0.0.1:0", *words) as running:
        yield Guarded(plane, folder, running.address, running.health, running.process)

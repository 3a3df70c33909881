"""A real Kubernetes control plane on loopback addresses, without nodes: it is there in seconds and dies with its test.

Its API server authorizes by RBAC and admits as a cluster does; the controller manager and the scheduler are the real ones.
"""

import json
import os
import random
import secrets
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client, config

from cluster.programs import have
from nasfleet_testing.certificates import make_certificates
from nasfleet_testing.processes import eventually

SERVICE_RANGE = "10.96.0.0/16"
START_SECONDS = 60.0
# Clients of the control plane that act much: with the default, 20 calls a second, a thousand pods take minutes.
QUICK = ("--kube-api-qps=500", "--kube-api-burst=1000", "--leader-elect=false", "--bind-address=127.0.0.1")
LOOPBACK = "127.0.0.1"
USERS = {
    "admin": "system:masters",
    "somebody": "people",  # may do nothing unless a test says so
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A control plane that runs: where it and its database are and how it is spoken to."""

    folder: Path
    address: str
    database: str
    tokens: dict[str, str]
    groups: dict[str, str]

    @property
    def host(self) -> str:
        """The address on which everybody reaches it."""
        return self.address.rpartition(":")[0]

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of a superuser."""
        return self.folder / "admin.kubeconfig"

    def kubectl(
        self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as the superuser or as who owns a kubeconfig; return what it said, also if it failed."""
        return subprocess.run(
            (have("kubectl"), *arguments),
            input=stdin,
            env=self.environment(kubeconfig),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def do(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the superuser, which must succeed; return what it printed."""
        done = self.kubectl(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """Return the variables that a program needs which finds kubectl by PATH and the cluster by KUBECONFIG."""
        path = os.pathsep.join((str(have("kubectl").parent), os.environ["PATH"]))
        cache = str(self.folder / "kubectl-cache")
        return {**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig or self.kubeconfig), "KUBECACHEDIR": cache}

    def client(self, kubeconfig: Path | None = None) -> client.ApiClient:
        """Return a new client of the Python library, to be closed by whoever asked for it."""
        return config.new_client_from_config(str(kubeconfig or self.kubeconfig))

    def service_account(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """Return a kubeconfig with a new token of a service account, which must exist, in its namespace."""
        token = self.do("create", "token", name, "--namespace", namespace, f"--duration={seconds}s").strip()
        file = self.folder / f"{namespace}-{name}-{secrets.token_hex(4)}.kubeconfig"
        write_kubeconfig(file, self.address, self.folder / "pki" / "ca.crt", token, namespace)
        return file

    def user(self, name: str) -> Path:
        """Return the kubeconfig of one of USERS."""
        return self.folder / f"{name.replace(':', '-')}.kubeconfig"


def write_kubeconfig(file: Path, address: str, authority: Path, token: str, namespace: str = "default") -> None:
    """Write the kubeconfig of whoever holds a token; its only context is called "test"."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": f"https://{address}", "certificate-authority": str(authority)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    }
    file.write_text(json.dumps(content))


@contextmanager
def control_plane(
    folder: Path, *, bare: bool = False, node_grace_seconds: int = 40, host: str = LOOPBACK, nodes: Sequence[str] = ()
) -> Iterator[ControlPlane]:
    """Have a control plane, its state in a new folder.

    Args:
        folder: where its state, keys and logs go.
        host: the address on which its nodes reach it.
        nodes: names of real nodes, which are known by tokens of their own.
        bare: whether etcd and the API server alone are enough: then nothing makes pods, service accounts or nodes ready.
        node_grace_seconds: for how long a node may be silent before its pods are taken for lost.
    """
    groups = USERS | {f"system:node:{node}": "system:nodes" for node in nodes} | ({"system:kube-proxy": ""} if nodes else {})
    tokens = {name: secrets.token_hex(16) for name in groups}
    running = ControlPlane(folder, unused_address(host), unused_address(), tokens, groups)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as started:
        start = _Starting(folder, started)
        start("etcd", _etcd(running))
        _write_identities(running)
        start("kube-apiserver", _api_server(running))
        eventually(lambda: start.all_alive() and _ready(running), "an API server that is ready", within=START_SECONDS)
        if not bare:
            start("kube-controller-manager", _controller_manager(running, node_grace_seconds))
            start("kube-scheduler", (f"--kubeconfig={running.user('system:kube-scheduler')}", "--secure-port=0", *QUICK))
            accounts = ("get", "serviceaccount", "default", "--namespace=default")
            eventually(
                lambda: start.all_alive() and running.kubectl(*accounts).returncode == 0,
                "a controller manager that works",
                within=START_SECONDS,
            )
        yield running


class _Starting:
    """Programs that start; each is killed with the process that started it, whatever happens to that."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self._folder = folder
        self._started = started
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, name: str, flags: Sequence[str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            command = ("setpriv", "--pdeathsig", "KILL", "--", str(have(name)), *flags)
            process = self._started.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
        self._started.callback(process.kill)
        self._processes[name] = process

    def all_alive(self) -> bool:
        """Return True; AssertionError shows what a program said that has ended."""
        for name, process in self._processes.items():
            log = self._folder / f"{name}.log"
            assert process.poll() is None, f"{name} ended: {log.read_text()[-4000:]}"
        return True


def unused_address(host: str = LOOPBACK) -> str:
    """Return an address to listen on in a while: none of those ports that connections take in the meantime."""
    while True:
        address = (host, random.SystemRandom().randrange(20_000, 32_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(address)
            return f"{address[0]}:{address[1]}"


def _write_identities(running: ControlPlane) -> None:
    keys = running.folder / "pki"
    make_certificates(keys)
    lines = [f'{token},{name},{name},"{running.groups[name]}"' for name, token in running.tokens.items()]
    (running.folder / "tokens.csv").write_text("\n".join(lines))
    for name, token in running.tokens.items():
        write_kubeconfig(running.user(name), running.address, keys / "ca.crt", token)


def _etcd(running: ControlPlane) -> Sequence[str]:
    peer = f"http://{unused_address()}"
    return (
        f"--data-dir={running.folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls=http://{running.database}",
        f"--advertise-client-urls=http://{running.database}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    )


def _api_server(running: ControlPlane) -> Sequence[str]:
    keys = running.folder / "pki"
    host, _, port = running.address.rpartition(":")
    return (
        f"--etcd-servers=http://{running.database}",
        f"--bind-address={host}",
        f"--advertise-address={host}",
        f"--secure-port={port}",
        f"--tls-cert-file={keys}/server.crt",
        f"--tls-private-key-file={keys}/server.key",
        f"--client-ca-file={keys}/ca.crt",
        f"--token-auth-file={running.folder}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        # The second as some distributions have it: who owns an object must have been allowed to be set as its owner.
        "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys}/service-accounts.key",
        f"--service-account-signing-key-file={keys}/service-accounts.key",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--kubelet-client-certificate={keys}/client.crt",
        f"--kubelet-client-key={keys}/client.key",
        "--kubelet-preferred-address-types=InternalIP",
        # Without nodes nobody needs the API server's own Service.
        *(("--endpoint-reconciler-type=none",) if host == LOOPBACK else ()),
    )


def _controller_manager(running: ControlPlane, node_grace_seconds: int) -> Sequence[str]:
    keys = running.folder / "pki"
    return (
        f"--kubeconfig={running.user('system:kube-controller-manager')}",
        "--use-service-account-credentials",
        f"--root-ca-file={keys}/ca.crt",
        f"--service-account-private-key-file={keys}/service-accounts.key",
        f"--node-monitor-grace-period={node_grace_seconds}s",
        "--node-monitor-period=1s",
        "--secure-port=0",
        *QUICK,
    )


def _ready(running: ControlPlane) -> bool:
    trusted = ssl.create_default_context(cafile=str(running.folder / "pki" / "ca.crt"))
    try:
        with urllib.request.urlopen(f"https://{running.address}/readyz", timeout=2, context=trusted):
            return True
    except (urllib.error.URLError, OSError):
        return False

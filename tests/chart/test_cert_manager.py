"""`tls.mode: certManager` with cert-manager itself: who makes what, what a controller and its clients take, and renewal."""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nasfleet.catalogue import Synthetic
from nasfleet.client import Client
from nasfleet.transport import Trust
from nasfleet_testing.certificates import handshake, make_authority
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.neighbours import cert_manager
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import RunningController, controller, synthetic_search
from nasfleet_testing.release import OURS_ARE_THERE, Release, values, write_files
from nasfleet_testing.tokens import token

SECRET, AUTHORITY = "nasfleet-controller-tls", "nasfleet-controller-tls-authority"
EXTRA = ["nasfleet.example.com", "192.0.2.7"]
OWN: Mapping[str, Any] = {"mode": "certManager", "extraNames": EXTRA}
COMPANY = OWN | {"certManager": {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}}}


@pytest.fixture(scope="module", autouse=True)
def _certificates(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have cert-manager, and an issuer of a company beside it, whose authority is older than the cluster."""
    keys = tmp_path_factory.mktemp("company") / "pki"
    make_authority(keys)
    files = (f"--cert={keys / 'ca.crt'}", f"--key={keys / 'ca.key'}")
    control_plane.do("create", "secret", "tls", "company", "--namespace=kube-system", *files)
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "company"}}
    control_plane.do("apply", "--filename=-", stdin=json.dumps(issuer | {"spec": {"ca": {"secretName": "company"}}}))
    with cert_manager(control_plane):
        yield


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates of a release, as they are in the cluster and as a kubelet has them in a pod."""

    plane: ControlPlane
    release: Release
    folder: Path

    def secret(self, name: str = SECRET) -> dict[str, bytes]:
        """Return what cert-manager has made; nothing if it has not yet."""
        return values(self.release.get("secret", name)) if name in self.release.names("secrets") else {}

    def made(self, name: str = SECRET, *, other: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """Wait until there is a certificate, another than that, and it counts as issued."""
        known = (other or {}).get("tls.crt")
        eventually(lambda: self.secret(name).get("tls.crt") not in {None, known}, f"another certificate in {name}")
        self.plane.do("wait", "--for=condition=Ready", f"certificate/{name}", f"--namespace={self.release.namespace}")
        return self.secret(name)

    def renew(self, name: str = SECRET) -> None:
        """Ask for another certificate, as `cmctl renew` does."""
        issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by a test"}
        issuing["lastTransitionTime"] = "2026-01-01T00:00:00Z"
        where = f"--namespace={self.release.namespace}"
        there = self.release.get("certificate", name)["status"]["conditions"]
        patch = json.dumps({"status": {"conditions": [*there, issuing]}})
        self.plane.do("patch", "certificate", name, where, "--subresource=status", "--type=merge", f"--patch={patch}")

    def mount(self) -> Path:
        """Put the files where a pod would have them, or change all of them at once as a kubelet does; return their folder."""
        generation = self.folder / f"..{len(list(self.folder.glob('..[0-9]*')))}"
        generation.mkdir(parents=True)
        write_files(self.release.get("secret", SECRET), generation)
        link = self.folder / "..data_tmp"
        link.symlink_to(generation.name)
        link.replace(self.folder / "..data")
        for file in generation.iterdir():
            if not (self.folder / file.name).is_symlink():
                (self.folder / file.name).symlink_to(Path("..data", file.name))
        return self.folder


@pytest.fixture
def certificates(control_plane: ControlPlane, release: Release, tmp_path: Path) -> Certificates:
    return Certificates(control_plane, release, tmp_path / "mounted")


@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize("tls", [OWN, COMPANY], ids=["own authority", "issuer"])
def test_certificate_appears_where_it_is_mounted_and_is_what_clients_check(
    certificates: Certificates, tls: Mapping[str, Any]
) -> None:
    release = certificates.release
    release.install(tls=tls, crds=OURS_ARE_THERE)
    made = certificates.made()
    assert made.keys() == {"ca.crt", "tls.crt", "tls.key"}
    volumes = release.get("statefulset", "nasfleet-controller")["spec"]["template"]["spec"]["volumes"]
    assert SECRET in [volume.get("secret", {}).get("secretName") for volume in volumes]
    files = certificates.mount()
    service = f"nasfleet-controller.{release.namespace}"
    for name in (f"{service}.svc", service, f"{service}.svc.cluster.local", "localhost", "127.0.0.1", *EXTRA):
        handshake(files, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(files, "nasfleet-controller.elsewhere.svc")

    assert "nasfleet-controller-ca" not in release.names("configmaps")
    release.upgrade(tls=tls, crds=OURS_ARE_THERE)
    assert release.get("configmap", "nasfleet-controller-ca")["data"]["ca.crt"].encode() == made["ca.crt"]
    assert certificates.secret() == made, "an upgrade renewed the certificate"


@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize("tls", [OWN, COMPANY], ids=["own authority", "issuer"])
def test_controller_takes_up_a_renewed_certificate_without_a_restart_and_streams_go_on(
    certificates: Certificates, tls: Mapping[str, Any], tmp_path: Path
) -> None:
    release, plane = certificates.release, certificates.plane
    release.install(tls=tls, crds=OURS_ARE_THERE)
    first = certificates.made()
    trust = researcher(certificates, tmp_path)
    search = f"namespaces/{release.namespace}/searches/probe"
    with running(certificates, tmp_path) as serving, Client(serving.address, trust) as client:
        client.ensure_search(search, synthetic_search(1000, 10, Synthetic()))
        watching = client.watch_search(search)
        assert next(watching).name == search
        before = served(serving.address, trust.ca)

        certificates.renew()
        second = certificates.made(other=first)
        assert second["tls.key"] != first["tls.key"]
        certificates.mount()
        after = served(serving.address, trust.ca)
        assert after != before

        where = f"--namespace={release.namespace}"
        plane.do("delete", "secret", SECRET, where)
        certificates.made(other=second)
        certificates.mount()
        assert served(serving.address, trust.ca) not in {before, after}

        client.suspend_search(search)
        assert next(watching).name == search
        with Client(serving.address, trust) as another:
            assert another.get_search(search).name == search


@pytest.mark.usefixtures("resources")
def test_who_knew_the_authority_before_it_was_renewed_still_trusts_what_it_signs(certificates: Certificates) -> None:
    certificates.release.install(tls=OWN, crds=OURS_ARE_THERE)
    first, authority = certificates.made(), certificates.made(AUTHORITY)
    assert first["ca.crt"] == authority["tls.crt"]
    certificates.renew(AUTHORITY)
    certificates.made(AUTHORITY, other=authority)
    certificates.renew()
    second = certificates.made(other=first)
    assert second["ca.crt"] != first["ca.crt"]
    files = certificates.mount()
    handshake(files, "localhost")
    (files / "ca.crt").unlink()
    (files / "ca.crt").write_bytes(first["ca.crt"])
    handshake(files, "localhost")


@pytest.mark.usefixtures("resources")
def test_cert_manager_takes_over_from_helm(certificates: Certificates) -> None:
    release = certificates.release
    release.install(crds=OURS_ARE_THERE)
    by_helm = values(release.get("secret", SECRET))
    release.upgrade(tls=OWN, crds=OURS_ARE_THERE)
    made = certificates.made(other=by_helm)
    handshake(certificates.mount(), f"nasfleet-controller.{release.namespace}.svc")
    release.upgrade(tls=OWN, crds=OURS_ARE_THERE)
    assert release.get("configmap", "nasfleet-controller-ca")["data"]["ca.crt"].encode() == made["ca.crt"]


@pytest.mark.usefixtures("resources")
def test_certificate_outlives_the_release_and_the_next_one_takes_it_up(certificates: Certificates) -> None:
    release = certificates.release
    release.install(tls=OWN, crds=OURS_ARE_THERE)
    made = certificates.made()
    release.uninstall()
    release.install(tls=OWN, crds=OURS_ARE_THERE)
    assert release.get("configmap", "nasfleet-controller-ca")["data"]["ca.crt"].encode() == made["ca.crt"]
    assert certificates.made() == made
    with pytest.raises(AssertionError, match="cannot be imported into the current release"):
        release.upgrade(crds=OURS_ARE_THERE)


def researcher(certificates: Certificates, folder: Path) -> Trust:
    """Return how somebody comes who may do with searches what they like, and has got ca.crt once."""
    where = f"--namespace={certificates.release.namespace}"
    whom = f"--serviceaccount={certificates.release.namespace}:researcher"
    certificates.plane.do("create", "serviceaccount", "researcher", where)
    certificates.plane.do("create", "rolebinding", "researcher", "--clusterrole=admin", whom, where)
    (folder / "ca.crt").write_bytes(certificates.secret()["ca.crt"])
    (folder / "token").write_text(token(certificates.plane, certificates.release.namespace, "researcher"))
    return Trust(folder / "ca.crt", folder / "token")


@contextmanager
def running(certificates: Certificates, folder: Path) -> Iterator[RunningController]:
    """Run the controller with the release's account and the mounted certificate."""
    files = certificates.mount()
    account = certificates.plane.service_account(certificates.release.namespace, "nasfleet-controller")
    options = {
        "--tls-certificate": str(files / "tls.crt"),
        "--tls-key": str(files / "tls.key"),
        "--authentication": "Kubernetes",
        "--kubeconfig": str(account),
        "--health": "127.0.0.1:0",
    }
    with controller(folder / "state", "127.0.0.1:0", *(word for pair in options.items() for word in pair)) as one:
        yield one


def served(address: str, ca: Path | None) -> bytes:
    """Return the certificate that a client gets which trusts these."""
    trusted = ssl.create_default_context(cafile=str(ca))
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as plain, trusted.wrap_socket(plain, server_hostname=host) as secured:
        certificate = secured.getpeercert(binary_form=True)
    assert certificate
    return certificate

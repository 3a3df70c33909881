"""The keys and certificates of servers that live as long as a test, and of their authorities."""

import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,digitalSignature
[server]
extendedKeyUsage = serverAuth
subjectAltName = @names
[names]
DNS.1 = localhost
DNS.2 = kubernetes.default.svc
DNS.3 = nasfleet-controller.nasfleet.svc
IP.1 = 127.0.0.1
IP.2 = 10.96.0.1
IP.3 = 10.250.0.1
[client]
extendedKeyUsage = clientAuth
"""


def make_certificates(folder: Path) -> None:
    """Write what a control plane needs: an authority's, a server's and a superuser's, and service-accounts.key."""
    make_authority(folder)
    issue(folder, "server", "server")
    issue(folder, "client", "client", "/O=system:masters/CN=control-plane")
    _openssl(folder, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "service-accounts.key")


def make_authority(folder: Path) -> None:
    """Write ca.crt and ca.key into a new folder."""
    folder.mkdir(parents=True)
    (folder / "openssl.cnf").write_text(_CONFIG)
    _certificate(folder, "ca", "/CN=test authority", "authority")


def issue(folder: Path, name: str, use: str, subject: str = "/CN=server") -> None:
    """Write NAME.crt and NAME.key, signed by the folder's authority, for a "server" at 127.0.0.1 or for a "client"."""
    _certificate(folder, name, subject, use, "-CA", "ca.crt", "-CAkey", "ca.key")


def _certificate(folder: Path, name: str, subject: str, extensions: str, *signed: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
    what = ("-subj", subject, "-extensions", extensions, "-days", "30", "-out", f"{name}.crt")
    _openssl(folder, "req", "-x509", "-config", "openssl.cnf", *key, *what, *signed)


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(("openssl", *arguments), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"


def handshake(folder: Path, name: str) -> None:
    """Have TLS itself say whether tls.crt and tls.key are what one who trusts ca.crt takes for a name."""
    server, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(folder / "ca.crt"))
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusted.wrap_bio(to_client, to_server, server_hostname=name)
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, serving, client, serving):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client.version() == "TLSv1.3"

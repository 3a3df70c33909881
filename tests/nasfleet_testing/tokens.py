"""Tokens of service accounts as the control plane of a test gives them, and such as it never would: ended, or about to end."""

import base64
import json
import subprocess
import time
from typing import Any

from nasfleet_testing.control_plane import ControlPlane

AUDIENCE = "nasfleet-controller"
ISSUER = "https://kubernetes.default.svc"


def token(
    plane: ControlPlane, namespace: str, account: str, *, seconds: float = 600.0, audience: str = AUDIENCE, pod: str = ""
) -> str:
    """Return a token that ends so many seconds from now, signed with the key of the control plane itself.

    Args:
        plane: which will take it for one of its own.
        namespace: of the service account, which must exist.
        account: the service account.
        seconds: until it ends; less than none for one that has ended.
        audience: for whom it is.
        pod: a pod that exists, to which it is bound; empty for none.
    """
    bound: dict[str, Any] = {
        "namespace": namespace,
        "serviceaccount": {"name": account, "uid": _uid(plane, namespace, "serviceaccount", account)},
    }
    if pod:
        bound["pod"] = {"name": pod, "uid": _uid(plane, namespace, "pod", pod)}
    now = time.time()
    claims = {
        "iss": ISSUER,
        "sub": f"system:serviceaccount:{namespace}:{account}",
        "aud": [audience],
        "iat": int(min(now, now + seconds) - 60),
        "nbf": int(min(now, now + seconds) - 60),
        "exp": int(now + seconds),
        "kubernetes.io": bound,
    }
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    key = plane.folder / "pki" / "service-accounts.key"
    done = subprocess.run(("openssl", "dgst", "-sha256", "-sign", str(key)), input=signed, capture_output=True, check=True)
    return b".".join((signed, _encoded(done.stdout))).decode()


def _uid(plane: ControlPlane, namespace: str, kind: str, name: str) -> str:
    return plane.do("get", kind, name, f"--namespace={namespace}", "--output=jsonpath={.metadata.uid}")


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")

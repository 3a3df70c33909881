"""Who a token is of and what they may do, asked of Kubernetes: TokenReview and SubjectAccessReview."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration

from nasfleet.errors import InvalidInputError, UnavailableError
from nasfleet_controller.access.caller import Caller
from nasfleet_controller.access.rights import GROUP, Right

_POD = "authentication.kubernetes.io/pod-name"
_SECONDS = 5.0


class KubernetesReviews:
    """Reviews by an API server.

    Args:
        client: of the API server, as somebody who may create both kinds of review.
        audience: for whom tokens have to be.
    """

    def __init__(self, client: ApiClient, audience: str) -> None:
        self._client = client
        self._audience = audience

    async def caller(self, token: str) -> Caller | None:
        """Return whose token it is; None if it is not good here."""
        spec = {"token": token, "audiences": [self._audience]}
        status = await self._create("authentication.k8s.io/v1", "TokenReview", "tokenreviews", spec)
        if not status.get("authenticated") or self._audience not in status.get("audiences", ()):
            return None
        user = status["user"]
        extra = {key: tuple(values) for key, values in (user.get("extra") or {}).items()}
        return Caller(
            user=user["username"],
            uid=user.get("uid", ""),
            groups=tuple(user.get("groups") or ()),
            extra=extra,
            pod=next(iter(extra.get(_POD, ())), ""),
            until=token_end(token),
        )

    async def allows(self, caller: Caller, right: Right) -> bool:
        """Return whether somebody has a right."""
        spec = {
            "user": caller.user,
            "uid": caller.uid,
            "groups": caller.groups,
            "extra": {key: [*values] for key, values in caller.extra.items()},
            "resourceAttributes": {
                "group": GROUP,
                "resource": right.resource,
                "verb": right.verb,
                "namespace": right.namespace,
                "name": right.name,
            },
        }
        status = await self._create("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", spec)
        return bool(status.get("allowed"))

    async def _create(self, version: str, kind: str, plural: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create a review, and return its status."""
        client, path = self._client, f"/apis/{version}/{plural}"
        body = {"apiVersion": version, "kind": kind, "spec": spec}
        headers = {**client.default_headers, "Accept": "application/json", "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(_SECONDS):
                await client.update_params_for_auth(headers, [], ["BearerToken"], path, "POST", body)
                answer = await client.call_api("POST", client.configuration.host + path, headers, body, None, None)
                text: bytes = await answer.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"the API server does not answer a {kind}: {str(error) or type(error).__name__}") from error
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's successes
            raise UnavailableError(f"the API server refuses a {kind} ({answer.status}): {text.decode(errors='replace')[:500]}")
        status: dict[str, Any] = json.loads(text).get("status", {})
        return status


@asynccontextmanager
async def reviewing(audience: str, kubeconfig: str) -> AsyncIterator[KubernetesReviews]:
    """Give reviews by the API server of a kubeconfig, or, if that is empty, of the cluster that this pod is in.

    Raises:
        InvalidInputError: if there is no such.
    """
    configuration = Configuration()
    try:
        if kubeconfig:
            await kubernetes_config.load_kube_config(kubeconfig, None, configuration)  # type: ignore[no-untyped-call]
        else:
            kubernetes_config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except kubernetes_config.ConfigException as error:
        raise InvalidInputError(
            f"--authentication Kubernetes: {error}; give --kubeconfig, or run in a pod with a service account"
        ) from error
    async with ApiClient(configuration) as client:
        yield KubernetesReviews(client, audience)


def token_end(token: str) -> float:
    """Return when a token ends by what itself says, in Unix seconds; infinity if it does not say. Nothing is verified here."""
    try:
        _, claims, _ = token.split(".")
        end = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
        return float(end)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return float("inf")

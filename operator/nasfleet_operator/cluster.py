"""The Kubernetes API as the operator uses it: few calls, each with a deadline, errors translated once."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from nasfleet.errors import ConflictError, InvalidInputError, NotFoundError
from nasfleet_operator.api_server import ApiServer, Body
from nasfleet_operator.kinds import EVENTS, MANAGER, PODS, POOLS, Kind, kind_of, kind_of_identity
from nasfleet_operator.kubernetes_objects import DELETION_COST, FINALIZER
from nasfleet_operator.plan import Announce, Identity

PAGE = 500
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and of which moment the whole list is: larger is later."""

    items: tuple[Raw, ...]
    version: int


class Cluster(Protocol):
    """What the operator asks of the API server.

    Every method raises InvalidInputError or ForbiddenError with the API server's message if that refuses, ConflictError if the
    object has changed meanwhile, NotFoundError if its place is not there, UnavailableError if there is no answer. What writes
    returns the object as it is then, or None if it is gone, which is no error.
    """

    def list(self, kind: Kind) -> AsyncIterator[Page]:
        """Yield all objects of a kind, page after page."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Raw | None:
        """Return an object; None if there is none."""

    async def apply(self, manifest: Raw) -> Raw:
        """Apply on the server's side, by force on the fields that the manifest has."""

    async def write_status(self, target: Identity, status: Raw) -> Raw | None:
        """Make the status be this; InvalidInputError also if another object has the name by now."""

    async def set_replicas(self, pool: Identity, before: int, replicas: int) -> None:
        """Write a pool's size by its scale subresource; ConflictError if it is another than before, or another pool's."""

    async def set_deletion_cost(self, namespace: str, pod: str, cost: int) -> Raw | None:
        """Say how dear a pod is."""

    async def set_finalizer(self, target: Identity, *, present: bool) -> Raw | None:
        """Put our finalizer on an object or take it off."""

    async def announce(self, event: Announce) -> None:
        """Make an event, unless there is one of that name."""


class KubernetesCluster:
    """The Cluster that is behind an API server; namespaces may be few, or None for all."""

    def __init__(self, server: ApiServer, namespaces: tuple[str | None, ...]) -> None:
        self._server = server
        self._namespaces = namespaces

    async def list(self, kind: Kind) -> AsyncIterator[Page]:
        """Yield all objects of a kind, page after page."""
        for namespace in self._namespaces:
            query = {"limit": str(PAGE), "labelSelector": kind.selector}
            while True:
                answer = await self._server.call("list", kind, kind.path(namespace), query=query)
                about = answer["metadata"]
                # Items of a list do not say what they are.
                items = tuple({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in answer["items"])
                yield Page(items, int(about["resourceVersion"]))
                if not about.get("continue"):
                    break
                query["continue"] = about["continue"]

    async def get(self, kind: Kind, namespace: str, name: str) -> Raw | None:
        """Return an object; None if there is none."""
        return await self._if_there(self._server.call("get", kind, kind.path(namespace, name)))

    async def apply(self, manifest: Raw) -> Raw:
        """Apply on the server's side, by force on the fields that the manifest has."""
        kind = kind_of(manifest["apiVersion"], manifest["kind"])
        about = manifest["metadata"]
        path = kind.path(about["namespace"], about["name"])
        return await self._patch(kind, path, manifest, "application/apply-patch+yaml", force="true")

    async def write_status(self, target: Identity, status: Raw) -> Raw | None:
        """Make the status be this."""
        kind = kind_of_identity(target)
        # Not applied: of what is applied to a status the API server does not compare the uid.
        patch: Body = [
            {"op": "test", "path": "/metadata/uid", "value": target.uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = kind.path(target.namespace, target.name, "status")
        return await self._if_there(self._patch(kind, path, patch, "application/json-patch+json"))

    async def set_replicas(self, pool: Identity, before: int, replicas: int) -> None:
        """Write a pool's size by its scale subresource."""
        patch: Body = [
            {"op": "test", "path": "/metadata/uid", "value": pool.uid},
            # As a whole, for a size of zero is left out of it.
            {"op": "test", "path": "/spec", "value": {"replicas": before} if before else {}},
            {"op": "add", "path": "/spec/replicas", "value": replicas},
        ]
        path = POOLS.path(pool.namespace, pool.name, "scale")
        try:
            await self._if_there(self._patch(POOLS, path, patch, "application/json-patch+json"))
        except InvalidInputError as error:
            raise ConflictError(f"{pool.namespace}/{pool.name} no longer wants {before} trainers: {error}") from error

    async def set_deletion_cost(self, namespace: str, pod: str, cost: int) -> Raw | None:
        """Say how dear a pod is."""
        patch = {"metadata": {"annotations": {DELETION_COST: str(cost)}}}
        return await self._if_there(self._merge(PODS, PODS.path(namespace, pod), patch))

    async def set_finalizer(self, target: Identity, *, present: bool) -> Raw | None:
        """Put our finalizer on an object or take it off."""
        kind = kind_of_identity(target)
        found = await self.get(kind, target.namespace, target.name)
        if found is None or found["metadata"]["uid"] != target.uid:
            return None
        about = found["metadata"]
        others = [finalizer for finalizer in about.get("finalizers", ()) if finalizer != FINALIZER]
        # The version makes it a conflict if somebody else has changed the list meanwhile.
        finalizers = [*others, FINALIZER] if present else others
        patch = {"metadata": {"resourceVersion": about["resourceVersion"], "finalizers": finalizers}}
        return await self._if_there(self._merge(kind, kind.path(target.namespace, target.name), patch))

    async def announce(self, event: Announce) -> None:
        """Make an event, unless there is one of that name."""
        try:
            await self._server.call("create", EVENTS, EVENTS.path(event.regarding.namespace), body=_event(event))
        except ConflictError:
            return  # an earlier pass made it

    async def _merge(self, kind: Kind, path: str, patch: Raw) -> Raw:
        return await self._patch(kind, path, patch, "application/merge-patch+json")

    async def _patch(self, kind: Kind, path: str, patch: Body, content: str, **query: str) -> Raw:
        query |= {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        return await self._server.call("patch", kind, path, query=query, body=patch, content=content)

    @staticmethod
    async def _if_there(call: Awaitable[Raw]) -> Raw | None:
        try:
            return await call
        except NotFoundError:
            return None


def _event(event: Announce) -> dict[str, Any]:
    about = event.regarding
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.name,
        "metadata": {"name": event.name, "namespace": about.namespace},
        "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "type": event.kind.value,
        "reason": event.reason,
        "note": event.message[:1024],
        "action": "Reconcile",
        "reportingController": f"nasfleet.dev/{MANAGER}",
        "reportingInstance": MANAGER,
        "regarding": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
        },
    }

"""Custom resources by way of the Python client, as the API server takes, completes and keeps them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes import client

from nasfleet_testing.control_plane import ControlPlane

GROUP, VERSION = "nasfleet.dev", "v1alpha1"
PLURALS = {"ArchitectureSearch": "architecturesearches", "TrainerPool": "trainerpools"}


class Resources:
    """The custom resources of one namespace; what is refused raises `client.ApiException`."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._api = client.CustomObjectsApi(api)
        self._namespace = namespace

    def create(self, data: Mapping[str, Any], *, dry: bool = False) -> dict[str, Any]:
        """Return a resource as it is kept, or with `dry` as it would be."""
        dry_run = {"dry_run": "All"} if dry else {}
        return self._api.create_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURALS[data["kind"]], data, field_validation="Strict", **dry_run
        )

    def replace(self, kept: Mapping[str, Any], spec: Mapping[str, Any], *, dry: bool = False) -> dict[str, Any]:
        """Return a resource with another spec, as it is kept then, or with `dry` as it would be."""
        dry_run = {"dry_run": "All"} if dry else {}
        kind, name = kept["kind"], kept["metadata"]["name"]
        data = {**kept, "spec": spec}
        return self._api.replace_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURALS[kind], name, data, field_validation="Strict", **dry_run
        )

    def delete(self, kept: Mapping[str, Any]) -> None:
        """Have a resource no more."""
        self._api.delete_namespaced_custom_object(
            GROUP, VERSION, self._namespace, PLURALS[kept["kind"]], kept["metadata"]["name"]
        )

    def read(self, kind: str, name: str) -> dict[str, Any]:
        """Return a resource as it is kept."""
        return self._api.get_namespaced_custom_object(GROUP, VERSION, self._namespace, PLURALS[kind], name)

    def refusal(self, data: Mapping[str, Any]) -> str:
        """Return what is said against a resource, empty if it would be taken."""
        return refusal_of(self.create, data, dry=True)


def refusal_of(act: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """Return what the API server says against a call, empty if nothing."""
    try:
        act(*arguments, **options)
    except client.ApiException as refused:
        return str(json.loads(refused.body)["message"])
    return ""


def connected(control_plane: ControlPlane, namespace: str) -> Resources:
    """Return the custom resources of a namespace, as the superuser sees them."""
    return Resources(control_plane.client(), namespace)

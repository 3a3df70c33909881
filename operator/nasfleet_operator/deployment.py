"""What a pool is made of in Kubernetes: a Deployment of trainers, the PodDisruptionBudget that guards them, whom they trust."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet.names import PoolName
from nasfleet_operator.kinds import MANAGER, POOL_LABEL
from nasfleet_operator.observed import PoolResource
from nasfleet_operator.overlay import overlay
from nasfleet_operator.plan import Identity
from nasfleet_operator.settings import Settings
from nasfleet_operator.trainer_pod import CERTIFICATES, pod_template

APPLIED = "nasfleet.dev/applied"
"""Annotation with the hash of the manifest that was applied: what the manifest no longer says could not be seen otherwise."""


def object_name(pool: Identity) -> str:
    """Return the name of all that a pool is made of."""
    return f"{pool.name}-trainers"


def pool_name(pool: Identity) -> PoolName:
    """Return the name under which the controller knows a pool."""
    return PoolName(pool.namespace, pool.name)


def selector(pool: Identity) -> dict[str, str]:
    """Return the labels by which a pool's pods are found; they never change."""
    return {"app.kubernetes.io/managed-by": MANAGER, POOL_LABEL: pool.name}


def deployment(
    pool: PoolResource, spec: TrainerPoolSpec, replicas: int, settings: Settings, *, encrypted: bool = False
) -> dict[str, Any]:
    """Return the manifest of a pool's Deployment; where they speak TLS, its pods mount what they trust."""
    trusted = object_name(pool.identity) if encrypted else None
    own = pod_template(pool.identity, spec, settings, _labels(pool.identity), trusted)
    template = overlay(own, spec.template)
    # No surge: a pod more than wanted would wait for a GPU that the one it replaces still holds.
    rolling = {"maxSurge": 0, "maxUnavailable": _count_or_share(spec.max_unavailable)}
    wanted = {
        "replicas": replicas,
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": selector(pool.identity)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "template": template,
    }
    return _sealed({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(pool.identity), "spec": wanted})


def disruption_budget(pool: PoolResource, spec: TrainerPoolSpec) -> dict[str, Any]:
    """Return the manifest of a pool's PodDisruptionBudget."""
    wanted = {
        "maxUnavailable": _count_or_share(spec.max_unavailable),
        "selector": {"matchLabels": selector(pool.identity)},
        # A trainer that does not work is no reason to hold up a node's drain.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    about = _metadata(pool.identity)
    return _sealed({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": about, "spec": wanted})


def trust(pool: PoolResource, certificates: str) -> dict[str, Any]:
    """Return the manifest of the ConfigMap by which the trainers of a pool know the controller, in their own namespace."""
    data = {CERTIFICATES: certificates}
    return _sealed({"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(pool.identity), "data": data})


def service_account(manifest: Mapping[str, Any]) -> str:
    """Return the service account of a Deployment's pods; empty if a template has left none."""
    match manifest:
        case {"spec": {"template": {"spec": {"serviceAccountName": str(name)}}}}:
            return name
        case _:
            return ""


def belongs_to(pool: Identity, found: Mapping[str, Any]) -> bool:
    """Return whether an object is controlled by this very pool."""
    owners = found["metadata"].get("ownerReferences", ())
    return any(owner.get("controller") and owner["uid"] == pool.uid for owner in owners)


def _labels(pool: Identity) -> dict[str, str]:
    return selector(pool) | {
        "app.kubernetes.io/name": "nasfleet",
        "app.kubernetes.io/instance": pool.name,
        "app.kubernetes.io/component": "trainer",
        "app.kubernetes.io/part-of": "nasfleet",
    }


def _metadata(pool: Identity) -> dict[str, Any]:
    # Without blockOwnerDeletion, which some clusters allow only to those who may change the pool's finalizers.
    owner = {"apiVersion": pool.api_version, "kind": pool.kind, "name": pool.name, "uid": pool.uid, "controller": True}
    return {
        "name": object_name(pool),
        "namespace": pool.namespace,
        "labels": _labels(pool),
        "ownerReferences": [owner],
    }


def _sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    manifest["metadata"]["annotations"] = {APPLIED: digest}
    return manifest


def _count_or_share(text: str) -> int | str:
    return int(text) if text.isdecimal() else text

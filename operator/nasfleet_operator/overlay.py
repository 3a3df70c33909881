"""A template laid over another, as `kubectl patch` would lay it.

Maps are merged key by key, and `null` takes a key out. Lists whose entries Kubernetes tells apart by a key (containers,
env, volumes, ...) are merged entry by entry: an entry with a known key is laid over the one of that key, any other is added
behind. All else, tolerations too, is replaced.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "resourceClaims": "name",
    "claims": "name",
    "schedulingGates": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""By which key Kubernetes tells the entries of a list of a pod template apart."""


def overlay(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with `over` laid on it."""
    merged = dict(under)
    for name, value in over.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _laid(name, under.get(name), value)
    return merged


def are_keyed(entries: Any, key: str) -> bool:
    """Return whether these are the entries of a list that can be told apart by this key."""
    return isinstance(entries, list) and all(
        isinstance(entry, Mapping) and isinstance(entry.get(key), str | int) for entry in entries
    )


def _laid(name: str, under: Any, over: Any) -> Any:
    if isinstance(over, Mapping):
        return overlay(under if isinstance(under, Mapping) else {}, over)
    key = MERGE_KEYS.get(name)
    if key is not None and are_keyed(over, key) and are_keyed(under or [], key):
        return _merged_entries(under or [], over, key)
    return over


def _merged_entries(under: Sequence[Mapping[str, Any]], over: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    merged = {entry[key]: dict(entry) for entry in under}
    for entry in over:
        merged[entry[key]] = overlay(merged.get(entry[key], {}), entry)
    return list(merged.values())

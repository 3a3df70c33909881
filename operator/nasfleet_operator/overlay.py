"""A template laid over another, as `kubectl patch` would lay it.

Maps are merged key by key, and `null` takes a key out. Lists whose entries Kubernetes tells apart by a key (containers,
env, volumes, ...) are merged entry by entry: an entry with a known key is laid over the one of that key, any other is added
behind. Of what can be one thing only the upper is left: a volume, or where a variable has its value from. All else,
tolerations too, is replaced.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "claims": ("name",),
    "schedulingGates": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "protocol"),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""By which fields Kubernetes tells the entries of a list of a pod template apart; a protocol may be left out."""

Key = tuple[str | int | None, ...]
_DEFAULTS = {"protocol": "TCP"}
_INSTEAD_OF = {"value": "valueFrom", "valueFrom": "value"}


def overlay(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with `over` laid on it."""
    merged = dict(under)
    for name, value in over.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _laid(name, under.get(name), value)
    return merged


def key_of(entry: Mapping[str, Any], fields: Sequence[str]) -> Key:
    """Return what tells an entry of a list apart from the others."""
    return tuple(entry.get(field, _DEFAULTS.get(field)) for field in fields)


def are_keyed(entries: Any, fields: Sequence[str]) -> bool:
    """Return whether these are the entries of a list that can be told apart by these fields."""
    return isinstance(entries, list) and all(
        isinstance(entry, Mapping) and all(isinstance(part, str | int) for part in key_of(entry, fields)) for entry in entries
    )


def _laid(name: str, under: Any, over: Any) -> Any:
    if isinstance(over, Mapping):
        return overlay(under if isinstance(under, Mapping) else {}, over)
    fields = MERGE_KEYS.get(name)
    if fields is not None and are_keyed(over, fields) and are_keyed(under or [], fields):
        return _merged_entries(name, under or [], over)
    return over


def _merged_entries(name: str, under: Sequence[Mapping[str, Any]], over: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    fields = MERGE_KEYS[name]
    merged = {key_of(entry, fields): dict(entry) for entry in under}
    for entry in over:
        key = key_of(entry, fields)
        below = {} if name == "volumes" else _without_rivals(merged.get(key, {}), entry)
        merged[key] = overlay(below, entry)
    return list(merged.values())


def _without_rivals(under: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an entry without what cannot stand beside what is laid over it."""
    replaced = {_INSTEAD_OF.get(name) for name, value in over.items() if value is not None}
    return {name: value for name, value in under.items() if name not in replaced}

"""What one edition of a schema admitted and the next refuses; rules in CEL apart, which only a server can compare."""

from collections.abc import Iterator
from typing import Any

_LEAST = ("minimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
_SAME = ("type", "format", "pattern", "allOf", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type")


def tightened(earlier: dict[str, Any], present: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield what the present schema refuses of what the earlier one admitted, by path."""
    yield from _narrowed(earlier, present, path)
    for name in sorted(set(present.get("required", ())) - set(earlier.get("required", ()))):
        if "default" not in present["properties"][name]:
            yield f"{path}.{name} is required"
    for name, before in earlier.get("properties", {}).items():
        after = present.get("properties", {}).get(name)
        if after is None:
            yield f"{path}.{name} is gone"
        else:
            yield from tightened(before, after, f"{path}.{name}")
    for name, below in (("items", "[]"), ("additionalProperties", ".*")):
        if name in earlier:
            yield from tightened(earlier[name], present.get(name, {}), f"{path}{below}")


def _narrowed(earlier: dict[str, Any], present: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path} has another {name}" for name in _SAME if name in present and earlier.get(name) != present[name])
    yield from (f"{path} lost its {name}" for name in _SAME[:1] if name in earlier and name not in present)
    for names, sign in ((_LEAST, 1), (_MOST, -1)):
        for name in names:
            if name in present and (name not in earlier or sign * present[name] > sign * earlier[name]):
                yield f"{path} has {name} {present[name]}, not {earlier.get(name)}"
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if present.get(name) and not earlier.get(name):
            yield f"{path} has {name}"
    if "enum" in present:
        gone = set(earlier.get("enum", ["any"])) - set(present["enum"])
        yield from (f"{path} is no longer {member}" for member in sorted(gone))
    if "default" in earlier and earlier["default"] != present.get("default"):
        yield f"{path} has another default"

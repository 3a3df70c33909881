"""What one edition of a schema admitted and the next refuses; rules in CEL apart, which only a server can compare."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_LEAST = ("minimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
_SAME = ("type", "format", "pattern", "allOf", "x-kubernetes-list-type")
_FREE = "x-kubernetes-preserve-unknown-fields"
_ANYTHING: Schema = {_FREE: True}


def tightened(earlier: Schema, present: Schema, path: str = "") -> Iterator[str]:
    """Yield what the present schema refuses of what the earlier one admitted, by path."""
    yield from _narrowed(earlier, present, path)
    for name in sorted(set(present.get("required", ())) - set(earlier.get("required", ()))):
        if "default" not in present["properties"][name]:
            yield f"{path}.{name} is required"
    if "items" in earlier:
        yield from tightened(earlier["items"], present.get("items", {}), f"{path}[]")
    yield from _entries_tightened(earlier, present, path)


def _entries_tightened(earlier: Schema, present: Schema, path: str) -> Iterator[str]:
    before, after = earlier.get("properties", {}), present.get("properties", {})
    unnamed_before, unnamed_after = _unnamed(earlier), _unnamed(present)
    for name in {**before, **after}:
        was, will = before.get(name, unnamed_before), after.get(name, unnamed_after)
        if was is not None and will is None:
            yield f"{path}.{name} is gone"
        elif was is not None:
            yield from tightened(was, will, f"{path}.{name}")
    # Of what is no map any more it is said that it has another type; and what is free is free all the way down.
    if unnamed_before is None or unnamed_before == unnamed_after or present.get("type", "object") != "object":
        return
    if unnamed_after is None:
        yield f"{path} is closed"
    else:
        yield from tightened(unnamed_before, unnamed_after, f"{path}.*")


def _unnamed(schema: Schema) -> Schema | None:
    """Return what an entry must be that is not among the properties; None if there may be no other."""
    entries: bool | Schema = schema.get("additionalProperties", bool(schema.get(_FREE)))
    if isinstance(entries, bool):
        return _ANYTHING if entries else None
    return entries


def _narrowed(earlier: Schema, present: Schema, path: str) -> Iterator[str]:
    yield from (f"{path} has another {name}" for name in _SAME if name in present and earlier.get(name) != present[name])
    if "type" in earlier and "type" not in present and not present.get(_FREE):
        yield f"{path} lost its type"
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

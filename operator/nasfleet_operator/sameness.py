"""Whether an object is as desired already, whatever others and the API server have put into it besides."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Context, Decimal, DecimalException, localcontext
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from nasfleet_operator.overlay import MERGE_KEYS, are_keyed, key_of

_MAPS_OF_QUANTITIES = frozenset({"requests", "limits", "overhead"})
_QUANTITIES = frozenset({"sizeLimit", "divisor"})
_NANO, _MILLI = Decimal("1e-9"), Decimal("1e-3")
_LARGEST = Decimal(2**63 - 1)
_EXACT = Context(prec=400, rounding=ROUND_UP)


def agrees(desired: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether every field of `desired` stands in `found` with the same value; quantities are compared as such."""
    return difference(desired, found) is None


def difference(desired: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Return where the first field of `desired` stands that is another in `found`, "spec.replicas"; None if all agree."""
    paths = (_difference(name, value, found.get(name)) for name, value in desired.items())
    return next((path for path in paths if path is not None), None)


def _difference(name: str, desired: Any, found: Any) -> str | None:
    if desired == found:
        return None
    if found is None:
        # The API server leaves out what is empty, false or zero.
        return name if desired else None
    if isinstance(desired, Mapping) and isinstance(found, Mapping):
        quantities = name in _MAPS_OF_QUANTITIES
        inner = _quantities(desired, found) if quantities else difference(desired, found)
        return None if inner is None else f"{name}.{inner}"
    if _are_lists(desired, found):
        inner = _entries(MERGE_KEYS.get(name), desired, found)
        return None if inner is None else name + inner
    return None if name in _QUANTITIES and _stored(desired, _NANO) == _stored(found, _NANO) else name


def _quantities(desired: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    same = (name in found and _stored(text, _MILLI) == _stored(found[name], _MILLI) for name, text in desired.items())
    return next((name for name, agree in zip(desired, same, strict=True) if not agree), None)


def _are_lists(*values: Any) -> bool:
    return all(isinstance(value, Sequence) and not isinstance(value, str) for value in values)


def _entries(fields: Sequence[str] | None, desired: Sequence[Any], found: Sequence[Any]) -> str | None:
    if fields is None or not are_keyed(desired, fields) or not are_keyed(found, fields):
        same = len(desired) == len(found) and all(_difference("", *pair) is None for pair in zip(desired, found, strict=True))
        return None if same else ""
    by_key = {key_of(entry, fields): entry for entry in found}
    for entry in desired:
        there = by_key.get(key_of(entry, fields))
        inner = "" if there is None else difference(entry, there)
        if inner is not None:
            return f"[{entry[fields[0]]}].{inner}".rstrip(".")
    return None


def _stored(value: Any, finest: Decimal) -> Decimal | str:
    """Return a quantity as Kubernetes keeps it; what is none, as text.

    It rounds away from zero, to nano where it reads one and to milli in maps of resources (`SetDefaults_ResourceList`), and
    has none beyond 64 bits.
    """
    with localcontext(_EXACT):
        try:
            quantity = Decimal(parse_quantity(str(value)))  # type: ignore[no-untyped-call]  # the library gives it no types
            return max(-_LARGEST, min(quantity, _LARGEST)).quantize(finest)
        except (ValueError, DecimalException):
            return str(value)

"""Whether an object is as desired already, whatever others and the API server have put into it besides."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from nasfleet_operator.overlay import MERGE_KEYS, are_keyed

_QUANTITIES = frozenset({"requests", "limits"})


def agrees(desired: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether every field of `desired` stands in `found` with the same value; quantities are compared as such."""
    return all(_same(name, value, found.get(name)) for name, value in desired.items())


def _same(name: str, desired: Any, found: Any) -> bool:
    if desired == found:
        return True
    if found is None:
        # The API server leaves out what is empty, false or zero.
        return not desired
    if name in _QUANTITIES and isinstance(desired, Mapping) and isinstance(found, Mapping):
        return all(resource in found and _quantity(text) == _quantity(found[resource]) for resource, text in desired.items())
    if isinstance(desired, Mapping):
        return isinstance(found, Mapping) and agrees(desired, found)
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return isinstance(found, Sequence) and _same_entries(MERGE_KEYS.get(name), desired, found)
    return name == "sizeLimit" and _quantity(desired) == _quantity(found)


def _same_entries(key: str | None, desired: Sequence[Any], found: Sequence[Any]) -> bool:
    if key is None or not are_keyed(desired, key) or not are_keyed(found, key):
        return len(desired) == len(found) and all(_same("", *pair) for pair in zip(desired, found, strict=True))
    by_key = {entry[key]: entry for entry in found}
    return all(entry[key] in by_key and agrees(entry, by_key[entry[key]]) for entry in desired)


def _quantity(value: Any) -> Decimal | str:
    try:
        return Decimal(parse_quantity(value))  # type: ignore[no-untyped-call]  # the library gives it no types
    except (ValueError, InvalidOperation):
        return str(value)

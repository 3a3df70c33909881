"""Documents with one value changed at random: many of them wrong, so that two doors can be compared on them."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from nasfleet.catalogue.checking import LARGEST_EXACT_INTEGER
from nasfleet.catalogue.fields import Kind, fields_of
from nasfleet.catalogue.search import SearchDocument
from nasfleet.document import as_data
from nasfleet_testing.specs import documents

Place = tuple[Any, ...]

# Whole numbers are never floating point here: JSON has no difference, and the API server keeps none.
_NUMBERS = (-1, 0, 1, 2, 3, 7, 64, 65, 100, 1001, 65_537, 100_001, 10**9 + 1, -0.5, 0.05, 0.5, 0.99, 1.5, 100.5)
_TEXTS = ("", "a", "a.csv", "b.jsonl", "m:o", "digits", "folder", "All", "s3://b", "file:///b", "x\ty", "x" * 300)
_LISTS = ([], [1], [1, 1], [2], [3, 1], [4096], [0.5, 0.25], [0.25, 0.5], ["a"])
_ANY = (*_NUMBERS, *_TEXTS, *_LISTS, True, False, {}, {"a": "b"}, {"epochs": 3})
# What the API server cannot see into is another test's business.
_OPAQUE = {"options", "parameters"}


def as_kubectl_sends(value: Any) -> Any:
    """Return data with whole numbers as such: of `1.0` kubectl makes `1`, and so does the API server."""
    match value:
        case dict():
            return {key: as_kubectl_sends(entry) for key, entry in value.items()}
        case list():
            return [as_kubectl_sends(entry) for entry in value]
        case float() if value.is_integer():
            # Beyond what floating point holds exactly the API server keeps the digits that it was sent.
            return int(value) if abs(value) <= LARGEST_EXACT_INTEGER else reject()
    return value


def _declared(document: SearchDocument) -> dict[str, Any]:
    data: dict[str, Any] = as_kubectl_sends(as_data(document))
    del data["metadata"]["namespace"]
    return data


declarations: st.SearchStrategy[dict[str, Any]] = documents.map(_declared)


@st.composite
def altered_documents(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a search document as plain data, and the same with one value replaced, added or taken away."""
    document = draw(declarations)
    data = copy.deepcopy(document)
    places = list(_places(data["spec"], ("spec",)))
    values = [place for place in places if not isinstance(_at(data, place), dict)]
    place = draw(st.sampled_from(values) | st.sampled_from(values) | st.sampled_from(places))
    holder, key = _at(data, place[:-1]), place[-1]
    match draw(st.sampled_from(("like", "like", "like", "any", "remove", "add"))):
        case "like":
            holder[key] = _one_of(draw, _like(holder[key]))
        case "any":
            holder[key] = _one_of(draw, _ANY)
        case "remove":
            del holder[key]
        case _ if isinstance(holder, dict):
            holder[draw(st.sampled_from(_NAMES))] = _one_of(draw, _ANY)
    return document, data


def _one_of(draw: st.DrawFn, values: tuple[Any, ...]) -> Any:
    return copy.deepcopy(draw(st.sampled_from(values)))


def _like(value: Any) -> tuple[Any, ...]:
    match value:
        case bool():
            return (True, False)
        case int() | float():
            return _NUMBERS
        case str():
            return _TEXTS
        case list():
            return _LISTS
    return _ANY


def _names(block: type[Any]) -> Iterator[str]:
    for field in fields_of(block):
        yield field.document_name
        if field.kind in {Kind.BLOCK, Kind.ONE_OF}:
            for below in field.classes:
                yield from _names(below)


_NAMES = sorted(set(_names(SearchDocument.__annotations__["spec"])) | {"random", "accuracy", "choices", "unknown"})


def _places(value: Any, path: Place) -> Iterator[Place]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        yield (*path, key)
        if key not in _OPAQUE:
            yield from _places(below, (*path, key))


def _at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data

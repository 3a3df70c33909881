"""However deep an answer of the API server is nested, it is read; its deep fields are refused, and nothing fails."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.errors import UnavailableError
from nasfleet_operator.kubernetes_objects import read_pool, read_search
from nasfleet_operator.observed import Unreadable
from nasfleet_operator.shallow_json import KEPT_LEVELS, decode, shallow
from nasfleet_testing.operators import pool, search

_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet='ab[]{}"\\,: é', max_size=12)
_LISTS = st.lists(_SCALARS, max_size=3) | st.dictionaries(st.text(max_size=6), _SCALARS, max_size=3)
_DATA = _SCALARS | st.lists(_LISTS, max_size=3)
_BITS = st.integers(0, 2 ** (KEPT_LEVELS + 20))
DEPTHS = [100, 300, 900, 1500, 9000]


def wrapped(data: Any, levels: int, maps: int) -> str:
    """Return JSON of data in so many lists and maps; the bits of `maps` say which is which."""
    text = json.dumps(data)
    for level in range(levels):
        is_map = maps >> level & 1
        text = f'{{"a]": [], "b": {text}, "c": "}}"}}' if is_map else f"[1, {text}, {{}}]"
    return text


def depth(data: Any) -> int:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(data=_DATA, levels=st.integers(0, KEPT_LEVELS - 2), maps=_BITS)
def test_what_is_not_deep_is_read_as_it_is(data: Any, levels: int, maps: int) -> None:
    text = wrapped(data, levels, maps)
    assert decode(text.encode()) == json.loads(text)
    assert json.loads(shallow(text.encode())) == json.loads(text)


@given(data=_DATA, levels=st.integers(KEPT_LEVELS - 2, KEPT_LEVELS + 20), maps=_BITS)
def test_what_is_deeper_is_null_and_all_else_is_there(data: Any, levels: int, maps: int) -> None:
    def cut(data: Any, levels: int) -> Any:
        if not isinstance(data, dict | list):
            return data
        if levels == 0:
            return None
        if isinstance(data, dict):
            return {key: cut(value, levels - 1) for key, value in data.items()}
        return [cut(value, levels - 1) for value in data]

    text = wrapped(data, levels, maps)
    assert json.loads(shallow(text.encode())) == cut(json.loads(text), KEPT_LEVELS)
    assert depth(json.loads(shallow(text.encode()))) <= KEPT_LEVELS


@pytest.mark.parametrize("levels", DEPTHS)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("kind", ["search", "pool"])
def test_a_deep_field_makes_its_object_unreadable_and_hides_no_other(
    levels: int, opening: str, closing: str, kind: str
) -> None:
    deep = f'{{"x": {opening * levels}1{closing * levels}}}'
    if kind == "search":
        document = search("deep", task={"plugin": {"object": "a:b", "parameters": "HERE"}})
        other = search("other")
    else:
        document, other = pool("deep", template={"spec": "HERE"}), pool("other")
    about = {"namespace": "default", "uid": "u", "generation": 1}
    items = [one | {"metadata": one["metadata"] | about} for one in (document, other)]
    found = decode(json.dumps({"items": items}).replace('"HERE"', deep).encode())
    read = [(read_search if kind == "search" else read_pool)(item) for item in found["items"]]
    assert isinstance(read[0].declared, Unreadable)
    assert "is nested more than 30 levels deep: give flatter data" in read[0].declared.message
    assert not isinstance(read[1].declared, Unreadable)


def test_what_is_no_json_is_an_answer_that_is_none() -> None:
    with pytest.raises(UnavailableError, match="no JSON"):
        decode(b'{"a": ')

"""Free parameters are as deep as they can travel: what the parser takes, every message with a search in it takes too."""

import json
from typing import Any

import pytest

from nasfleet.catalogue import InvalidParametersError
from nasfleet.catalogue.nesting import MOST_FREE_LEVELS
from nasfleet.codec import spec_from_proto, spec_to_proto
from nasfleet.document import load
from nasfleet.v1 import search_pb2
from nasfleet_testing.operators import search

WHERE = [("searchSpace", "spec.searchSpace.plugin.parameters"), ("task", "spec.task.plugin.parameters")]


def document(section: str, levels: int, *, maps: bool) -> str:
    """Return a document whose parameters have so many levels."""
    data: Any = 1
    for _ in range(levels - 1):
        data = {"x": data} if maps else [data]
    return json.dumps(search("deep", **{section: {"plugin": {"object": "a:b", "parameters": {"x": data}}}}))


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("section", [section for section, _ in WHERE])
def test_the_deepest_parameters_travel_in_a_list_of_searches(section: str, *, maps: bool) -> None:
    spec = load(document(section, MOST_FREE_LEVELS, maps=maps)).spec
    sent = search_pb2.ListSearchesResponse(searches=[search_pb2.Search(spec=spec_to_proto(spec))])
    read = search_pb2.ListSearchesResponse.FromString(sent.SerializeToString())
    assert spec_from_proto(read.searches[0].spec) == spec


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize(("section", "path"), WHERE)
@pytest.mark.parametrize("levels", [MOST_FREE_LEVELS + 1, 46, 55])
def test_deeper_ones_are_refused(section: str, path: str, *, maps: bool, levels: int) -> None:
    text = document(section, levels, maps=maps)
    with pytest.raises(InvalidParametersError) as raised:
        load(text)
    said = f"{path} is nested more than {MOST_FREE_LEVELS} levels deep: give flatter data, or deep data as text"
    assert str(raised.value) == said

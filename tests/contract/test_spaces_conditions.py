"""Decisions that do not always arise: what their tokens say, and how many different strings are left."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nasfleet.spaces.conditions import Decisions, conditions, count_settled, nth_settled, settled
from nasfleet.spaces.decision import Choice, Decision, Subset, When
from nasfleet.spaces.space import read_tokens, write_tokens
from nasfleet_testing.spaces import conditional_lists

# A pooling has a size, a convolution a width and a height; what is read is chosen for both.
LAYER: Decisions = (
    Choice("type", "type", ("conv", "pool", "norm")),
    Choice("height", "size", (1, 3), When("type", ("conv",))),
    Choice("size", "pool", (2, 3, 4), When("type", ("pool",))),
    Subset("a", "inputs", 0),
    Subset("b", "inputs", 1),
    Choice("scale", "scale", (0.1, 0.2), When("type", ("conv", "norm"))),
)


def every_string(decisions: Decisions) -> list[tuple[int, ...]]:
    return [*itertools.product(*(range(d.bound) for d in decisions for _ in range(d.width)))]


def test_what_does_not_arise_is_settled_as_0_and_has_no_value() -> None:
    assert settled(LAYER, (1, 1, 2, 1, 1)) == (1, 0, 2, 1, 0)
    assert read_tokens(LAYER, (1, 1, 2, 1, 1)) == {"type": "pool", "size": 4, "a": (), "b": (0,)}
    assert write_tokens(LAYER, {"type": "pool", "size": 4, "a": (), "b": (0,)}) == (1, 0, 2, 1, 0)


def test_settled_strings_are_counted_by_hand() -> None:
    # conv: 2 heights x 2 scales; pool: 3 sizes; norm: 2 scales; each with or without its input.
    assert count_settled(LAYER) == (4 + 3 + 2) * 2


@given(conditional_lists())
def test_every_settled_string_has_one_number_in_order(decisions: tuple[Decision, ...]) -> None:
    expected = sorted({settled(decisions, tokens) for tokens in every_string(decisions)})
    assert count_settled(decisions) == len(expected)
    assert [nth_settled(decisions, number) for number in range(len(expected))] == expected


@given(conditional_lists(), st.data())
def test_settling_twice_is_settling_once_and_changes_no_value(decisions: tuple[Decision, ...], data: st.DataObject) -> None:
    tokens = data.draw(st.tuples(*(st.integers(0, d.bound - 1) for d in decisions for _ in range(d.width))))
    once = settled(decisions, tokens)
    assert settled(decisions, once) == once
    assert read_tokens(decisions, tokens) == read_tokens(decisions, once)
    assert write_tokens(decisions, read_tokens(decisions, tokens)) == once


def test_spaces_without_conditions_have_none() -> None:
    assert conditions((Choice("a", "a", (1, 2)), Subset("b", "b", 0))) == ()

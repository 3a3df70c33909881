"""Spaces given as a list of decisions: read, written, bounded."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.decision import Choice, Decision, Index, Subset
from nasfleet.spaces.space import InvalidTokensError
from nasfleet_testing.spaces import decision_lists

MIXED: tuple[Decision, ...] = (
    Choice("rate", "rate", (0.1, 0.01)),
    Subset("layer0/inputs", "inputs", 0),
    Choice("act", "act", ("relu", "tanh", True)),
    Subset("layer1/inputs", "inputs", 1),
    Index("node", "node", 3),
    Subset("layer2/inputs", "inputs", 2),
)


def test_tokens_choose_a_value_for_each_decision() -> None:
    chosen = AssignmentSpace(MIXED).decode((1, 2, 1, 0, 0, 1))
    assert dict(chosen) == {
        "rate": 0.01,
        "layer0/inputs": (),
        "act": True,
        "layer1/inputs": (0,),
        "node": 0,
        "layer2/inputs": (1,),
    }
    assert (chosen["rate"], len(chosen)) == (0.01, 6)
    with pytest.raises(KeyError):
        chosen["momentum"]


def test_size_is_the_product_of_the_decisions_sizes() -> None:
    assert AssignmentSpace(MIXED).size() == 2 * 1 * 3 * 2 * 3 * 4


@given(decision_lists(), st.data())
def test_encode_is_the_inverse_of_decode(decisions: tuple[Decision, ...], data: st.DataObject) -> None:
    space = AssignmentSpace(decisions)
    bounds = [decision.bound for decision in decisions for _ in range(decision.width)]
    tokens, others = (data.draw(st.tuples(*(st.integers(0, bound - 1) for bound in bounds))) for _ in range(2))
    assert space.encode(space.decode(tokens)) == tokens
    assert (space.decode(others) == space.decode(tokens)) == (others == tokens)
    assert (space.canonical(others) == space.canonical(tokens)) == (others == tokens)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((2, 0, 0, 0, 0, 0), "rate takes tokens from 0 to 1, got 2"),
        ((0, -1, 0, 0, 0, 0), "act takes tokens from 0 to 2, got -1"),
        ((0, 0, 2, 0, 0, 0), "layer1/inputs takes tokens from 0 to 1, got 2"),
        ((0, 0, 0, 3, 0, 0), "node takes tokens from 0 to 2, got 3"),
        ((0, 0, 0, 0, 0), "layer2/inputs takes 2 tokens, got 1 of 5"),
        ((0, 0, 0, 0, 0, 0, 0), "takes 6 tokens, got 7"),
    ],
)
def test_wrong_tokens_are_refused_by_name(tokens: Sequence[int], message: str) -> None:
    for read in (AssignmentSpace(MIXED).decode, AssignmentSpace(MIXED).canonical):
        with pytest.raises(InvalidTokensError, match=message):
            read(tokens)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rate": 0.5}, r"rate is one of \[0.1, 0.01\], got 0.5"),
        ({"layer2/inputs": (1, 0)}, "layer2/inputs is an ascending tuple"),
        ({"layer2/inputs": (2,)}, "layer2/inputs .* below 2"),
        ({"node": 3}, "node is a number below 3"),
        ({"momentum": 0.9}, "want values for"),
    ],
)
def test_values_that_cannot_be_chosen_are_not_encoded(changed: dict[str, object], message: str) -> None:
    space = AssignmentSpace(MIXED)
    wrong = {**space.decode((0, 0, 0, 0, 0, 0)), **changed}
    with pytest.raises(InvalidInputError, match=message):
        space.encode(Assignment(tuple(wrong.items())))


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ((), "0 decisions"),
        ((Subset("a", "a", 0),), "takes 0 tokens"),
        ((Choice("a", "a", (1,)), Choice("a", "b", (1,))), "2 decisions are called 'a'"),
        ((Choice("a", "a", (1,)), Choice("b", "a", (1, 2))), "'a' and 'b' are of kind 'a'"),
        ((Choice("a", "a", (1,)), Index("b", "a", 1)), "'a' and 'b' are of kind 'a'"),
        ((Subset("a", "a", 1),), "0 decisions of kind 'a' come before it"),
        ((Choice("a", "a", (1,)), *(Subset(f"s{n}", "s", n) for n in range(200))), "takes 19901 tokens"),
    ],
)
def test_decisions_that_make_no_space_are_refused(decisions: tuple[Decision, ...], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        AssignmentSpace(decisions)


@pytest.mark.parametrize("options", [(), (1, 2, 1), (1, True), (float("nan"),), (float("inf"),), tuple(range(5000))])
def test_choices_without_clear_options_cannot_be_made(options: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInputError, match="rate has"):
        Choice("rate", "rate", options)


@pytest.mark.parametrize("text", ["a\tb", "\x1b[2J", "\u2028", "\ud83d"])
def test_an_option_that_cannot_be_printed_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"rate has the option '.*': give text that can be printed") as raised:
        Choice("rate", "rate", ("ok", text))
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("candidates", [-1, 5000])
def test_candidates_are_bounded(candidates: int) -> None:
    with pytest.raises(InvalidInputError, match=f"has {candidates} candidates"):
        Subset("a", "a", candidates)
    with pytest.raises(InvalidInputError, match=f"has {candidates} candidates"):
        Index("a", "a", candidates)


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 129])
def test_names_are_short_and_printable(name: str) -> None:
    with pytest.raises(InvalidInputError, match="names no decision"):
        Choice(name, "kind", (1,))

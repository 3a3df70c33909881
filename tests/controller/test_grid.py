import itertools
import re
from typing import Any

import pytest

from nasfleet.catalogue import (
    ChoiceDecision,
    Choices,
    ConvChain,
    Grid,
    GridLevels,
    PluginSpace,
    SearchSpaceSection,
)
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.decision import Choice, Index, Subset
from nasfleet_controller.strategies.grid import GridStrategy

TWO = SearchSpaceSection(
    space=Choices(
        decisions=(ChoiceDecision(name="a", options=(1, 2, 3)), ChoiceDecision(name="b", options=("x", "y", True, "none")))
    )
)
CHAIN = SearchSpaceSection(space=ConvChain(layers=3))
OTHERS = SearchSpaceSection(
    space=PluginSpace(
        object="a:b",
        decisions=(Choice("a", "a", (0, 1)), *(Index(f"n{n}", "n", n + 1) for n in range(3)), Subset("s0", "s", 0)),
    )
)

ONE_FILTER = [
    GridLevels(decision=kind, options=(option,))
    for kind, option in (("filterHeight", 3), ("filterWidth", 3), ("filterCount", 24))
]


def points(space: SearchSpaceSection, *levels: GridLevels) -> list[tuple[int, ...]]:
    strategy = GridStrategy(space, Grid(levels=levels, batch_size=7))
    found: list[tuple[int, ...]] = []
    while drawn := strategy.propose(0, len(found), 7):
        found += drawn
    return found


def test_without_levels_it_is_every_architecture_in_the_order_of_its_tokens() -> None:
    assert points(TWO) == [*itertools.product(range(3), range(4))]


def test_only_the_levels_are_tried_in_their_own_order() -> None:
    levels = (GridLevels(decision="b", options=(True, "x")), GridLevels(decision="a", options=(3, 1)))

    assert points(TWO, *levels) == [(2, 2), (2, 0), (0, 2), (0, 0)]


def test_a_kind_stands_for_its_decisions_and_a_name_goes_before_it() -> None:
    found = points(
        CHAIN,
        GridLevels(decision="filterHeight", options=(3, 5)),
        GridLevels(decision="layer1/filterHeight", options=(7,)),
        GridLevels(decision="filterWidth", options=(3,)),
        GridLevels(decision="filterCount", options=(24, 64), together=True),
        GridLevels(decision="inputs", options=("all",)),
    )

    networks = [build_space(CHAIN).decode(tokens) for tokens in found]
    assert all(isinstance(network, ConvNet) for network in networks)
    layers = [network.layers for network in networks if isinstance(network, ConvNet)]
    assert {tuple(layer.filter_height for layer in one) for one in layers} == {*itertools.product((3, 5), (7,), (3, 5))}
    assert {tuple(layer.filters for layer in one) for one in layers} == {(24, 24, 24), (64, 64, 64)}
    assert {tuple(layer.inputs for layer in one) for one in layers} == {((), (0,), (0, 1))}
    assert len(found) == len(set(found)) == 2 * 2 * 2


@pytest.mark.parametrize(
    ("word", "inputs"), [("none", ((), (), ())), ("all", ((), (0,), (0, 1))), ("previous", ((), (0,), (1,)))]
)
def test_subsets_are_named_by_words(word: str, inputs: tuple[tuple[int, ...], ...]) -> None:
    found = points(CHAIN, *ONE_FILTER, GridLevels(decision="inputs", options=(word,)))

    (network,) = (build_space(CHAIN).decode(tokens) for tokens in found)
    assert isinstance(network, ConvNet)
    assert tuple(layer.inputs for layer in network.layers) == inputs


def test_levels_that_come_to_the_same_are_tried_once() -> None:
    found = points(CHAIN, *ONE_FILTER, GridLevels(decision="inputs", options=("none", "all", "previous")))

    # Layer 0 has no layer before it, layer 1 has one, layer 2 has two: 1, 2 and 3 different inputs.
    assert len(found) == len(set(found)) == 1 * 2 * 3


def test_nodes_are_named_by_number_or_as_the_one_before() -> None:
    found = points(OTHERS, GridLevels(decision="a", options=(1,)), GridLevels(decision="n", options=(0, "previous")))

    assert found == [(1, 0, one, two) for one in (0, 1) for two in (0, 2)]


def test_a_grid_goes_on_from_a_trial_s_number_alone() -> None:
    levels = (GridLevels(decision="filterHeight", options=(3, 5)),)
    strategy = GridStrategy(SearchSpaceSection(space=ConvChain(layers=64)), Grid(levels=levels))

    assert strategy.propose(9, 10**9, 2) == GridStrategy(
        SearchSpaceSection(space=ConvChain(layers=64)), Grid(levels=levels)
    ).propose(0, 10**9, 2)


@pytest.mark.parametrize(
    ("space", "levels", "message"),
    [
        (
            CHAIN,
            [{"decision": "filterHeigth", "options": (3,)}],
            (
            'levels[0].decision is "filterHeigth", which is no decision of the space, nor a kind of them: give one of '
            "filterHeight, filterWidth, filterCount, inputs, layer0/filterHeight, layer0/filterWidth, layer0/filterCount, "
            "layer0/inputs, ..."
            ),
        ),
        (
            TWO,
            [{"decision": "a", "options": (2,)}, {"decision": "c", "options": (2,)}],
            'levels[1].decision is "c", which is no decision of the space, nor a kind of them: give one of a, b',
        ),
        (
            CHAIN,
            [{"decision": "filterHeight", "options": (3, 4)}],
            "levels[0].options[1] is 4, which layer0/filterHeight does not have: give some of 1, 3, 5, 7",
        ),
        (TWO, [{"decision": "a", "options": (True,)}], "options[0] is true, which a does not have: give some of 1, 2, 3"),
        (
            CHAIN,
            [{"decision": "inputs", "options": (0,)}],
            "options[0] is 0, which layer0/inputs does not have: give some of none, all, previous",
        ),
        (
            OTHERS,
            [{"decision": "n", "options": (1,)}],
            "options[0] is 1, which n0 does not have: give some of the numbers from 0 to 0, or previous",
        ),
        (
            CHAIN,
            [{"decision": name, "options": ("all",)} for name in ("layer0/inputs", "layer1/inputs", "layer2/inputs", "inputs")],
            'levels[3].decision is "inputs", which is a kind whose decisions are all named by others: remove it',
        ),
    ],
)  # fmt: skip
def test_what_the_space_does_not_have_is_refused(space: SearchSpaceSection, levels: list[dict[str, Any]], message: str) -> None:
    section = Grid(levels=tuple(GridLevels(**entry) for entry in levels))

    with pytest.raises(InvalidInputError, match=re.escape(message)):
        GridStrategy(space, section)

"""Whatever section of a search document is valid describes a space whose every architecture can be made."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import (
    ChoiceDecision,
    Choices,
    ConvChain,
    Growth,
    InvalidParametersError,
    PluginSpace,
    SearchSpaceSection,
)
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.conditions import settled
from nasfleet.spaces.decision import Choice, Decision, Index, Subset
from nasfleet_testing.specs import blocks

MIXED: tuple[Decision, ...] = (Choice("act", "act", ("relu", True)), Subset("in0", "in", 0), Subset("in1", "in", 1))


@given(blocks(SearchSpaceSection), st.integers(0, 2**40), st.randoms(use_true_random=False))
def test_every_valid_section_is_a_space_of_valid_architectures(
    section: SearchSpaceSection, trial: int, rng: random.Random
) -> None:
    if isinstance(section.space, PluginSpace) and not section.space.decisions:
        with pytest.raises(InvalidInputError, match="not known here"):
            build_space(section)
        return
    space = build_space(section, layers_at(section, trial))
    tokens = [rng.randrange(decision.bound) for decision in space.decisions for _ in range(decision.width)]
    assert space.encode(space.decode(tokens)) == settled(space.decisions, tokens)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ({"filter_heights": (3, 4)}, r"filterHeights\[1\] is 4, which is even: give 3 or 5"),
        ({"filter_widths": (2,)}, r"filterWidths\[0\] is 2"),
    ],
)
def test_even_filters_are_refused_by_path(chain: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(InvalidParametersError, match=message):
        ConvChain(**chain)


@pytest.mark.parametrize("growth", [None, Growth(max_layers=64)])
def test_networks_that_no_trainer_could_hold_are_refused_before_the_search_grows_there(growth: Growth | None) -> None:
    # 7 x 7 x 4,096 x 4,096 weights, 8.2e8, for each of the 64 x 63 / 2 pairs of layers that may be connected; one pair is well.
    chain = ConvChain(layers=2 if growth else 64, filter_counts=(24, 4096))
    with pytest.raises(InvalidParametersError, match=r"convChain has networks of up to 1,657,.* parameters"):
        SearchSpaceSection(space=chain, growth=growth)
    assert build_space(SearchSpaceSection(space=ConvChain(layers=2, filter_counts=(4096,)))).size() == 16**2 * 2


def test_choices_of_a_search_file_are_a_space() -> None:
    rate = ChoiceDecision(name="rate", options=(0.1, 0.01))
    section = SearchSpaceSection(space=Choices(decisions=(rate, ChoiceDecision(name="act", options=("relu", "tanh")))))
    assert dict(build_space(section).decode((1, 0))) == {"rate": 0.01, "act": "relu"}
    assert layers_at(section, 5000) is None


def test_a_plugins_decisions_are_a_space() -> None:
    section = SearchSpaceSection(space=PluginSpace(object="my.spaces:space", decisions=MIXED))
    assert dict(build_space(section).decode((1, 1))) == {"act": True, "in0": (), "in1": (0,)}


def test_a_plugin_whose_decisions_are_no_space_is_refused() -> None:
    with pytest.raises(InvalidParametersError, match="'act' and 'node' are of kind 'act'"):
        PluginSpace(object="my.spaces:space", decisions=(*MIXED, Index("node", "act", 2)))

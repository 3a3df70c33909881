"""The paper's space: its size, its token order, and the laws that every pair of tokens and network obeys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue.conv_chain import AnchorOrder, ConvChain
from nasfleet.catalogue.spaces import Growth, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.space import InvalidTokensError, SearchSpace

Spelling = tuple[ConvChainSpace, tuple[int, ...]]
AFTER, BEFORE = AnchorOrder.AFTER_FILTER_COUNT, AnchorOrder.BEFORE_FILTER_COUNT


def space_of(layers: int, **parameters: object) -> ConvChainSpace:
    return ConvChainSpace(ConvChain(layers=layers, **parameters), layers)


spaces = st.builds(
    space_of,
    st.integers(1, 8),
    strides=st.booleans(),
    skip_connections=st.booleans(),
    anchor=st.sampled_from(AnchorOrder),
)


@st.composite
def spaces_and_tokens(draw: st.DrawFn) -> Spelling:
    space = draw(spaces)
    bounds = [decision.bound for decision in space.decisions for _ in range(decision.width)]
    return space, tuple(draw(st.tuples(*(st.integers(0, bound - 1) for bound in bounds))))


def kinds(space: SearchSpace) -> list[str]:
    return [decision.kind for decision in space.decisions]


def test_size_of_the_papers_spaces_is_exact() -> None:
    # 4 heights x 4 widths x 4 counts per layer and a bit per pair of layers; with strides 3 x 3 times that per layer.
    assert space_of(15).size() == 64**15 * 2**105
    assert space_of(20, strides=True).size() == 576**20 * 2**190
    assert f"{space_of(15).size():.1e}" == "5.0e+58"
    assert f"{space_of(20, strides=True).size():.1e}" == "2.5e+112"


def test_decisions_come_in_the_papers_order() -> None:
    layer = ["filterHeight", "filterWidth", "filterCount"]
    assert kinds(space_of(2, skip_connections=False)) == layer * 2
    assert kinds(space_of(2)) == [*layer, "inputs"] * 2
    strided = ["filterHeight", "filterWidth", "strideHeight", "strideWidth", "inputs", "filterCount"]
    assert kinds(space_of(2, strides=True, anchor=BEFORE)) == strided * 2


def test_names_say_layer_and_kind() -> None:
    assert [decision.name for decision in space_of(2).decisions][-2:] == ["layer1/filterCount", "layer1/inputs"]


@pytest.mark.parametrize(("anchor", "last"), [(AFTER, (2, 1, 0)), (BEFORE, (1, 0, 2))])
def test_either_anchor_order_spells_the_same_network(anchor: AnchorOrder, last: tuple[int, ...]) -> None:
    # Layers 0 and 1 read the image and the layer before; layer 2 is 5x3 with 48 filters and reads layer 0 alone.
    first, second = ((0, 0, 0), (0, 0, 0, 1) if anchor is AFTER else (0, 0, 1, 0))
    network = space_of(3, anchor=anchor).decode((*first, *second, 2, 1, *last))
    layer = network.layers[2]
    assert (layer.filter_height, layer.filter_width, layer.filters, layer.inputs) == (5, 3, 48, (0,))
    assert network.loose_ends == (1, 2)


def test_without_skip_connections_each_layer_reads_the_one_before() -> None:
    network = space_of(3, skip_connections=False).decode((0,) * 9)
    assert [layer.inputs for layer in network.layers] == [(), (0,), (1,)]


@given(spaces_and_tokens())
def test_encode_is_the_inverse_of_decode(case: Spelling) -> None:
    space, tokens = case
    network = space.decode(tokens)
    assert space.encode(network) == tokens
    assert space.decode(space.encode(network)) == network


@given(spaces_and_tokens(), st.data())
def test_different_tokens_decode_to_different_networks(case: Spelling, data: st.DataObject) -> None:
    space, tokens = case
    position = data.draw(st.integers(0, len(tokens) - 1))
    bound = [decision.bound for decision in space.decisions for _ in range(decision.width)][position]
    other = data.draw(st.integers(0, bound - 1).filter(lambda token: token != tokens[position]))
    assert space.decode((*tokens[:position], other, *tokens[position + 1 :])) != space.decode(tokens)


@given(spaces_and_tokens(), st.data())
def test_tokens_out_of_bounds_are_refused_by_name(case: Spelling, data: st.DataObject) -> None:
    space, tokens = case
    owners = [decision for decision in space.decisions for _ in range(decision.width)]
    position = data.draw(st.integers(0, len(tokens) - 1))
    wrong = data.draw(st.sampled_from([-1, owners[position].bound, 2**31]))
    with pytest.raises(InvalidTokensError, match=rf"{owners[position].name} .* 0 to {owners[position].bound - 1}, got {wrong}"):
        space.decode((*tokens[:position], wrong, *tokens[position + 1 :]))


@given(spaces_and_tokens(), st.integers(1, 3))
def test_too_few_or_too_many_tokens_are_refused(case: Spelling, count: int) -> None:
    space, tokens = case
    for wrong in (tokens[:-count], (*tokens, *[0] * count)):
        with pytest.raises(InvalidTokensError, match=f"{len(wrong)}"):
            space.decode(wrong)


def test_networks_of_another_space_are_not_encoded() -> None:
    strided = space_of(2, strides=True).decode((0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1))
    for description in (strided, ConvNet(strided.layers[:1]), Assignment((("layer0/filterHeight", 1),))):
        with pytest.raises(InvalidInputError):
            space_of(2).encode(description)


@pytest.mark.parametrize("layers", [0, 65])
def test_depth_is_bounded(layers: int) -> None:
    with pytest.raises(InvalidInputError, match=f"{layers} layers"):
        build_space(SearchSpaceSection(space=ConvChain()), layers)


@given(st.integers(0, 20_000))
def test_depth_grows_as_in_the_paper(trial: int) -> None:
    # Section 4.1: 6 layers at first, 2 more every 1,600 architectures; 12,800 of them end at 20.
    section = SearchSpaceSection(space=ConvChain(), growth=Growth())
    assert layers_at(section, trial) == [6, 8, 10, 12, 14, 16, 18, 20][min(trial // 1600, 7)]
    assert layers_at(SearchSpaceSection(space=ConvChain()), trial) is None


def test_built_space_has_the_depth_asked_for() -> None:
    section = SearchSpaceSection(space=ConvChain(layers=2), growth=Growth())
    assert kinds(build_space(section)).count("inputs") == 2
    assert kinds(build_space(section, 4)).count("inputs") == 4

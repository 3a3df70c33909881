"""The paper's space: its size, its token order, and the laws that every pair of tokens and network obeys."""

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue.conv_chain import AnchorOrder, ChildOptimizer, ConvActivation, ConvChain, LayerType
from nasfleet.catalogue.spaces import Growth, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.conditions import settled
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.spaces.conv_layers import BatchNormLayer, ConvLayer, DropoutLayer, PoolLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.space import InvalidTokensError, SearchSpace

Spelling = tuple[ConvChainSpace, tuple[int, ...]]
AFTER, BEFORE = AnchorOrder.AFTER_FILTER_COUNT, AnchorOrder.BEFORE_FILTER_COUNT


def space_of(layers: int, **parameters: object) -> ConvChainSpace:
    return ConvChainSpace(ConvChain(layers=layers, **parameters), layers)


several_types = st.sets(st.sampled_from([kind for kind in LayerType if kind is not LayerType.CONVOLUTION]), min_size=1).map(
    lambda others: (LayerType.CONVOLUTION, *sorted(others))
)


@st.composite
def spaces(draw: st.DrawFn) -> ConvChainSpace:
    """Return a space of any of the kinds that a document can ask for."""
    layers, blocks = draw(st.integers(1, 8)), draw(st.sampled_from([1, 1, 3]))
    pools = draw(st.sets(st.integers(1, layers * blocks), max_size=2))
    return space_of(
        layers,
        strides=draw(st.booleans()),
        skip_connections=draw(st.booleans()),
        anchor=draw(st.sampled_from(AnchorOrder)),
        layer_types=draw(several_types) if blocks == 1 and draw(st.booleans()) else (LayerType.CONVOLUTION,),
        activations=draw(st.sampled_from([tuple(ConvActivation), (ConvActivation.TANH,)])),
        block_layers=blocks,
        pool_after=tuple(sorted(pools)),
        extra_filters=draw(st.sampled_from([0, 40])),
        optimizers=draw(st.sampled_from([(), tuple(ChildOptimizer)])),
        learning_rates=draw(st.sampled_from([(), (0.1, 0.01)])),
    )


@st.composite
def spaces_and_tokens(draw: st.DrawFn) -> Spelling:
    space = draw(spaces())
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
    assert space.encode(network) == settled(space.decisions, tokens)
    assert space.decode(space.encode(network)) == network


@given(spaces_and_tokens(), st.data())
def test_different_tokens_decode_to_different_networks(case: Spelling, data: st.DataObject) -> None:
    space, tokens = case
    position = data.draw(st.integers(0, len(tokens) - 1))
    bound = [decision.bound for decision in space.decisions for _ in range(decision.width)][position]
    other = data.draw(st.integers(0, bound - 1).filter(lambda token: token != tokens[position]))
    changed = (*tokens[:position], other, *tokens[position + 1 :])
    same = settled(space.decisions, changed) == settled(space.decisions, tokens)
    assert (space.decode(changed) == space.decode(tokens)) == same
    assert (space.canonical(changed) == space.canonical(tokens)) or not same


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


THE_39_LAYERS: dict[str, Any] = {"block_layers": 3, "pool_after": (13, 24), "filter_counts": (6, 12, 24, 36)}


def test_the_papers_39_layers_are_13_predictions_in_dense_blocks_of_3_pooled_after_13_and_24() -> None:
    space = space_of(13, **THE_39_LAYERS)
    tokens = [1 if decision.width == 1 else 0 for decision in space.decisions for _ in range(decision.width)]
    network = space.decode(tokens)
    assert space.size() == 64**13 * 2**78
    assert len(network.layers) == 39
    assert network.pool_after == (13, 24)
    assert [size for size, _ in groupby(network.sizes(32, 32))] == [(32, 32), (16, 16), (8, 8)]
    assert [len(list(same)) for _, same in groupby(network.sizes(32, 32))] == [13, 11, 15]
    assert {layer.filters for layer in network.layers if isinstance(layer, ConvLayer)} == {12}


def test_a_block_reads_what_its_prediction_reads_and_is_read_as_a_whole() -> None:
    network = space_of(3, block_layers=3, skip_connections=False).decode((0,) * 9)
    assert [layer.inputs for layer in network.layers] == [
        *[(), (0,), (0, 1)],
        *[(0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4)],
        *[(3, 4, 5), (3, 4, 5, 6), (3, 4, 5, 6, 7)],
    ]


def test_more_filters_are_40_more_in_each_convolution_of_the_same_tokens() -> None:
    space, wider = space_of(13, **THE_39_LAYERS), space_of(13, **THE_39_LAYERS, extra_filters=40)
    assert wider.decisions == space.decisions
    tokens = tuple(token for _ in range(13) for token in (1, 1, 1))
    plain, wide = (space_of(13, **THE_39_LAYERS, skip_connections=False, extra_filters=more) for more in (0, 40))
    assert {filters(plain.decode((0, 0, choice) * 13)) for choice in range(4)} == {(6,), (12,), (24,), (36,)}
    assert {filters(wide.decode((0, 0, choice) * 13)) for choice in range(4)} == {(46,), (52,), (64,), (76,)}
    assert wide.encode(wide.decode(tokens)) == plain.encode(plain.decode(tokens)) == tokens


def filters(network: ConvNet) -> tuple[int, ...]:
    return tuple({layer.filters for layer in network.layers if isinstance(layer, ConvLayer)})


def test_a_layers_type_comes_first_then_that_types_own_decisions() -> None:
    types = tuple(LayerType)
    assert kinds(space_of(1, layer_types=types, activations=(ConvActivation.RELU, ConvActivation.TANH), strides=True)) == [
        *["type", "filterHeight", "filterWidth", "strideHeight", "strideWidth", "activation"],
        *["poolOperation", "poolSize", "contrastSize", "dropoutRate", "filterCount", "inputs"],
    ]
    space = space_of(1, layer_types=types)
    # A convolution has 4 x 4 x 4 forms, a pooling 2 x 2, batch normalisation 1, contrast normalisation 2, dropout 3.
    assert space.size() == 64 + 4 + 1 + 2 + 3
    decoded = {space.decode((kind, 3, 3, 1, 1, 1, 1, 3)).layers[0] for kind in range(5)}
    assert decoded > {PoolLayer(operation="Average", size=3), BatchNormLayer(), DropoutLayer(rate=0.2)}


def test_optimiser_and_step_size_come_before_all_layers_and_are_part_of_the_network() -> None:
    space = space_of(2, optimizers=(ChildOptimizer.ADAM, ChildOptimizer.NESTEROV), learning_rates=(0.1, 0.01))
    assert kinds(space)[:3] == ["optimizer", "learningRate", "filterHeight"]
    network = space.decode((0, 1, *[0] * 7))
    assert (network.optimizer, network.learning_rate) == ("Adam", 0.01)
    assert space.size() == 4 * space_of(2).size()
    assert len({space.canonical((one, other, *[0] * 7)) for one in (0, 1) for other in (0, 1)}) == 4


def test_a_growing_space_comes_to_its_poolings_as_it_does() -> None:
    section = SearchSpaceSection(space=ConvChain(layers=2, pool_after=(1, 3)), growth=Growth(max_layers=4))
    pools = [build_space(section, layers).decode((0,) * tokens).pool_after for layers, tokens in ((2, 7), (4, 18))]
    assert pools == [(1,), (1, 3)]


def test_a_deeper_space_begins_as_a_shallower_one() -> None:
    everything = {"layer_types": tuple(LayerType), "optimizers": tuple(ChildOptimizer), "strides": True}
    shallow, deep = (space_of(layers, **everything).decisions for layers in (2, 5))
    assert deep[: len(shallow)] == shallow

"""Convolutional networks: the paper's own, counted to the last parameter, and what cannot be made."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue.conv_chain import AnchorOrder, ConvChain
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.spaces.conv_layers import BatchNormLayer, ContrastNormLayer, ConvLayer, DropoutLayer, PoolLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_testing.networks import ZOPH_V1


def test_the_papers_network_has_its_printed_parameters() -> None:
    # Figure 7 of Zoph & Le 2017, printed there as 4.2M.
    assert ZOPH_V1.parameters() == 4_201_140
    assert ZOPH_V1.loose_ends == (14,)
    assert ZOPH_V1.classifier_inputs() == 48
    assert (ZOPH_V1.classifier_inputs() + 1) * 10 == 490


@pytest.mark.parametrize("anchor", list(AnchorOrder))
def test_the_papers_network_is_in_its_space(anchor: AnchorOrder) -> None:
    space = ConvChainSpace(ConvChain(layers=15, anchor=anchor), 15)
    assert space.decode(space.encode(ZOPH_V1)) == ZOPH_V1


def test_parameters_are_filters_and_two_per_normalised_channel() -> None:
    # 3 x 5 over 2 channels to 7: 210 weights and 14; 1 x 1 over 7 to 4: 28 and 8.
    network = ConvNet(
        (
            ConvLayer(filter_height=3, filter_width=5, filters=7),
            ConvLayer(filter_height=1, filter_width=1, filters=4, inputs=(0,)),
        )
    )
    assert network.parameters(channels=2) == 210 + 14 + 28 + 8


def test_multiply_adds_count_each_output_pixel() -> None:
    # Strides 2 and 3 over 32 x 32 leave 16 x 11; the second layer reads it padded to nothing more.
    network = ConvNet(
        (
            ConvLayer(filter_height=3, filter_width=5, filters=7, stride_height=2, stride_width=3),
            ConvLayer(filter_height=1, filter_width=1, filters=4, inputs=(0,)),
        )
    )
    assert network.sizes(32, 32) == ((16, 11), (16, 11))
    assert network.multiply_adds(32, 32, channels=2) == 16 * 11 * (3 * 5 * 2 * 7 + 7 * 4)


def test_unequal_inputs_are_as_large_as_the_largest_in_each_direction() -> None:
    plain = {"filter_height": 1, "filter_width": 1, "filters": 1}
    network = ConvNet(
        (
            ConvLayer(**plain, stride_height=2),
            ConvLayer(**plain, stride_width=3),
            ConvLayer(**plain, inputs=(0, 1)),
        )
    )
    assert network.sizes(10, 10) == ((5, 10), (10, 4), (10, 10))


def test_outputs_that_nobody_reads_feed_the_classifier() -> None:
    layer = {"filter_height": 3, "filter_width": 3}
    network = ConvNet(
        (
            ConvLayer(**layer, filters=24),
            ConvLayer(**layer, filters=36),
            ConvLayer(**layer, filters=48, inputs=(0,)),
        )
    )
    assert network.loose_ends == (1, 2)
    assert network.classifier_inputs() == 84


def test_other_layers_hand_on_all_channels_that_they_read() -> None:
    # 3 channels normalised: 6 parameters; 5 x 5 over 3 + 3 to 4: 600 weights and 8.
    network = ConvNet(
        (
            BatchNormLayer(),
            PoolLayer(operation="Average", size=3, inputs=(0,)),
            ConvLayer(filter_height=5, filter_width=5, filters=4, inputs=(0, 1)),
            DropoutLayer(rate=0.5, inputs=(1, 2)),
        )
    )
    assert network.output_channels() == (3, 3, 4, 7)
    assert network.parameters() == 6 + 600 + 8
    assert network.classifier_inputs() == 7
    assert network.sizes(32, 31) == ((32, 31), (11, 11), (32, 31), (32, 31))
    assert network.multiply_adds(32, 31) == 32 * 31 * 600


def test_a_pooling_halves_all_that_was_computed_before_it_and_the_image() -> None:
    plain = {"filter_height": 1, "filter_width": 1, "filters": 1}
    layers = (ConvLayer(**plain), ConvLayer(**plain, inputs=(0,)), ConvLayer(**plain), ConvLayer(**plain, inputs=(0, 1, 2)))
    assert ConvNet(layers, (1, 3)).sizes(9, 8) == ((9, 8), (5, 4), (5, 4), (3, 2))


@pytest.mark.parametrize("pools", [(0,), (2,), (1, 1), (-1,)])
def test_poolings_that_do_not_stand_between_layers_cannot_be_made(pools: tuple[int, ...]) -> None:
    layer = ConvLayer(filter_height=1, filter_width=1, filters=1)
    with pytest.raises(InvalidInputError, match="give each number once, ascending, from 1 to 1"):
        ConvNet((layer, layer), pools)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PoolLayer(operation="Median", size=2), "operation of a layer is 'Median': give one of Max, Average"),
        (lambda: PoolLayer(operation="Max", size=1), "size of a pooling is 1"),
        (lambda: ContrastNormLayer(size=4), "size of a contrast normalisation is 4"),
        (lambda: DropoutLayer(rate=1.0), "rate of a dropout is 1.0"),
        (lambda: BatchNormLayer(inputs=(1, 0)), r"reads \[1, 0\]"),
        (lambda: replace(ZOPH_V1, learning_rate=0.0), "the step size is 0.0"),
        (lambda: replace(ZOPH_V1.layers[0], activation="Swish"), "activation of a layer is 'Swish'"),
    ],
)
def test_other_impossible_layers_cannot_be_made(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make()


@pytest.mark.parametrize(
    "wrong",
    [
        {"filter_height": 0},
        {"filter_height": 33},
        {"filter_width": 2},
        {"filter_width": 3.0},
        {"filters": 0},
        {"filters": 4097},
        {"stride_height": 0},
        {"stride_width": 9},
        {"inputs": (1, 0)},
        {"inputs": (0, 0)},
    ],
)
def test_impossible_layers_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="give"):
        ConvLayer(**{"filter_height": 3, "filter_width": 3, "filters": 24, **wrong})


@given(st.lists(st.sets(st.integers(-2, 6), max_size=3), max_size=5))
def test_networks_with_a_layer_that_reads_no_earlier_one_cannot_be_made(sources: list[set[int]]) -> None:
    layers = tuple(ConvLayer(filter_height=1, filter_width=1, filters=1, inputs=tuple(sorted(read))) for read in sources)
    if layers and all(0 <= source < number for number, layer in enumerate(layers) for source in layer.inputs):
        assert ConvNet(layers).layers == layers
    else:
        with pytest.raises(InvalidInputError):
            ConvNet(layers)


def test_depth_is_bounded() -> None:
    layer = ConvLayer(filter_height=1, filter_width=1, filters=1)
    assert len(ConvNet((layer,) * 64).loose_ends) == 64
    with pytest.raises(InvalidInputError, match="65 layers"):
        ConvNet((layer,) * 65)

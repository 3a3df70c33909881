"""Two spellings of one network have one hash; different networks have different ones."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue.conv_chain import ConvChain
from nasfleet.spaces.canonical import conv_net_hash
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.spaces.conv_layers import BatchNormLayer, ContrastNormLayer, ConvLayer, DropoutLayer, PoolLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_testing.networks import ZOPH_V1

sizes = st.sampled_from([1, 3])


@st.composite
def networks(draw: st.DrawFn) -> ConvNet:
    """Return a network of few different layers, so that many are alike."""
    layers: list[ConvLayer] = []
    for number in range(draw(st.integers(1, 8))):
        inputs = draw(st.sets(st.integers(0, number - 1))) if number else set()
        layers.append(ConvLayer(filter_height=draw(sizes), filter_width=1, filters=8, inputs=tuple(sorted(inputs))))
    return ConvNet(tuple(layers))


def reordered(network: ConvNet, rng: random.Random) -> ConvNet:
    """Return the same network with its layers in another order that the inputs allow."""
    place: dict[int, int] = {}
    while len(place) < len(network.layers):
        ready = [n for n, layer in enumerate(network.layers) if n not in place and all(i in place for i in layer.inputs)]
        place[rng.choice(ready)] = len(place)
    moved = {
        place[number]: replace(layer, inputs=tuple(sorted(place[source] for source in layer.inputs)))
        for number, layer in enumerate(network.layers)
    }
    return ConvNet(tuple(moved[number] for number in range(len(moved))))


def same_network(one: ConvNet, other: ConvNet) -> bool:
    """Return whether a renaming of the layers turns one into the other, by trying them all."""

    def matches(names: dict[int, int]) -> bool:
        number = len(names)
        if number == len(one.layers):
            return True
        wanted = one.layers[number]
        return any(
            replace(candidate, inputs=()) == replace(wanted, inputs=())
            and {names[source] for source in wanted.inputs} == set(candidate.inputs)
            and matches({**names, number: name})
            for name, candidate in enumerate(other.layers)
            if name not in names.values()
        )

    return len(one.layers) == len(other.layers) and matches({})


@given(networks(), st.randoms(use_true_random=False))
def test_hash_does_not_depend_on_the_order_of_layers(network: ConvNet, rng: random.Random) -> None:
    assert conv_net_hash(reordered(network, rng)) == conv_net_hash(network)


@given(networks(), networks())
def test_hashes_are_equal_just_when_the_networks_are(one: ConvNet, other: ConvNet) -> None:
    assert (conv_net_hash(one) == conv_net_hash(other)) == same_network(one, other)


@given(networks(), st.data())
def test_a_change_of_one_input_changes_the_hash_unless_the_network_stays_the_same(
    network: ConvNet, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(network.layers) - 1))
    inputs = data.draw(st.sets(st.integers(0, number - 1))) if number else set()
    changed = replace(network.layers[number], inputs=tuple(sorted(inputs)))
    other = ConvNet((*network.layers[:number], changed, *network.layers[number + 1 :]))
    assert (conv_net_hash(network) == conv_net_hash(other)) == same_network(network, other)


def test_one_layer_read_twice_is_not_two_layers_read_once() -> None:
    layer = ConvLayer(filter_height=1, filter_width=1, filters=8)
    shared = ConvNet((layer, layer, replace(layer, inputs=(0,)), replace(layer, inputs=(0,))))
    apart = ConvNet((layer, layer, replace(layer, inputs=(0,)), replace(layer, inputs=(1,))))
    assert conv_net_hash(shared) != conv_net_hash(apart)


def test_one_ring_of_eight_is_not_two_rings_of_four() -> None:
    # Each layer looks the same from all of them: four read the image and feed two, four read two.
    layer = ConvLayer(filter_height=1, filter_width=1, filters=8)
    one, two = (
        ConvNet((*[layer] * 4, *(replace(layer, inputs=inputs) for inputs in rings)))
        for rings in ([(0, 1), (1, 2), (2, 3), (0, 3)], [(0, 1), (0, 1), (2, 3), (2, 3)])
    )
    assert conv_net_hash(one) != conv_net_hash(two)


@pytest.mark.parametrize("field", ["filter_height", "filter_width", "stride_height", "stride_width", "filters"])
def test_every_figure_of_a_layer_counts(field: str) -> None:
    changed = replace(ZOPH_V1.layers[7], **{field: 5})
    other = ConvNet((*ZOPH_V1.layers[:7], changed, *ZOPH_V1.layers[8:]))
    assert conv_net_hash(other) != conv_net_hash(ZOPH_V1)


def test_two_token_strings_of_one_network_have_one_hash() -> None:
    # Two layers that both read the image, in either order: 1x1 with 24 filters and 3x3 with 36.
    space = ConvChainSpace(ConvChain(layers=2), 2)
    assert space.canonical((0, 0, 0, 1, 1, 1, 0)) == space.canonical((1, 1, 1, 0, 0, 0, 0))
    assert space.canonical((0, 0, 0, 1, 1, 1, 0)) != space.canonical((0, 0, 0, 1, 1, 1, 1))


def test_hash_stays_what_it_is_in_stored_results() -> None:
    assert conv_net_hash(ZOPH_V1) == "3a50ed6a8ca4e851"


def test_everything_beside_the_figures_counts_too() -> None:
    layers = ZOPH_V1.layers
    others = [
        replace(ZOPH_V1, pool_after=(7,)),
        replace(ZOPH_V1, pool_after=(8,)),
        replace(ZOPH_V1, optimizer="Adam"),
        replace(ZOPH_V1, learning_rate=0.1),
        replace(ZOPH_V1, learning_rate=0.2),
        ConvNet((*layers[:7], replace(layers[7], activation="Tanh"), *layers[8:])),
        ConvNet((*layers[:7], PoolLayer(operation="Max", size=2, inputs=layers[7].inputs), *layers[8:])),
        ConvNet((*layers[:7], PoolLayer(operation="Average", size=2, inputs=layers[7].inputs), *layers[8:])),
        ConvNet((*layers[:7], BatchNormLayer(inputs=layers[7].inputs), *layers[8:])),
        ConvNet((*layers[:7], ContrastNormLayer(size=5, inputs=layers[7].inputs), *layers[8:])),
        ConvNet((*layers[:7], DropoutLayer(rate=0.1, inputs=layers[7].inputs), *layers[8:])),
        ConvNet((*layers[:7], DropoutLayer(rate=0.2, inputs=layers[7].inputs), *layers[8:])),
    ]
    assert len({conv_net_hash(network) for network in (ZOPH_V1, *others)}) == len(others) + 1


def test_order_of_layers_between_two_poolings_does_not_count_but_their_side_does() -> None:
    one, other = (ConvLayer(filter_height=size, filter_width=1, filters=8) for size in (1, 3))
    read = replace(one, inputs=(0, 1))
    assert conv_net_hash(ConvNet((one, other, read), (2,))) == conv_net_hash(ConvNet((other, one, read), (2,)))
    assert conv_net_hash(ConvNet((one, other, read), (1,))) != conv_net_hash(ConvNet((other, one, read), (1,)))

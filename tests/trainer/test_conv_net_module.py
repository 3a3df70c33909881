"""The network that is trained is the one that was described."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from nasfleet.spaces.conv_net import ConvLayer, ConvNet
from nasfleet_testing.networks import ZOPH_V1, conv_nets
from nasfleet_trainer import accounting
from nasfleet_trainer.networks.conv_net import ConvNetwork, joined

torch.set_num_threads(1)


def parameters_of(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_network_has_its_printed_parameters() -> None:
    network = ConvNetwork(ZOPH_V1, channels=3, classes=10)
    assert parameters_of(network.layers) == 4_201_140
    assert parameters_of(network.classifier) == 490


@settings(max_examples=15, deadline=None)
@given(description=conv_nets(), side=st.integers(1, 12), channels=st.integers(1, 4), classes=st.integers(1, 12))
def test_accounting_is_what_torch_counts(description: ConvNet, side: int, channels: int, classes: int) -> None:
    network = ConvNetwork(description, channels=channels, classes=classes).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        logits = network(torch.zeros(1, channels, side, side))
    assert logits.shape == (1, classes)
    # One multiply-add is two floating point operations.
    counted = counter.get_total_flops() // 2
    assert counted == accounting.multiply_adds(description, side=side, channels=channels, classes=classes)
    assert parameters_of(network) == accounting.parameters(description, channels=channels, classes=classes)


@settings(max_examples=15, deadline=None)
@given(description=conv_nets())
def test_every_layer_learns(description: ConvNet) -> None:
    torch.manual_seed(0)
    network = ConvNetwork(description, channels=1, classes=3).eval()
    # Where a ReLU is off nothing flows back, so that here none may be.
    for layer in network.layers:
        torch.nn.init.constant_(layer.get_submodule("conv").get_parameter("weight"), 0.01)
    torch.nn.init.uniform_(network.classifier.weight, 0.1, 1)
    torch.autograd.backward(network(torch.rand(2, 1, 9, 9)).sum())
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_smaller_maps_are_padded_around_their_centre() -> None:
    small, large = torch.ones(1, 1, 2, 1), torch.full((1, 2, 5, 4), 7.0)
    both = joined([small, large])
    expected = torch.zeros(5, 4)
    expected[1:3, 1] = 1  # of the three rows missing one is above, of the three columns one to the left
    torch.testing.assert_close(both[0, 0], expected)
    torch.testing.assert_close(both[:, 1:], large)


@pytest.mark.parametrize(("side", "stride", "expected"), [(8, 1, 8), (8, 2, 4), (7, 2, 4), (8, 3, 3), (1, 3, 1)])
def test_stride_divides_the_size_and_rounds_up(side: int, stride: int, expected: int) -> None:
    layer = ConvLayer(filter_height=5, filter_width=3, filters=2, stride_height=stride, stride_width=1)
    unit = ConvNetwork(ConvNet((layer,)), channels=1, classes=1).layers[0]
    assert unit(torch.zeros(2, 1, side, side)).shape == (2, 2, expected, side)

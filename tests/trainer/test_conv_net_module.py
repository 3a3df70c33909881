"""The network that is trained is the one that was described."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from nasfleet.spaces.conv_layers import ConvLayer, DropoutLayer, PoolLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_testing.networks import ZOPH_V1, conv_nets
from nasfleet_trainer import accounting
from nasfleet_trainer.networks.conv_net import ConvNetwork, halved, joined
from nasfleet_trainer.networks.layers import ContrastNorm, layer_module

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
    assert parameters_of(network) == accounting.parameters(description, side=side, channels=channels, classes=classes)


@settings(max_examples=15, deadline=None)
@given(description=conv_nets(only_convolutions=True))
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


def test_windows_of_a_pooling_do_not_overlap_and_the_last_ones_may_be_smaller() -> None:
    maps = torch.arange(25.0).view(1, 1, 5, 5)
    largest, mean = (layer_module(PoolLayer(operation=operation, size=2), 1)(maps) for operation in ("Max", "Average"))
    torch.testing.assert_close(largest[0, 0], torch.tensor([[6.0, 8, 9], [16, 18, 19], [21, 23, 24]]))
    torch.testing.assert_close(mean[0, 0], torch.tensor([[3.0, 5, 6.5], [13, 15, 16.5], [20.5, 22.5, 24]]))


@pytest.mark.parametrize("operation", ["Max", "Average"])
def test_a_window_larger_than_the_map_takes_all_of_it(operation: str) -> None:
    assert layer_module(PoolLayer(operation=operation, size=4), 1)(torch.full((1, 1, 1, 2), 7.0)).tolist() == [[[[7.0]]]]


def test_a_pooling_between_layers_takes_the_largest_of_four() -> None:
    torch.testing.assert_close(halved(torch.arange(9.0).view(1, 1, 3, 3))[0, 0], torch.tensor([[4.0, 5], [7, 8]]))


def test_what_is_read_across_a_pooling_is_smaller_the_image_too() -> None:
    one = ConvLayer(filter_height=1, filter_width=1, filters=1)
    network = ConvNetwork(ConvNet((one, one, one), pool_after=(1,)), channels=1, classes=2)
    sizes: list[tuple[int, ...]] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _layer, _inputs, output: sizes.append(tuple(output.shape[2:])))
    network(torch.zeros(2, 1, 7, 8))
    assert sizes == [(7, 8), (4, 4), (4, 4)]


def test_contrast_normalisation_takes_the_local_mean_away_and_divides_by_the_deviation() -> None:
    # One row, window 3: means 0 2 2 3 1.5, which leaves 0 -2 4 -3 1.5, whose squares have means 2 20/3 29/3 27.25/3 5.625.
    maps = torch.tensor([[[[0.0, 0, 6, 0, 3]]]])
    deviations = torch.tensor([2, 20 / 3, 29 / 3, 27.25 / 3, 5.625]).sqrt()
    # At the last pixel the mean deviation, 2.50, is more than its own, 2.37.
    expected = torch.tensor([0.0, -2, 4, -3, 1.5]) / deviations.clamp_min(deviations.mean())
    torch.testing.assert_close(ContrastNorm(3)(maps)[0, 0, 0], expected, atol=1e-4, rtol=0)


def test_contrast_normalisation_of_a_blank_image_is_blank_and_has_a_gradient() -> None:
    maps = torch.ones(1, 2, 4, 4, requires_grad=True)
    normalised = ContrastNorm(5)(maps)
    torch.autograd.backward(normalised.sum())
    assert not normalised.any()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


@pytest.mark.parametrize(("activation", "expected"), [("Relu", 0.0), ("Tanh", -0.7616), ("Sigmoid", 0.2689), ("Identity", -1)])
def test_activation_follows_the_normalisation(activation: str, expected: float) -> None:
    layer = ConvLayer(filter_height=1, filter_width=1, filters=1, activation=activation)
    unit = layer_module(layer, 1).eval()
    torch.nn.init.ones_(unit.get_parameter("conv.weight"))
    assert unit(torch.full((1, 1, 1, 1), -1.0)).item() == pytest.approx(expected, abs=1e-4)


def test_dropout_drops_in_training_only() -> None:
    dropout, ones = layer_module(DropoutLayer(rate=0.5), 4), torch.ones(8, 4, 8, 8)
    assert set(dropout(ones).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(ones), ones)

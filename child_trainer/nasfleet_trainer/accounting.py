"""What a child network costs, whatever it is trained on."""

from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp


def parameters(network: ConvNet | Mlp, *, side: int, channels: int, classes: int) -> int:
    """Return the trainable parameters for square images of `side` pixels, classifier included."""
    if isinstance(network, Mlp):
        return network.parameters(channels * side * side, classes)
    return network.parameters(channels) + (network.classifier_inputs(channels) + 1) * classes


def multiply_adds(network: ConvNet | Mlp, *, side: int, channels: int, classes: int) -> int:
    """Return the multiply-adds of one forward pass on one square image of `side` pixels, classifier included."""
    if isinstance(network, Mlp):
        return network.multiply_adds(channels * side * side, classes)
    return network.multiply_adds(side, side, channels) + network.classifier_inputs(channels) * classes

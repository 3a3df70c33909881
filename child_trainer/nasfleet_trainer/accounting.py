"""What a child network costs, whatever it is trained on."""

from nasfleet.spaces.conv_net import ConvNet


def parameters(network: ConvNet, *, channels: int, classes: int) -> int:
    """Return the trainable parameters, classifier included."""
    return network.parameters(channels) + (network.classifier_inputs(channels) + 1) * classes


def multiply_adds(network: ConvNet, *, side: int, channels: int, classes: int) -> int:
    """Return the multiply-adds of one forward pass on one square image of `side` pixels, classifier included."""
    return network.multiply_adds(side, side, channels) + network.classifier_inputs(channels) * classes

"""Convolutional networks as stand-alone PyTorch source, written as a person would: torch is all it needs.

The parameters have the names that trained weights have: `layers.{i}.conv` and `layers.{i}.norm` of a convolution,
`layers.{i}` of a batch normalisation, and `classifier`.
"""

from collections.abc import Iterator
from textwrap import fill, indent
from typing import assert_never

from nasfleet.errors import InvalidInputError
from nasfleet.export import pytorch_parts as parts
from nasfleet.export.cell_pytorch import cell_source
from nasfleet.export.mlp_pytorch import mlp_source
from nasfleet.spaces.conv_layers import (
    BatchNormLayer,
    ContrastNormLayer,
    ConvLayer,
    DropoutLayer,
    Layer,
    PoolLayer,
    strides_of,
)
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet.spaces.space import Description

_LINE_LENGTH = 100
_ACTIVATIONS = {"Tanh": "torch.tanh", "Sigmoid": "torch.sigmoid", "Identity": "nn.Identity()"}


def pytorch_source(description: Description, channels: int, classes: int, side: int = 32) -> str:
    """Return the source of a module for images of `channels` that gives logits for `classes`; it tries itself on `side` pixels.

    A recurrent cell reads no images: its source is a layer that takes its own sizes.
    A fully connected network reads all values of an image, so that its first layer depends on `side`.

    Raises:
        InvalidInputError: if the architecture is not a network by itself, or a number is not positive.
    """
    if isinstance(description, RecurrentCell):
        return cell_source(description)
    if isinstance(description, Mlp):
        return mlp_source(description, inputs=channels * side * side, outputs=classes)
    if not isinstance(description, ConvNet):
        raise InvalidInputError("this architecture is a list of values, not a network: export it as JSON")
    if channels < 1 or classes < 1:
        raise InvalidInputError(f"a network for {channels} channels and {classes} classes: give at least 1 of each")
    needed = "".join(_parts(description))
    features = description.classifier_inputs(channels)
    return parts.SOURCE.format(
        count=_count(description),
        parameters=description.parameters(channels) + (features + 1) * classes,
        training=_training(description),
        import_callable=parts.IMPORT_CALLABLE if "Callable" in needed else "",
        import_functional=parts.IMPORT_FUNCTIONAL if "functional." in needed else "",
        parts=needed,
        channels=channels,
        classes=classes,
        side=side,
        constructions=indent("\n".join(_constructions(description, channels)), " " * 12),
        features=features,
        steps=indent("\n".join(_steps(description)), " " * 8),
    )


def _count(network: ConvNet) -> str:
    word = "convolution" if all(isinstance(layer, ConvLayer) for layer in network.layers) else "layer"
    return f"{len(network.layers)} {word}" + "s" * (len(network.layers) > 1)


def _training(network: ConvNet) -> str:
    """Return how it was trained, as far as that was chosen with it."""
    with_ = [f"by {network.optimizer}"] if network.optimizer else []
    with_ += [f"with the step size {network.learning_rate:g}"] if network.learning_rate else []
    return f"\n\nIt was trained {' '.join(with_)}.\n" if with_ else ""


def _parts(network: ConvNet) -> Iterator[str]:
    """Yield the functions and classes that this network needs."""
    if _joins(network) and _shrinks(network):
        yield parts.JOIN
    if network.pool_after:
        yield parts.POOL
    convolutions = [layer for layer in network.layers if isinstance(layer, ConvLayer)]
    if any(layer.activation in _ACTIVATIONS for layer in convolutions):
        yield parts.ACTIVATED_CONV_LAYER
    elif convolutions:
        yield parts.CONV_LAYER
    if any(isinstance(layer, ContrastNormLayer) for layer in network.layers):
        yield parts.CONTRAST_NORM


def _joins(network: ConvNet) -> bool:
    return any(len(read) > 1 for read in (*(layer.inputs for layer in network.layers), network.loose_ends))


def _shrinks(network: ConvNet) -> bool:
    """Return whether maps of a stage may be of different sizes."""
    return any(strides_of(layer) != (1, 1) for layer in network.layers)


def _constructions(network: ConvNet, channels: int) -> Iterator[str]:
    """Yield a line for each layer that makes it; what depends on the image's channels says so where that is all."""
    for layer, read in zip(network.layers, network.input_channels(channels), strict=True):
        yield _construction(layer, str(read) if layer.inputs else "channels") + ","


def _construction(layer: Layer, read: str) -> str:
    match layer:
        case ConvLayer():
            size, strides = (layer.filter_height, layer.filter_width), strides_of(layer)
            stride = "" if strides == (1, 1) else f", stride={strides}"
            activation = f", activation={_ACTIVATIONS[layer.activation]}" if layer.activation in _ACTIVATIONS else ""
            return f"ConvLayer({read}, {layer.filters}, {size}{stride}{activation})"
        case PoolLayer():
            return f"nn.{'Max' if layer.operation == 'Max' else 'Avg'}Pool2d({layer.size}, ceil_mode=True)"
        case BatchNormLayer():
            return f"nn.BatchNorm2d({read})"
        case ContrastNormLayer():
            return f"ContrastNorm({layer.size})"
        case DropoutLayer():
            return f"nn.Dropout({layer.rate!r})"
        case _:
            assert_never(layer)


def _steps(network: ConvNet) -> Iterator[str]:
    """Yield the statements that compute each layer's output, the poolings between, and from the loose ends the features."""
    join = ("join(", ")") if _shrinks(network) else ("torch.cat((", "), dim=1)")
    for number, layer in enumerate(network.layers):
        if number in network.pool_after:
            names = [f"x{source}" for source in network.crossing(number)]
            if any(not later.inputs for later in network.layers[number:]):
                names.insert(0, "image")
            yield from (f"{name} = pool({name})" for name in names)
        yield _call(f"x{number} = self.layers[{number}](", layer.inputs, ")", join)
    yield _call("features = ", network.loose_ends, "", join)


def _call(opening: str, numbers: tuple[int, ...], closing: str, join: tuple[str, str]) -> str:
    """Return a call with these layers' outputs, or the image, over several lines if it is long."""
    if len(numbers) < 2:  # noqa: PLR2004 - nothing to join
        return f"{opening}{f'x{numbers[0]}' if numbers else 'image'}{closing}"
    opening, closing = opening + join[0], join[1] + closing
    arguments = ", ".join(f"x{number}" for number in numbers)
    if len(opening + arguments + closing) <= _LINE_LENGTH - 8:
        return opening + arguments + closing
    return f"{opening}\n{indent(fill(arguments, _LINE_LENGTH - 12), '    ')}\n{closing}"

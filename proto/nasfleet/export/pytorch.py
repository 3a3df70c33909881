"""Convolutional networks as stand-alone PyTorch source, written as a person would: torch is all it needs.

The parameters have the names that trained weights have: `layers.{i}.conv`, `layers.{i}.norm` and `classifier`.
"""

from textwrap import fill, indent

from nasfleet.errors import InvalidInputError
from nasfleet.export.mlp_pytorch import mlp_source
from nasfleet.spaces.conv_net import ConvLayer, ConvNet
from nasfleet.spaces.mlp import Mlp
from nasfleet.spaces.space import Description

_LINE_LENGTH = 100


def pytorch_source(description: Description, channels: int, classes: int, side: int = 32) -> str:
    """Return the source of a module for images of `channels` that gives logits for `classes`; it tries itself on `side` pixels.

    A fully connected network reads all values of an image, so that its first layer depends on `side`.

    Raises:
        InvalidInputError: if the architecture is not a network by itself, or a number is not positive.
    """
    if isinstance(description, Mlp):
        return mlp_source(description, inputs=channels * side * side, outputs=classes)
    if not isinstance(description, ConvNet):
        raise InvalidInputError("this architecture is a list of values, not a network: export it as JSON")
    if channels < 1 or classes < 1:
        raise InvalidInputError(f"a network for {channels} channels and {classes} classes: give at least 1 of each")
    joins = any(len(read) > 1 for read in (*(layer.inputs for layer in description.layers), description.loose_ends))
    strided = any(_strides(layer) != (1, 1) for layer in description.layers)
    join = "join(maps)" if strided else "torch.cat(maps, dim=1)"
    return _SOURCE.format(
        count=f"{len(description.layers)} convolution" + "s" * (len(description.layers) > 1),
        parameters=description.parameters(channels) + (description.classifier_inputs + 1) * classes,
        import_functional=_IMPORT_FUNCTIONAL if joins and strided else "",
        join_function=_JOIN_FUNCTION if joins and strided else "",
        maps="*maps" if joins else "maps",
        joined=join if joins else "maps",
        channels=channels,
        classes=classes,
        side=side,
        constructions=indent(_constructions(description), " " * 12),
        features=description.classifier_inputs,
        steps=indent(_steps(description, "join" if strided else "torch.cat"), " " * 8),
    )


def _strides(layer: ConvLayer) -> tuple[int, int]:
    return (layer.stride_height, layer.stride_width)


def _constructions(network: ConvNet) -> str:
    """Return a line for each layer that makes it."""
    lines = []
    for layer, depth in zip(network.layers, network.input_channels(), strict=True):
        read = str(depth) if layer.inputs else "channels"
        stride = "" if _strides(layer) == (1, 1) else f", stride={_strides(layer)}"
        lines.append(f"ConvLayer({read}, {layer.filters}, ({layer.filter_height}, {layer.filter_width}){stride}),")
    return "\n".join(lines)


def _steps(network: ConvNet, join: str) -> str:
    """Return the statements that compute each layer's output, and from the loose ends the features."""
    steps = [_call(f"x{number} = self.layers[{number}](", layer.inputs, ")") for number, layer in enumerate(network.layers)]
    ends = network.loose_ends
    if len(ends) == 1:
        return "\n".join([*steps, f"features = x{ends[0]}"])
    dimension = ", dim=1)" if join == "torch.cat" else ")"
    return "\n".join([*steps, _call(f"features = {join}((", ends, ")" + dimension)])


def _call(opening: str, numbers: tuple[int, ...], closing: str) -> str:
    """Return a call with these layers' outputs, or the image, over several lines if it is long."""
    arguments = ", ".join(f"x{number}" for number in numbers) or "image"
    if len(opening + arguments + closing) <= _LINE_LENGTH - 8:
        return opening + arguments + closing
    return f"{opening}\n{indent(fill(arguments, _LINE_LENGTH - 12), '    ')}\n{closing}"


_IMPORT_FUNCTIONAL = "from torch.nn import functional\n"

_JOIN_FUNCTION = '''
def join(maps: tuple[Tensor, ...]) -> Tensor:
    """Concatenate along depth, smaller maps zero-padded around their centre to the largest."""
    height = max(x.shape[2] for x in maps)
    width = max(x.shape[3] for x in maps)
    padded = []
    for x in maps:
        rows, columns = height - x.shape[2], width - x.shape[3]
        top, left = rows // 2, columns // 2
        padded.append(functional.pad(x, (left, columns - left, top, rows - top)))
    return torch.cat(padded, dim=1)

'''

_SOURCE = '''"""A network of {count}, {parameters:,} parameters in all; found by nasfleet."""

import torch
from torch import Tensor, nn
{import_functional}
{join_function}
class ConvLayer(nn.Module):
    """Convolution, batch normalisation, ReLU; a stride of s makes n rows into n / s, rounded up."""

    def __init__(
        self, channels: int, filters: int, size: tuple[int, int], stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        padding = (size[0] // 2, size[1] // 2)
        self.conv = nn.Conv2d(channels, filters, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(filters)

    def forward(self, {maps}: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv({joined})))


class Network(nn.Module):
    """Images [B, {channels}, H, W] to logits [B, {classes}]."""

    def __init__(self, channels: int = {channels}, classes: int = {classes}) -> None:
        super().__init__()
        self.layers = nn.ModuleList([
{constructions}
        ])
        self.classifier = nn.Linear({features}, classes)

    def forward(self, image: Tensor) -> Tensor:
{steps}
        return self.classifier(features.mean(dim=(2, 3)))


if __name__ == "__main__":
    network = Network()
    images = torch.zeros(2, {channels}, {side}, {side})
    print("output shape", list(network(images).shape))
    print("parameters", sum(parameter.numel() for parameter in network.parameters()))
'''

"""A convolutional child network built from its description, by the compilation rules of Zoph & Le (2016), section 3.3.

Several inputs of a layer are concatenated along depth; smaller ones are zero-padded to the largest, centred. A layer without
inputs takes the image. Layers that nobody consumed are concatenated in the same way, averaged over space and classified
linearly. The exported source computes the same under the same parameter names, so that it loads the weights trained here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasfleet.spaces.conv_net import ConvLayer, ConvNet


class ConvUnit(nn.Module):
    """Convolution without bias, batch normalisation, ReLU; a stride of s makes n rows into n / s, rounded up."""

    def __init__(self, channels: int, layer: ConvLayer) -> None:
        super().__init__()
        size = (layer.filter_height, layer.filter_width)
        stride = (layer.stride_height, layer.stride_width)
        padding = (layer.filter_height // 2, layer.filter_width // 2)
        self.conv = nn.Conv2d(channels, layer.filters, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(layer.filters)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")  # as DenseNet

    def forward(self, maps: Tensor) -> Tensor:
        """Return [B, filters, H / stride, W / stride] for [B, C, H, W]."""
        return functional.relu(self.norm(self.conv(maps)), inplace=True)


class ConvNetwork(nn.Module):
    """The network of a `ConvNet`; its parameters are `layers.{i}.conv`, `layers.{i}.norm` and `classifier`."""

    def __init__(self, description: ConvNet, *, channels: int, classes: int) -> None:
        super().__init__()
        depths = description.input_channels(channels)
        self._inputs = tuple(layer.inputs for layer in description.layers)
        self._loose_ends = description.loose_ends
        self.layers = nn.ModuleList(map(ConvUnit, depths, description.layers))
        self.classifier = nn.Linear(description.classifier_inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, C, H, W]."""
        maps: list[Tensor] = []
        for layer, inputs in zip(self.layers, self._inputs, strict=True):
            maps.append(layer(joined([maps[i] for i in inputs]) if inputs else images))
        features = joined([maps[i] for i in self._loose_ends])
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits


def joined(maps: Sequence[Tensor]) -> Tensor:
    """Return [B, sum of C, H, W] of maps [B, C, H, W], the smaller ones zero-padded around their centre to the largest."""
    if len(maps) == 1:
        return maps[0]
    height = max(each.shape[2] for each in maps)
    width = max(each.shape[3] for each in maps)
    return torch.cat([_padded(each, height, width) for each in maps], dim=1)


def _padded(maps: Tensor, height: int, width: int) -> Tensor:
    rows, columns = height - maps.shape[2], width - maps.shape[3]
    if not (rows or columns):
        return maps
    top, left = rows // 2, columns // 2
    return functional.pad(maps, (left, columns - left, top, rows - top))

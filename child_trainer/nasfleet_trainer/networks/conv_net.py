"""A convolutional child network built from its description, by the compilation rules of Zoph & Le (2016), section 3.3.

Several inputs of a layer are concatenated along depth; smaller ones are zero-padded to the largest, centred. A layer without
inputs takes the image. Layers that nobody consumed are concatenated in the same way, averaged over space and classified
linearly. A pooling between two layers halves whatever is read on its other side, the image too. The exported source computes
the same under the same parameter names, so that it loads the weights trained here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasfleet.spaces.conv_net import ConvNet
from nasfleet_trainer.networks.layers import layer_module


class ConvNetwork(nn.Module):
    """The network of a `ConvNet`; its parameters are `layers.{i}`, of a convolution its `conv` and `norm`, and `classifier`."""

    def __init__(self, description: ConvNet, *, channels: int, classes: int) -> None:
        super().__init__()
        self._inputs = tuple(layer.inputs for layer in description.layers)
        self._loose_ends = description.loose_ends
        self._crossing = {count: description.crossing(count) for count in description.pool_after}
        self.layers = nn.ModuleList(map(layer_module, description.layers, description.input_channels(channels)))
        self.classifier = nn.Linear(description.classifier_inputs(channels), classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, C, H, W]."""
        maps: list[Tensor] = []
        for number, (layer, inputs) in enumerate(zip(self.layers, self._inputs, strict=True)):
            if number in self._crossing:
                images = halved(images)
                for source in self._crossing[number]:
                    maps[source] = halved(maps[source])
            maps.append(layer(joined([maps[i] for i in inputs]) if inputs else images))
        features = joined([maps[i] for i in self._loose_ends])
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits


def halved(maps: Tensor) -> Tensor:
    """Return [B, C, H / 2, W / 2], rounded up, of maps [B, C, H, W]: the largest of each four values."""
    return functional.max_pool2d(maps, 2, ceil_mode=True)


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

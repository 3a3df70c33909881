"""The layers of convolutional networks as modules, each over maps [B, C, H, W] that are one already."""

from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasfleet.spaces.conv_layers import (
    BatchNormLayer,
    ContrastNormLayer,
    ConvLayer,
    DropoutLayer,
    Layer,
    PoolLayer,
    strides_of,
)

# A deviation is taken over few values, which may all be alike: its square is kept away from 0, as in batch normalisation.
_EPSILON = 1e-5


def layer_module(layer: Layer, channels: int) -> nn.Module:
    """Return the module of a layer that reads this many channels."""
    match layer:
        case ConvLayer():
            return ConvUnit(channels, layer)
        case PoolLayer(operation="Max"):
            return nn.MaxPool2d(layer.size, ceil_mode=True)
        case PoolLayer():
            return nn.AvgPool2d(layer.size, ceil_mode=True)
        case BatchNormLayer():
            return nn.BatchNorm2d(channels)
        case ContrastNormLayer():
            return ContrastNorm(layer.size)
        case DropoutLayer():
            return nn.Dropout(layer.rate)
        case _:
            assert_never(layer)


class ConvUnit(nn.Module):
    """Convolution without bias, batch normalisation, activation; a stride of s makes n rows into n / s, rounded up."""

    def __init__(self, channels: int, layer: ConvLayer) -> None:
        super().__init__()
        size = (layer.filter_height, layer.filter_width)
        padding = (layer.filter_height // 2, layer.filter_width // 2)
        self.conv = nn.Conv2d(channels, layer.filters, size, strides_of(layer), padding, bias=False)
        self.norm = nn.BatchNorm2d(layer.filters)
        self._activation = layer.activation
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")  # as DenseNet; the norm undoes its scale

    def forward(self, maps: Tensor) -> Tensor:
        """Return [B, filters, H / stride, W / stride] for [B, C, H, W]."""
        normalised: Tensor = self.norm(self.conv(maps))
        match self._activation:
            case "Relu":
                return functional.relu(normalised, inplace=True)
            case "Tanh":
                return torch.tanh(normalised)
            case "Sigmoid":
                return torch.sigmoid(normalised)
            case _:
                return normalised


class ContrastNorm(nn.Module):
    """Local contrast normalisation (Jarrett et al. 2009, section 3.1) with windows that weigh all their values alike.

    From each value the mean over all channels of the window around it is taken; then it is divided by the deviation over that
    window, or by the image's mean deviation if that is larger.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def forward(self, maps: Tensor) -> Tensor:
        """Return [B, C, H, W] for [B, C, H, W]."""
        centred = maps - self._local_mean(maps)
        deviation = (self._local_mean(centred.square()) + _EPSILON).sqrt()
        return centred / torch.maximum(deviation, deviation.mean(dim=(2, 3), keepdim=True))

    def _local_mean(self, maps: Tensor) -> Tensor:
        """Return the means [B, 1, H, W] over channels and windows; what lies beyond the edge does not count."""
        over_channels = maps.mean(dim=1, keepdim=True)
        return functional.avg_pool2d(over_channels, self._size, 1, self._size // 2, count_include_pad=False)

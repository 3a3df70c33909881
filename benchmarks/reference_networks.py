"""Networks that people designed, to stand beside those that are searched: DenseNet and ResNet, as their papers have them."""

import torch
from torch import Tensor, nn


def _normalised_conv(channels: int, filters: int, size: int, stride: int = 1) -> nn.Sequential:
    """Return batch normalisation, ReLU, convolution: the order of DenseNet and of pre-activation ResNets."""
    conv = nn.Conv2d(channels, filters, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), conv)


class DenseNet(nn.Module):
    """DenseNet of Huang et al. 2017, section 3, without bottlenecks: three dense blocks, `depth` layers, growth rate k."""

    def __init__(self, depth: int, growth: int, *, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        channels = 16
        for block in range(3):
            layers = [_normalised_conv(channels + number * growth, growth, 3) for number in range((depth - 4) // 3)]
            channels += len(layers) * growth
            self.blocks.append(nn.ModuleList(layers))
            if block < 2:  # noqa: PLR2004 - a transition stands between blocks
                self.transitions.append(nn.Sequential(_normalised_conv(channels, channels, 1), nn.AvgPool2d(2)))
        self.norm = nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, 3, H, W]."""
        maps = self.first(images)
        for number, block in enumerate(self.blocks):
            for layer in block:  # type: ignore[attr-defined]  # a list of modules
                maps = torch.cat([maps, layer(maps)], dim=1)
            if number < len(self.transitions):
                maps = self.transitions[number](maps)
        logits: Tensor = self.classifier(torch.relu(self.norm(maps)).mean(dim=(2, 3)))
        return logits


class _Residual(nn.Module):
    """Two convolutions beside a shortcut, which is a convolution of 1x1 where the shape changes."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_normalised_conv(channels, filters, 3, stride), _normalised_conv(filters, filters, 3))
        same = stride == 1 and channels == filters
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, filters, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = self.body(maps)
        return changed + self.shortcut(maps)


class ResNet(nn.Module):
    """ResNet of He et al. 2016 for CIFAR-10, with pre-activation: `depth` = 6n + 2 layers, widths w, 2w and 4w."""

    def __init__(self, depth: int, width: int, *, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1, bias=False)
        blocks: list[nn.Module] = []
        channels = width
        for stage in range(3):
            for number in range((depth - 2) // 6):
                filters = width << stage
                blocks.append(_Residual(channels, filters, 2 if stage and not number else 1))
                channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(channels)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, 3, H, W]."""
        maps = torch.relu(self.norm(self.blocks(self.first(images))))
        logits: Tensor = self.classifier(maps.mean(dim=(2, 3)))
        return logits

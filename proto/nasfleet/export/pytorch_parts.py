"""The parts of an exported source file that not every network needs, and the file around them."""

IMPORT_CALLABLE = "from collections.abc import Callable\n\n"
IMPORT_FUNCTIONAL = "from torch.nn import functional\n"

JOIN = '''
def join(*maps: Tensor) -> Tensor:
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

POOL = '''
def pool(x: Tensor) -> Tensor:
    """Halve height and width, rounded up, by the largest of each four values."""
    return functional.max_pool2d(x, 2, ceil_mode=True)

'''

CONV_LAYER = '''
class ConvLayer(nn.Module):
    """Convolution, batch normalisation, ReLU; a stride of s makes n rows into n / s, rounded up."""

    def __init__(
        self, channels: int, filters: int, size: tuple[int, int], stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        padding = (size[0] // 2, size[1] // 2)
        self.conv = nn.Conv2d(channels, filters, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))

'''

ACTIVATED_CONV_LAYER = '''
class ConvLayer(nn.Module):
    """Convolution, normalisation, activation; a stride of s makes n rows into n / s, rounded up."""

    def __init__(
        self,
        channels: int,
        filters: int,
        size: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        activation: Callable[[Tensor], Tensor] = torch.relu,
    ) -> None:
        super().__init__()
        padding = (size[0] // 2, size[1] // 2)
        self.conv = nn.Conv2d(channels, filters, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(filters)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(x)))

'''

CONTRAST_NORM = '''
class ContrastNorm(nn.Module):
    """Local contrast normalisation over all channels of a square window (Jarrett et al. 2009)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        centred = x - self.local_mean(x)
        deviation = (self.local_mean(centred.square()) + 1e-5).sqrt()
        return centred / torch.maximum(deviation, deviation.mean(dim=(2, 3), keepdim=True))

    def local_mean(self, x: Tensor) -> Tensor:
        over_channels = x.mean(dim=1, keepdim=True)
        padding = self.size // 2
        return functional.avg_pool2d(over_channels, self.size, 1, padding, count_include_pad=False)

'''

SOURCE = '''"""A network of {count}, {parameters:,} parameters in all; found by nasfleet.{training}"""

{import_callable}import torch
from torch import Tensor, nn
{import_functional}
{parts}
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

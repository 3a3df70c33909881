"""A fully connected child network built from its description; what it reads is flattened first."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasfleet.spaces.mlp import Mlp

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "leakyRelu": functional.leaky_relu,
}


class MlpNetwork(nn.Module):
    """The network of an `Mlp`; its parameters are `layers.{i}` and `output`, drawn as torch draws those of a linear layer."""

    def __init__(self, description: Mlp, *, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = [layer.width for layer in description.layers]
        self.layers = nn.ModuleList(map(nn.Linear, [inputs, *widths], widths))
        self.output = nn.Linear(widths[-1], outputs)
        self._activations = [_ACTIVATIONS[layer.activation] for layer in description.layers]

    def forward(self, values: Tensor) -> Tensor:
        """Return [B, outputs] for [B, ...] with as many values for each example as there are inputs."""
        features = values.flatten(1)
        for layer, activation in zip(self.layers, self._activations, strict=True):
            features = activation(layer(features))
        outputs: Tensor = self.output(features)
        return outputs

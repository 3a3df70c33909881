"""Fully connected networks as stand-alone PyTorch source; the parameters have the names that trained weights have."""

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.mlp import Mlp

_MODULES = {
    "relu": "nn.ReLU()",
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "elu": "nn.ELU()",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "leakyRelu": "nn.LeakyReLU(0.01)",
}


def mlp_source(description: Mlp, *, inputs: int, outputs: int) -> str:
    """Return the source of a module that reads `inputs` values and gives `outputs`, `layers.{i}` and `output` by name.

    Raises:
        InvalidInputError: if a number is not positive.
    """
    if inputs < 1 or outputs < 1:
        raise InvalidInputError(f"a network for {inputs} inputs and {outputs} outputs: give at least 1 of each")
    widths = [layer.width for layer in description.layers]
    reads = ["inputs", *map(str, widths)]
    return _SOURCE.format(
        count=f"{len(widths)} hidden layer" + "s" * (len(widths) > 1),
        parameters=description.parameters(inputs, outputs),
        inputs=inputs,
        outputs=outputs,
        layers="\n".join(f"            nn.Linear({read}, {width})," for read, width in zip(reads, widths, strict=False)),
        activations="\n".join(f"            {_MODULES[layer.activation]}," for layer in description.layers),
        last=widths[-1],
    )


_SOURCE = '''"""A network of {count}, {parameters:,} parameters in all; found by nasfleet."""

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """Values [B, ...], {inputs} of each example, to [B, {outputs}]."""

    def __init__(self, inputs: int = {inputs}, outputs: int = {outputs}) -> None:
        super().__init__()
        self.layers = nn.ModuleList([
{layers}
        ])
        self.activations = nn.ModuleList([
{activations}
        ])
        self.output = nn.Linear({last}, outputs)

    def forward(self, values: Tensor) -> Tensor:
        features = values.flatten(1)
        for layer, activation in zip(self.layers, self.activations):
            features = activation(layer(features))
        return self.output(features)


if __name__ == "__main__":
    network = Network()
    values = torch.zeros(2, {inputs})
    print("output shape", list(network(values).shape))
    print("parameters", sum(parameter.numel() for parameter in network.parameters()))
'''

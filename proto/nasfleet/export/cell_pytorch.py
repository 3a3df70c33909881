"""Recurrent cells as stand-alone PyTorch source, written as a person would: torch is all it needs.

The parameters have the names that trained weights have in each layer of a language model: `input` and `recurrent`, each with
the matrices of all leaves, one below another.
"""

from collections.abc import Iterator
from textwrap import indent

from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell

_COMBINED = {"add": "{} + {}", "elemMult": "{} * {}", "max": "torch.maximum({}, {})"}


def cell_source(cell: RecurrentCell) -> str:
    """Return the source of a module that is a layer of this cell."""
    return _SOURCE.format(base=cell.base, steps=indent("\n".join(_steps(cell)), " " * 8), root=cell.root)


def _steps(cell: RecurrentCell) -> Iterator[str]:
    """Yield the statements that compute each node."""
    for node, operation in enumerate(cell.nodes):
        below = cell.children(node)
        operands = (f"x[{node}]", f"h[{node}]") if below is None else tuple(f"a{child}" for child in below)
        combined = _COMBINED[operation.combination].format(*operands)
        if node == cell.state_from:
            yield f"state = {combined}"
            combined = "state"
        yield f"a{node} = {_activated(operation, combined)}"
        if node == cell.state_into:
            yield f"a{node} = {_activated(cell.inject, _COMBINED[cell.inject.combination].format(f'a{node}', 'c'))}"


def _activated(operation: Operation, combined: str) -> str:
    return combined if operation.activation == "identity" else f"torch.{operation.activation}({combined})"


_SOURCE = '''"""A recurrent cell with {base} leaves; found by nasfleet."""

import torch
from torch import Tensor, nn


class CellLayer(nn.Module):
    """A layer of the cell: inputs [T, B, I] to outputs [T, B, H]; each leaf has two matrices."""

    def __init__(self, inputs: int = 64, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.input = nn.Linear(inputs, {base} * width, bias=False)
        self.recurrent = nn.Linear(width, {base} * width, bias=False)

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs, and output and cell state [B, H] after the last step."""
        nothing = inputs.new_zeros(inputs.shape[1], self.width)
        h, c = (nothing, nothing) if state is None else state
        outputs = []
        for x in self.input(inputs):
            h, c = self.step(x.chunk({base}, dim=1), self.recurrent(h).chunk({base}, dim=1), c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def step(
        self, x: tuple[Tensor, ...], h: tuple[Tensor, ...], c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return output and cell state, given what each leaf makes of the two inputs."""
{steps}
        return a{root}, state


if __name__ == "__main__":
    layer = CellLayer()
    outputs, _ = layer(torch.zeros(5, 2, 64))
    print("output shape", list(outputs.shape))
    print("parameters", sum(parameter.numel() for parameter in layer.parameters()))
'''

"""What a node of a recurrent cell computes, and by hand its gradient: a step is too short to let autograd keep books."""

from collections.abc import Callable

import torch
from torch import Tensor

_backward = torch.ops.aten


def _same(combined: Tensor) -> Tensor:
    return combined


COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"add": torch.add, "elemMult": torch.mul, "max": torch.maximum}
ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": _same,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "sin": torch.sin,
}


def _of_sum(gradient: Tensor, _left: Tensor, _right: Tensor) -> tuple[Tensor, Tensor]:
    return gradient, gradient


def _of_product(gradient: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    return gradient * right, gradient * left


def _of_greater(gradient: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    # Equals share it, as autograd has it: after rectifiers many are 0 at once.
    of_left = gradient * (0.5 * (1 + torch.sign(left - right)))
    return of_left, gradient - of_left


UNCOMBINE: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "add": _of_sum,
    "elemMult": _of_product,
    "max": _of_greater,
}
"""From the gradient of a combination and its operands to the operands' gradients; none of the tensors is to be changed."""

DEACTIVATE: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "identity": lambda gradient, _combined, _output: gradient,
    "tanh": lambda gradient, _combined, output: _backward.tanh_backward(gradient, output),
    "sigmoid": lambda gradient, _combined, output: _backward.sigmoid_backward(gradient, output),
    "relu": lambda gradient, _combined, output: _backward.threshold_backward(gradient, output, 0),
    "sin": lambda gradient, combined, _output: gradient * combined.cos(),
}
"""From the gradient of an output, with what was combined and the output itself, to the gradient of what was combined."""

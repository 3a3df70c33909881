"""Fully connected networks as data: hidden layers, each with a width and an activation, and a linear output layer.

What the network reads and how many outputs it has is the task's business: an observation and the worth of each action, or the
pixels of an image and its classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nasfleet.errors import InvalidInputError

MAX_LAYERS = 64
MAX_WIDTH = 65536
ACTIVATIONS = ("relu", "sigmoid", "tanh", "elu", "gelu", "silu", "leakyRelu")


@dataclass(frozen=True, slots=True)
class MlpLayer:
    """One hidden layer.

    Raises:
        InvalidInputError: if the width is out of bounds, or there is no such activation.
    """

    width: int
    activation: str

    def __post_init__(self) -> None:
        if type(self.width) is not int or not 1 <= self.width <= MAX_WIDTH:
            raise InvalidInputError(f"the width of a layer is {self.width!r}: give a whole number from 1 to {MAX_WIDTH}")
        if self.activation not in ACTIVATIONS:
            raise InvalidInputError(f"the activation of a layer is {self.activation!r}: give one of {', '.join(ACTIVATIONS)}")


@dataclass(frozen=True, slots=True)
class Mlp:
    """The hidden layers, first to last; each reads the one before it.

    Raises:
        InvalidInputError: if there are no layers or too many.
    """

    layers: tuple[MlpLayer, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise InvalidInputError(f"a network has {len(self.layers)} hidden layers: give 1 to {MAX_LAYERS}")

    def parameters(self, inputs: int, outputs: int) -> int:
        """Return the number of trainable parameters, biases and the output layer included."""
        return sum((read + 1) * written for read, written in self._shapes(inputs, outputs))

    def multiply_adds(self, inputs: int, outputs: int) -> int:
        """Return the multiply-adds of one forward pass on one example."""
        return sum(read * written for read, written in self._shapes(inputs, outputs))

    def _shapes(self, inputs: int, outputs: int) -> Iterator[tuple[int, int]]:
        """Yield for each layer, the output layer included, how much it reads and how much it writes."""
        widths = [layer.width for layer in self.layers]
        return zip([inputs, *widths], [*widths, outputs], strict=True)

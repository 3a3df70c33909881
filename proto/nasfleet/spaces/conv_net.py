"""Convolutional networks as data: layers that name the layers they read; compiled by the rules of Zoph and Le (2017), 3.3.

A layer that reads no other reads the image; several inputs are concatenated along depth, smaller ones zero-padded to the
largest with the padding centred; the outputs that no layer reads are concatenated and feed the classifier through global
average pooling. A pooling between layers halves all that was computed before it, the image too: what crosses it is smaller on
the other side, whoever reads it.
"""

import math
from dataclasses import dataclass

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.conv_layers import Layer, channels_of, parameters_of, strides_of, weights_of

MAX_LAYERS = 64


@dataclass(frozen=True, slots=True)
class ConvNet:
    """A convolutional classifier's layers, in an order in which each reads only earlier ones.

    Attributes:
        layers: in that order.
        pool_after: how many layers come before each pooling, ascending; 2x2 windows, their maximum, sizes rounded up.
        optimizer: what trains it, by its name in search documents; None for the task's own.
        learning_rate: step size at the start; None for the task's own.

    Raises:
        InvalidInputError: if there are no layers or too many, one reads a layer that does not come before it, a pooling does
            not stand between two layers, or the step size is not positive.
    """

    layers: tuple[Layer, ...]
    pool_after: tuple[int, ...] = ()
    optimizer: str | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise InvalidInputError(f"a network has {len(self.layers)} layers: give 1 to {MAX_LAYERS}")
        for number, layer in enumerate(self.layers):
            if layer.inputs and not (layer.inputs[0] >= 0 and layer.inputs[-1] < number):
                raise InvalidInputError(f"layer {number} reads {list(layer.inputs)}: a layer can read earlier ones only")
        between = range(1, len(self.layers))
        if tuple(sorted(set(self.pool_after))) != self.pool_after or not set(self.pool_after) <= set(between):
            raise InvalidInputError(
                f"a network of {len(self.layers)} layers is pooled after {list(self.pool_after)} of them: "
                f"give each number once, ascending, from 1 to {len(self.layers) - 1}"
            )
        if self.learning_rate is not None and not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidInputError(f"the step size is {self.learning_rate}: give a number greater than 0")

    @property
    def loose_ends(self) -> tuple[int, ...]:
        """Return the layers that no layer reads; the classifier reads them."""
        read = {source for layer in self.layers for source in layer.inputs}
        return tuple(number for number in range(len(self.layers)) if number not in read)

    @property
    def stages(self) -> tuple[int, ...]:
        """Return for each layer how many poolings come before it."""
        return tuple(sum(count <= number for count in self.pool_after) for number in range(len(self.layers)))

    def crossing(self, count: int) -> tuple[int, ...]:
        """Return which of the first `count` layers are read by later ones, or by the classifier."""
        later = {source for layer in self.layers[count:] for source in layer.inputs} | set(self.loose_ends)
        return tuple(number for number in range(count) if number in later)

    def output_channels(self, channels: int = 3) -> tuple[int, ...]:
        """Return the channels that each layer gives, for an image of `channels`."""
        given: list[int] = []
        for layer in self.layers:
            given.append(channels_of(layer, sum(given[source] for source in layer.inputs) if layer.inputs else channels))
        return tuple(given)

    def input_channels(self, channels: int = 3) -> tuple[int, ...]:
        """Return the channels that each layer reads, for an image of `channels`."""
        given = self.output_channels(channels)
        return tuple(sum(given[source] for source in layer.inputs) if layer.inputs else channels for layer in self.layers)

    def classifier_inputs(self, channels: int = 3) -> int:
        """Return the number of features that the classifier reads: the channels of the loose ends."""
        given = self.output_channels(channels)
        return sum(given[number] for number in self.loose_ends)

    def parameters(self, channels: int = 3) -> int:
        """Return the number of trainable parameters, the classifier's apart: filters, and two per normalised channel."""
        return sum(map(parameters_of, self.layers, self.input_channels(channels)))

    def sizes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Return the height and width of each layer's output, in pixels, for an image of this height and width."""
        image = (height, width)
        now: list[tuple[int, int]] = []
        sizes: list[tuple[int, int]] = []
        for number, layer in enumerate(self.layers):
            if number in self.pool_after:
                image, now = _halved(image), list(map(_halved, now))
            read = [now[source] for source in layer.inputs] or [image]
            rows, columns = max(size[0] for size in read), max(size[1] for size in read)
            stride_height, stride_width = strides_of(layer)
            now.append((-(-rows // stride_height), -(-columns // stride_width)))
            sizes.append(now[-1])
        return tuple(sizes)

    def multiply_adds(self, height: int, width: int, channels: int = 3) -> int:
        """Return the multiply-adds of the convolutions on one image, padding included, the classifier's apart."""
        weights = map(weights_of, self.layers, self.input_channels(channels))
        return sum(rows * columns * count for count, (rows, columns) in zip(weights, self.sizes(height, width), strict=True))


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // 2), -(-size[1] // 2)

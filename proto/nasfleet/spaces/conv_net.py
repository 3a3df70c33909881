"""Convolutional networks as data: layers that name the layers they read; compiled by the rules of Zoph and Le (2017), 3.3.

A layer that reads no other reads the image; several inputs are concatenated along depth, smaller ones zero-padded to the
largest with the padding centred; the outputs that no layer reads are concatenated and feed the classifier through global
average pooling. Every layer is a convolution without bias, batch normalisation and ReLU. Its padding is SAME: a stride of s
makes ceil(n / s) rows of n.
"""

from dataclasses import dataclass

from nasfleet.errors import InvalidInputError

MAX_LAYERS = 64
MAX_FILTER_SIZE = 31
MAX_STRIDE = 8
MAX_FILTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvLayer:
    """One convolution; `inputs` are the layers it reads, counted from 0, ascending; none means the image.

    Raises:
        InvalidInputError: if a figure is out of bounds, a filter size is even (its padding could not be centred), or the
            inputs are not ascending.
    """

    filter_height: int
    filter_width: int
    filters: int
    stride_height: int = 1
    stride_width: int = 1
    inputs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, bound in _BOUNDS.items():
            figure = getattr(self, name)
            if not isinstance(figure, int) or not 1 <= figure <= bound:
                raise InvalidInputError(f"{name} of a layer is {figure!r}: give a whole number from 1 to {bound}")
        if not (self.filter_height % 2 and self.filter_width % 2):
            raise InvalidInputError(
                f"a filter is {self.filter_height}x{self.filter_width}: give odd sizes, which can be centred"
            )
        if tuple(sorted(set(self.inputs))) != self.inputs:
            raise InvalidInputError(f"a layer reads {list(self.inputs)}: give each input once, in ascending order")


_BOUNDS = {
    "filter_height": MAX_FILTER_SIZE,
    "filter_width": MAX_FILTER_SIZE,
    "filters": MAX_FILTERS,
    "stride_height": MAX_STRIDE,
    "stride_width": MAX_STRIDE,
}


@dataclass(frozen=True, slots=True)
class ConvNet:
    """A convolutional classifier's layers, in an order in which each reads only earlier ones.

    Raises:
        InvalidInputError: if there are no layers or too many, or one reads a layer that does not come before it.
    """

    layers: tuple[ConvLayer, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise InvalidInputError(f"a network has {len(self.layers)} layers: give 1 to {MAX_LAYERS}")
        for number, layer in enumerate(self.layers):
            if layer.inputs and not (layer.inputs[0] >= 0 and layer.inputs[-1] < number):
                raise InvalidInputError(f"layer {number} reads {list(layer.inputs)}: a layer can read earlier ones only")

    @property
    def loose_ends(self) -> tuple[int, ...]:
        """Return the layers that no layer reads; the classifier reads them."""
        read = {source for layer in self.layers for source in layer.inputs}
        return tuple(number for number in range(len(self.layers)) if number not in read)

    @property
    def classifier_inputs(self) -> int:
        """Return the number of features that the classifier reads: the channels of the loose ends."""
        return sum(self.layers[number].filters for number in self.loose_ends)

    def input_channels(self, channels: int = 3) -> tuple[int, ...]:
        """Return the channels that each layer reads, for an image of `channels`."""
        return tuple(
            sum(self.layers[source].filters for source in layer.inputs) if layer.inputs else channels for layer in self.layers
        )

    def parameters(self, channels: int = 3) -> int:
        """Return the number of trainable parameters, the classifier's apart: filters, and two per normalised channel."""
        return sum(
            layer.filter_height * layer.filter_width * read * layer.filters + 2 * layer.filters
            for layer, read in zip(self.layers, self.input_channels(channels), strict=True)
        )

    def sizes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Return the height and width of each layer's output, in pixels, for an image of this height and width."""
        sizes: list[tuple[int, int]] = []
        for layer in self.layers:
            read = [sizes[source] for source in layer.inputs] or [(height, width)]
            rows, columns = max(size[0] for size in read), max(size[1] for size in read)
            sizes.append((-(-rows // layer.stride_height), -(-columns // layer.stride_width)))
        return tuple(sizes)

    def multiply_adds(self, height: int, width: int, channels: int = 3) -> int:
        """Return the multiply-adds of the convolutions on one image, padding included, the classifier's apart."""
        return sum(
            rows * columns * layer.filter_height * layer.filter_width * read * layer.filters
            for layer, read, (rows, columns) in zip(
                self.layers, self.input_channels(channels), self.sizes(height, width), strict=True
            )
        )

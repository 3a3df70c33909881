"""The layers of a convolutional network as data; each names the layers that it reads.

`inputs` are the numbers of those layers, counted from 0, ascending; none means the image. Several inputs are one, concatenated
along depth. A layer that is no convolution gives as many channels as it reads.
"""

from dataclasses import dataclass
from typing import assert_never

from nasfleet.errors import InvalidInputError

MAX_FILTER_SIZE = 31
MAX_STRIDE = 8
MAX_FILTERS = 4096
MIN_POOL_SIZE = 2
MIN_CONTRAST_SIZE = 3
ACTIVATIONS = ("Relu", "Tanh", "Sigmoid", "Identity")
POOL_OPERATIONS = ("Max", "Average")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvLayer:
    """A convolution without bias, batch normalisation, an activation; SAME padding: a stride of s makes ceil(n / s) rows of n.

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
    activation: str = "Relu"

    def __post_init__(self) -> None:
        for name, bound in _BOUNDS.items():
            figure = getattr(self, name)
            if not isinstance(figure, int) or not 1 <= figure <= bound:
                raise InvalidInputError(f"{name} of a layer is {figure!r}: give a whole number from 1 to {bound}")
        if not (self.filter_height % 2 and self.filter_width % 2):
            raise InvalidInputError(
                f"a filter is {self.filter_height}x{self.filter_width}: give odd sizes, which can be centred"
            )
        _check_one_of("activation", self.activation, ACTIVATIONS)
        _check_inputs(self.inputs)


_BOUNDS = {
    "filter_height": MAX_FILTER_SIZE,
    "filter_width": MAX_FILTER_SIZE,
    "filters": MAX_FILTERS,
    "stride_height": MAX_STRIDE,
    "stride_width": MAX_STRIDE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLayer:
    """The largest value or the mean of windows that do not overlap: n rows become ceil(n / size).

    Raises:
        InvalidInputError: if the operation is unknown, the size out of bounds, or the inputs are not ascending.
    """

    operation: str
    size: int
    inputs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_one_of("operation", self.operation, POOL_OPERATIONS)
        if not MIN_POOL_SIZE <= self.size <= MAX_STRIDE:
            raise InvalidInputError(
                f"size of a pooling is {self.size!r}: give a whole number from {MIN_POOL_SIZE} to {MAX_STRIDE}"
            )
        _check_inputs(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormLayer:
    """A batch normalisation with a learned scale and shift for each channel."""

    inputs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_inputs(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastNormLayer:
    """A local contrast normalisation (Jarrett et al. 2009, section 3.1) over all channels of a square window.

    Raises:
        InvalidInputError: if the size is even or out of bounds, or the inputs are not ascending.
    """

    size: int
    inputs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (MIN_CONTRAST_SIZE <= self.size <= MAX_FILTER_SIZE and self.size % 2):
            raise InvalidInputError(f"size of a contrast normalisation is {self.size!r}: give 3, 5, ... 31")
        _check_inputs(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropoutLayer:
    """Dropout of this share of the values, in training only.

    Raises:
        InvalidInputError: if the rate is no share, or the inputs are not ascending.
    """

    rate: float
    inputs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise InvalidInputError(f"rate of a dropout is {self.rate!r}: give a number greater than 0 and less than 1")
        _check_inputs(self.inputs)


Layer = ConvLayer | PoolLayer | BatchNormLayer | ContrastNormLayer | DropoutLayer


def channels_of(layer: Layer, read: int) -> int:
    """Return the channels that a layer gives when it reads this many."""
    return layer.filters if isinstance(layer, ConvLayer) else read


def strides_of(layer: Layer) -> tuple[int, int]:
    """Return what a layer divides height and width by, rounding up."""
    match layer:
        case ConvLayer():
            return layer.stride_height, layer.stride_width
        case PoolLayer():
            return layer.size, layer.size
        case _:
            return 1, 1


def weights_of(layer: Layer, read: int) -> int:
    """Return the weights of a layer's filters; each is one multiply-add for a pixel of the output."""
    return layer.filter_height * layer.filter_width * read * layer.filters if isinstance(layer, ConvLayer) else 0


def parameters_of(layer: Layer, read: int) -> int:
    """Return the trainable parameters of a layer: filters, and two for each normalised channel."""
    normalised = channels_of(layer, read) if isinstance(layer, ConvLayer | BatchNormLayer) else 0
    return weights_of(layer, read) + 2 * normalised


def figures_of(layer: Layer) -> tuple[float, ...]:
    """Return what tells a layer from others that read the same, as numbers that can be compared with any other layer's."""
    match layer:
        case ConvLayer():
            figures = (layer.filter_height, layer.filter_width, layer.stride_height, layer.stride_width, layer.filters)
            # What came later is left out where it is as it always was, so that stored hashes stay what they are.
            return (*figures, ACTIVATIONS.index(layer.activation)) if layer.activation != ACTIVATIONS[0] else figures
        case PoolLayer():
            return (-1, POOL_OPERATIONS.index(layer.operation), layer.size)
        case BatchNormLayer():
            return (-2,)
        case ContrastNormLayer():
            return (-3, layer.size)
        case DropoutLayer():
            return (-4, layer.rate)
        case _:
            assert_never(layer)


def _check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInputError(f"{name} of a layer is {value!r}: give one of {', '.join(known)}")


def _check_inputs(inputs: tuple[int, ...]) -> None:
    if tuple(sorted(set(inputs))) != inputs:
        raise InvalidInputError(f"a layer reads {list(inputs)}: give each input once, in ascending order")

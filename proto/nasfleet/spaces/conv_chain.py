"""Chains of convolutions with skip connections: the CIFAR-10 space of Zoph and Le (2017), 4.1 and figure 4.

Layer by layer: filter height, filter width, stride height and width where strides are searched, then the filter count and the
anchor, whose tokens say which earlier layers the layer reads. The paper's figure shows both orders of the last two, so the
order is a parameter. Layers count from 0. Without skip connections each layer reads the one before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from nasfleet.catalogue.conv_chain import AnchorOrder, ConvChain
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.canonical import conv_net_hash
from nasfleet.spaces.conv_net import MAX_LAYERS, ConvLayer, ConvNet
from nasfleet.spaces.decision import Choice, Decision, Subset, Value
from nasfleet.spaces.space import Description, read_tokens, write_tokens


@dataclass(frozen=True)
class ConvChainSpace:
    """All chains of `layers` convolutions that `chain` allows.

    Raises:
        InvalidInputError: if `layers` is out of bounds.
    """

    chain: ConvChain
    layers: int

    def __post_init__(self) -> None:
        if not 1 <= self.layers <= MAX_LAYERS:
            raise InvalidInputError(f"a convChain has {self.layers} layers: give 1 to {MAX_LAYERS}")

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions in the order in which they are taken."""
        return tuple(decision for layer in range(self.layers) for decision in self._layer_decisions(layer))

    def decode(self, tokens: Sequence[int]) -> ConvNet:
        """Return the network that these tokens choose, or raise InvalidTokensError."""
        values = read_tokens(self.decisions, tokens)
        return ConvNet(tuple(self._layer(number, values) for number in range(self.layers)))

    def encode(self, description: Description) -> tuple[int, ...]:
        """Return the tokens that choose this network, or raise InvalidInputError if it is not of this space."""
        if not isinstance(description, ConvNet) or len(description.layers) != self.layers:
            raise InvalidInputError(f"want a convolutional network of {self.layers} layers, got {description!r:.100}")
        values = {name: value for number, layer in enumerate(description.layers) for name, value in _values(number, layer)}
        tokens = write_tokens(self.decisions, values)
        # What is not decided is fixed: strides of 1, and the layer before as input.
        if self.decode(tokens) != description:
            raise InvalidInputError("the network has strides or skip connections, which this convChain does not search")
        return tokens

    def canonical(self, tokens: Sequence[int]) -> str:
        """Return 16 hexadecimal digits that are the same for two spellings of one network, or raise InvalidTokensError."""
        return conv_net_hash(self.decode(tokens))

    def size(self) -> int:
        """Return the number of token strings of the space, exactly."""
        return prod(decision.size for decision in self.decisions)

    def _layer_decisions(self, layer: int) -> Iterator[Decision]:
        yield _choice(layer, "filterHeight", self.chain.filter_heights)
        yield _choice(layer, "filterWidth", self.chain.filter_widths)
        if self.chain.strides:
            yield _choice(layer, "strideHeight", self.chain.stride_choices)
            yield _choice(layer, "strideWidth", self.chain.stride_choices)
        last: list[Decision] = [_choice(layer, "filterCount", self.chain.filter_counts)]
        if self.chain.skip_connections:
            last.append(Subset(f"layer{layer}/inputs", "inputs", candidates=layer))
        yield from last if self.chain.anchor is AnchorOrder.AFTER_FILTER_COUNT else reversed(last)

    def _layer(self, number: int, values: Mapping[str, Value]) -> ConvLayer:
        figures = {field: values.get(f"layer{number}/{word}", 1) for field, word in _WORDS.items()}
        inputs = values.get(f"layer{number}/inputs", _previous(number))
        return ConvLayer(**figures, inputs=inputs)  # type: ignore[arg-type]  # what each decision yields is known by its name


_WORDS = {
    "filter_height": "filterHeight",
    "filter_width": "filterWidth",
    "stride_height": "strideHeight",
    "stride_width": "strideWidth",
    "filters": "filterCount",
}


def _previous(number: int) -> tuple[int, ...]:
    return (number - 1,) if number else ()


def _choice(layer: int, kind: str, options: tuple[int, ...]) -> Choice:
    return Choice(f"layer{layer}/{kind}", kind, options)


def _values(number: int, layer: ConvLayer) -> Iterator[tuple[str, Value]]:
    for field, word in _WORDS.items():
        yield f"layer{number}/{word}", getattr(layer, field)
    yield f"layer{number}/inputs", layer.inputs

"""Chains of convolutions with skip connections: the CIFAR-10 space of Zoph and Le (2017), 4.1 and figure 4.

Layer by layer: filter height, filter width, stride height and width where strides are searched, then the filter count and the
anchor, whose tokens say which earlier layers the layer reads. The paper's figure shows both orders of the last two, so the
order is a parameter. Layers count from 0. Without skip connections each layer reads the one before it.

Where there are types of layers, a layer's type comes first, and only that type's own decisions arise. What is chosen once for
the whole network comes before all layers, so that a deeper space begins as a shallower one. A layer may stand for a block.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from nasfleet.catalogue.conv_chain import AnchorOrder, ConvChain, LayerType
from nasfleet.catalogue.parameter import Named
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.blocks import expanded, gathered
from nasfleet.spaces.canonical import conv_net_hash
from nasfleet.spaces.conditions import count_settled
from nasfleet.spaces.conv_layers import ConvLayer, Layer
from nasfleet.spaces.conv_net import MAX_LAYERS, ConvNet
from nasfleet.spaces.decision import Choice, Decision, Option, Subset, Value, When
from nasfleet.spaces.layer_values import CONVOLUTION, INPUTS, TYPE, layer_from, values_of
from nasfleet.spaces.space import Description, read_tokens, write_tokens


@dataclass(frozen=True)
class ConvChainSpace:
    """All chains of `layers` layers that `chain` allows.

    Raises:
        InvalidInputError: if `layers` is out of bounds.
    """

    chain: ConvChain
    layers: int

    def __post_init__(self) -> None:
        most = MAX_LAYERS // self.chain.block_layers
        if not 1 <= self.layers <= most:
            raise InvalidInputError(f"a convChain has {self.layers} layers: give 1 to {most}")

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions in the order in which they are taken."""
        return (*self._training_decisions(), *(each for layer in range(self.layers) for each in self._layer_decisions(layer)))

    def decode(self, tokens: Sequence[int]) -> ConvNet:
        """Return the network that these tokens choose, or raise InvalidTokensError."""
        values = read_tokens(self.decisions, tokens)
        layers = expanded([self._layer(number, values) for number in range(self.layers)], self.chain.block_layers)
        return ConvNet(
            tuple(map(self._widened, layers)) if self.chain.extra_filters else layers,
            # A space that grows comes to its later poolings as it does.
            tuple(count for count in self.chain.pool_after if count < len(layers)),
            **{field: values[word] for field, word in _OF_TRAINING.items() if word in values},  # type: ignore[arg-type]  # by name
        )

    def encode(self, description: Description) -> tuple[int, ...]:
        """Return the tokens that choose this network, or raise InvalidInputError if it is not of this space."""
        wanted = self.layers * self.chain.block_layers
        if not isinstance(description, ConvNet) or len(description.layers) != wanted:
            raise InvalidInputError(f"want a convolutional network of {wanted} layers, got {description!r:.100}")
        values: dict[str, Value] = {
            word: value for field, word in _OF_TRAINING.items() if (value := getattr(description, field)) is not None
        }
        for number, layer in enumerate(gathered(description.layers, self.chain.block_layers)):
            values |= {f"layer{number}/{word}": value for word, value in values_of(self._narrowed(layer)).items()}
        tokens = write_tokens(self.decisions, values)
        # What is not decided is fixed: strides of 1, one activation, the layer before as input, poolings, blocks.
        if self.decode(tokens) != description:
            raise InvalidInputError(
                "the network has strides, skip connections, poolings or blocks, which this convChain does not search"
            )
        return tokens

    def canonical(self, tokens: Sequence[int]) -> str:
        """Return 16 hexadecimal digits that are the same for two spellings of one network, or raise InvalidTokensError."""
        return conv_net_hash(self.decode(tokens))

    def size(self) -> int:
        """Return the number of token strings of the space, exactly; what does not arise is not counted."""
        return count_settled(self.decisions)

    def _training_decisions(self) -> Iterator[Decision]:
        if self.chain.optimizers:
            yield Choice("optimizer", "optimizer", _names(self.chain.optimizers))
        if self.chain.learning_rates:
            yield Choice("learningRate", "learningRate", self.chain.learning_rates)

    def _layer_decisions(self, layer: int) -> Iterator[Decision]:
        chain, types = self.chain, _names(self.chain.layer_types)
        if len(types) > 1:
            yield _choice(layer, TYPE, types)
        of_convolutions: list[tuple[str, tuple[Option, ...]]] = [
            ("filterHeight", chain.filter_heights),
            ("filterWidth", chain.filter_widths),
        ]
        if chain.strides:
            of_convolutions += [("strideHeight", chain.stride_choices), ("strideWidth", chain.stride_choices)]
        if len(chain.activations) > 1:
            of_convolutions.append(("activation", _names(chain.activations)))
        when = When(f"layer{layer}/{TYPE}", (CONVOLUTION,)) if len(types) > 1 else None
        yield from (_choice(layer, word, options, when) for word, options in of_convolutions)
        yield from self._decisions_of_other_types(layer)
        last: list[Decision] = [_choice(layer, "filterCount", chain.filter_counts, when)]
        if chain.skip_connections:
            last.append(Subset(f"layer{layer}/{INPUTS}", INPUTS, candidates=layer))
        yield from last if chain.anchor is AnchorOrder.AFTER_FILTER_COUNT else reversed(last)

    def _decisions_of_other_types(self, layer: int) -> Iterator[Decision]:
        chain = self.chain
        of_types: dict[LayerType, dict[str, tuple[Option, ...]]] = {
            LayerType.POOLING: {"poolOperation": _names(chain.pool_operations), "poolSize": chain.pool_sizes},
            LayerType.CONTRAST_NORM: {"contrastSize": chain.contrast_sizes},
            LayerType.DROPOUT: {"dropoutRate": chain.dropout_rates},
        }
        for layer_type in chain.layer_types:
            when = When(f"layer{layer}/{TYPE}", (layer_type.value,))
            yield from (_choice(layer, *each, when) for each in of_types.get(layer_type, {}).items())

    def _layer(self, number: int, values: Mapping[str, Value]) -> Layer:
        previous = (number - 1,) if number else ()
        inputs = values.get(f"layer{number}/{INPUTS}", previous)
        return layer_from(values, f"layer{number}/", inputs, self._fixed)  # type: ignore[arg-type]  # numbers of layers

    @cached_property
    def _fixed(self) -> dict[str, Value]:
        """Return what every convolution has without a decision."""
        return {} if len(self.chain.activations) > 1 else {"activation": self.chain.activations[0].value}

    def _widened(self, layer: Layer) -> Layer:
        return replace(layer, filters=layer.filters + self.chain.extra_filters) if isinstance(layer, ConvLayer) else layer

    def _narrowed(self, layer: Layer) -> Layer:
        if not isinstance(layer, ConvLayer):
            return layer
        return replace(layer, filters=max(1, layer.filters - self.chain.extra_filters))


_OF_TRAINING = {"optimizer": "optimizer", "learning_rate": "learningRate"}


def _choice(layer: int, kind: str, options: tuple[Option, ...], when: When | None = None) -> Choice:
    return Choice(f"layer{layer}/{kind}", kind, options, when)


def _names(members: Iterable[Named]) -> tuple[str, ...]:
    return tuple(member.value for member in members)

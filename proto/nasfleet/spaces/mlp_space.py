"""The space of fully connected networks: layer by layer a width, then an activation; four tokens for two layers.

Layers share the embedding and the head of each of the two decisions in the policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from nasfleet.catalogue.mlp import MlpChoices
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.canonical import mlp_hash
from nasfleet.spaces.decision import Choice, Decision, Value
from nasfleet.spaces.mlp import Mlp, MlpLayer
from nasfleet.spaces.space import Description, read_tokens, write_tokens


@dataclass(frozen=True)
class MlpSpace:
    """All networks that `choices` allows."""

    choices: MlpChoices

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions in the order in which they are taken."""
        activations = tuple(activation.value for activation in self.choices.activations)
        return tuple(
            Choice(f"layer{layer}/{kind}", kind, options)
            for layer in range(self.choices.layers)
            for kind, options in (("width", self.choices.widths), ("activation", activations))
        )

    def decode(self, tokens: Sequence[int]) -> Mlp:
        """Return the network that these tokens choose, or raise InvalidTokensError."""
        values = read_tokens(self.decisions, tokens)
        return Mlp(tuple(_layer(number, values) for number in range(self.choices.layers)))

    def encode(self, description: Description) -> tuple[int, ...]:
        """Return the tokens that choose this network, or raise InvalidInputError if it is not of this space."""
        if not isinstance(description, Mlp) or len(description.layers) != self.choices.layers:
            raise InvalidInputError(
                f"want a fully connected network of {self.choices.layers} hidden layers, got {description!r:.100}"
            )
        values: dict[str, Value] = {}
        for number, layer in enumerate(description.layers):
            values |= {f"layer{number}/width": layer.width, f"layer{number}/activation": layer.activation}
        return write_tokens(self.decisions, values)

    def canonical(self, tokens: Sequence[int]) -> str:
        """Return 16 hexadecimal digits that are the same for two spellings of one network, or raise InvalidTokensError."""
        return mlp_hash(self.decode(tokens))

    def size(self) -> int:
        """Return the number of token strings of the space, exactly."""
        return prod(decision.size for decision in self.decisions)


def _layer(number: int, values: Mapping[str, Value]) -> MlpLayer:
    width, activation = values[f"layer{number}/width"], values[f"layer{number}/activation"]
    return MlpLayer(width, activation)  # type: ignore[arg-type]  # what each decision yields is known by its name

"""What every search space is to the rest of the fleet, and how tokens are read and written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.decision import Choice, Decision, Value
from nasfleet.spaces.mlp import Mlp
from nasfleet.spaces.recurrent_cell import RecurrentCell

Description = ConvNet | Assignment | RecurrentCell | Mlp


class InvalidTokensError(InvalidInputError):
    """These tokens choose no architecture of the space."""


class SearchSpace(Protocol):
    """The decisions of an architecture, in order, and what tokens mean; immutable."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions in the order in which they are taken."""
        ...

    def decode(self, tokens: Sequence[int]) -> Description:
        """Return the architecture that these tokens choose.

        Raises:
            InvalidTokensError: unless each decision has its tokens and each token is within its bound.
        """
        ...

    def encode(self, description: Description) -> tuple[int, ...]:
        """Return the tokens that choose this architecture.

        Raises:
            InvalidInputError: if it is not of this space.
        """
        ...

    def canonical(self, tokens: Sequence[int]) -> str:
        """Return 16 hexadecimal digits that are the same for two spellings of one network.

        Raises:
            InvalidTokensError: as `decode`.
        """
        ...

    def size(self) -> int:
        """Return the number of token strings of the space, exactly."""
        ...


def read_tokens(decisions: Iterable[Decision], tokens: Sequence[int]) -> dict[str, Value]:
    """Return what tokens choose, by the name of the decision; a decision that does not arise chooses nothing.

    Raises:
        InvalidTokensError: naming the decision, the token and its bound.
    """
    values: dict[str, Value] = {}
    position = 0
    for decision in decisions:
        taken = tokens[position : position + decision.width]
        if len(taken) < decision.width:
            raise InvalidTokensError(f"{decision.name} takes {decision.width} tokens, got {len(taken)} of {len(tokens)} in all")
        for token in taken:
            if not 0 <= token < decision.bound:
                raise InvalidTokensError(f"{decision.name} takes tokens from 0 to {decision.bound - 1}, got {token}")
        if arises(decision, values):
            values[decision.name] = decision.value(taken)
        position += decision.width
    if position < len(tokens):
        raise InvalidTokensError(f"the space takes {position} tokens, got {len(tokens)}")
    return values


def write_tokens(decisions: Iterable[Decision], values: Mapping[str, Value]) -> tuple[int, ...]:
    """Return the tokens that choose these values, 0 where a decision does not arise; the inverse of `read_tokens`.

    Raises:
        InvalidInputError: if a value cannot be chosen.
    """
    return tuple(token for decision in decisions for token in _tokens(decision, values))


def arises(decision: Decision, values: Mapping[str, Value]) -> bool:
    """Return whether a decision arises, given what was chosen before it."""
    when = decision.when if isinstance(decision, Choice) else None
    return when is None or values[when.name] in when.options


def _tokens(decision: Decision, values: Mapping[str, Value]) -> tuple[int, ...]:
    if not arises(decision, values):
        return (0,) * decision.width
    if decision.name not in values:
        raise InvalidInputError(f"{decision.name} has no value: give one")
    return decision.tokens(values[decision.name])

"""Spaces given as a plain list of decisions, by a search file or by a user's Python object; tokens choose a value for each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.canonical import tokens_hash
from nasfleet.spaces.decision import Choice, Decision, Subset
from nasfleet.spaces.space import Description, read_tokens, write_tokens

MAX_DECISIONS = 1024
MAX_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class AssignmentSpace:
    """The space of these decisions.

    Raises:
        InvalidInputError: if there are no decisions or too many, two have one name, or those of one kind do not fit each
            other, so that they could not share a head in the policy.
    """

    decisions: tuple[Decision, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.decisions) <= MAX_DECISIONS:
            raise InvalidInputError(f"a search space has {len(self.decisions)} decisions: give 1 to {MAX_DECISIONS}")
        name, count = Counter(decision.name for decision in self.decisions).most_common(1)[0]
        if count > 1:
            raise InvalidInputError(f"{count} decisions are called {name!r}: give each a name of its own")
        tokens = sum(decision.width for decision in self.decisions)
        if not 1 <= tokens <= MAX_TOKENS:
            raise InvalidInputError(f"a search space takes {tokens} tokens: give it 1 to {MAX_TOKENS}")
        _check_kinds(self.decisions)

    def decode(self, tokens: Sequence[int]) -> Assignment:
        """Return the values that these tokens choose, or raise InvalidTokensError."""
        return Assignment(tuple(read_tokens(self.decisions, tokens).items()))

    def encode(self, description: Description) -> tuple[int, ...]:
        """Return the tokens that choose these values, or raise InvalidInputError if they are not of this space."""
        names = {decision.name for decision in self.decisions}
        if not isinstance(description, Assignment) or set(description) != names:
            raise InvalidInputError(f"want values for {sorted(names)}, got {description!r:.200}")
        return write_tokens(self.decisions, description)

    def canonical(self, tokens: Sequence[int]) -> str:
        """Return 16 hexadecimal digits for these tokens, or raise InvalidTokensError; different tokens are different here."""
        read_tokens(self.decisions, tokens)
        return tokens_hash(tokens)

    def size(self) -> int:
        """Return the number of token strings of the space, exactly."""
        return prod(decision.size for decision in self.decisions)


def _check_kinds(decisions: Sequence[Decision]) -> None:
    first: dict[str, Decision] = {}
    subsets: Counter[str] = Counter()
    for decision in decisions:
        if isinstance(decision, Choice) and decision.when is not None:
            raise InvalidInputError(
                f"{decision.name!r} arises under a condition, and only built-in spaces have these: remove it"
            )
        other = first.setdefault(decision.kind, decision)
        if type(other) is not type(decision) or (isinstance(decision, Choice) and decision.size != other.size):
            raise InvalidInputError(
                f"{other.name!r} and {decision.name!r} are of kind {decision.kind!r} but differ in what can be chosen: "
                "give them kinds of their own"
            )
        if isinstance(decision, Subset):
            if decision.candidates != subsets[decision.kind]:
                raise InvalidInputError(
                    f"{decision.name!r} has {decision.candidates} candidates, but {subsets[decision.kind]} decisions of kind "
                    f"{decision.kind!r} come before it: these are its candidates"
                )
            subsets[decision.kind] += 1

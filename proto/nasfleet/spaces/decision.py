"""Decisions: the steps of a search space, the only thing about it that a policy has to know.

Each decision takes `width` tokens, all of them below `bound`, and can be taken in `size` ways. Decisions of one kind share an
embedding and a head in the policy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nasfleet.errors import InvalidInputError

Option = str | int | float | bool
Value = Option | tuple[int, ...]

MAX_NAME_LENGTH = 128
MAX_OPTIONS = 4096


@dataclass(frozen=True, slots=True)
class When:
    """The condition of a decision that does not always arise: an earlier `Choice`, by name, has one of these options."""

    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several named values; one token. Where its condition does not hold it does not arise, and its token is 0.

    Raises:
        InvalidInputError: if there is no option, one stands twice, a number is not finite, or a text cannot be printed.
    """

    name: str
    kind: str
    options: tuple[Option, ...]
    when: When | None = None

    def __post_init__(self) -> None:
        _check_names(self.name, self.kind)
        if not 1 <= len(self.options) <= MAX_OPTIONS:
            raise InvalidInputError(f"{self.name} has {len(self.options)} options: give 1 to {MAX_OPTIONS}")
        if len(set(self.options)) < len(self.options):
            raise InvalidInputError(f"{self.name} has an option twice in {list(self.options)}: give each once")
        if any(isinstance(option, float) and not math.isfinite(option) for option in self.options):
            raise InvalidInputError(f"{self.name} has an option that is not finite in {list(self.options)}: remove it")
        for option in self.options:
            if isinstance(option, str) and not option.isprintable():
                raise InvalidInputError(
                    f"{self.name} has the option {option!a}: give text that can be printed, no control characters"
                )

    @property
    def width(self) -> int:
        """Return the number of tokens."""
        return 1

    @property
    def bound(self) -> int:
        """Return the number of values that its token can have."""
        return len(self.options)

    @property
    def size(self) -> int:
        """Return the number of ways to take it."""
        return len(self.options)

    def value(self, tokens: Sequence[int]) -> Option:
        """Return the option that a valid token chooses."""
        return self.options[tokens[0]]

    def tokens(self, value: Value) -> tuple[int, ...]:
        """Return the token that chooses `value`, or raise InvalidInputError if it is no option."""
        if value not in self.options:
            raise InvalidInputError(f"{self.name} is one of {list(self.options)}, got {value!r}")
        return (self.options.index(value),)


@dataclass(frozen=True, slots=True)
class Subset:
    """Any of the earlier decisions of this kind; one token, 0 or 1, for each of these `candidates`."""

    name: str
    kind: str
    candidates: int

    def __post_init__(self) -> None:
        _check_names(self.name, self.kind)
        if not 0 <= self.candidates <= MAX_OPTIONS:
            raise InvalidInputError(f"{self.name} has {self.candidates} candidates: give 0 to {MAX_OPTIONS}")

    @property
    def width(self) -> int:
        """Return the number of tokens."""
        return self.candidates

    @property
    def bound(self) -> int:
        """Return the number of values that each token can have."""
        return 2

    @property
    def size(self) -> int:
        """Return the number of ways to take it."""
        return 1 << self.candidates

    def value(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Return the candidates that valid tokens choose, in ascending order."""
        return tuple(candidate for candidate, token in enumerate(tokens) if token)

    def tokens(self, value: Value) -> tuple[int, ...]:
        """Return the tokens that choose the candidates in `value`, or raise InvalidInputError if one is no candidate."""
        if (
            not isinstance(value, tuple)
            or tuple(sorted(set(value))) != value
            or not all(0 <= v < self.candidates for v in value)
        ):
            raise InvalidInputError(f"{self.name} is an ascending tuple of numbers below {self.candidates}, got {value!r}")
        return tuple(int(candidate in value) for candidate in range(self.candidates))


@dataclass(frozen=True, slots=True)
class Index:
    """One of the earlier nodes, counted from 0; one token."""

    name: str
    kind: str
    candidates: int

    def __post_init__(self) -> None:
        _check_names(self.name, self.kind)
        if not 1 <= self.candidates <= MAX_OPTIONS:
            raise InvalidInputError(f"{self.name} has {self.candidates} candidates: give 1 to {MAX_OPTIONS}")

    @property
    def width(self) -> int:
        """Return the number of tokens."""
        return 1

    @property
    def bound(self) -> int:
        """Return the number of values that its token can have."""
        return self.candidates

    @property
    def size(self) -> int:
        """Return the number of ways to take it."""
        return self.candidates

    def value(self, tokens: Sequence[int]) -> int:
        """Return the node that a valid token chooses."""
        return tokens[0]

    def tokens(self, value: Value) -> tuple[int, ...]:
        """Return the token that chooses node `value`, or raise InvalidInputError if it is no candidate."""
        if not isinstance(value, int) or not 0 <= value < self.candidates:
            raise InvalidInputError(f"{self.name} is a number below {self.candidates}, got {value!r}")
        return (value,)


Decision = Choice | Subset | Index


def _check_names(name: str, kind: str) -> None:
    for text in (name, kind):
        if not 1 <= len(text) <= MAX_NAME_LENGTH or not text.isprintable():
            raise InvalidInputError(f"{text!r} names no decision: give 1 to {MAX_NAME_LENGTH} printable characters")

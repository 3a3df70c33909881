"""The description of one parameter: its sentence, bounds, unit and source, kept beside the field itself."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

METADATA_KEY = "parameter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a field is for and what may stand there; of a list, the bounds hold for each entry.

    Attributes:
        description: one sentence or more, for the reference page and the contract's comments.
        minimum: smallest value.
        exclusive_minimum: the value must be greater.
        maximum: largest value.
        exclusive_maximum: the value must be less.
        min_length: of text in characters, of a list or map in entries.
        max_length: likewise.
        unit: what a number counts.
        source: where a published number comes from.
        pattern: regular expression that all of a text must match.
        second_pattern: another one that it must match too, for what one cannot say: Kubernetes' have no lookahead.
        pattern_hint: the patterns in words, or what the keys and values of a map are.
        distinct: no entry of a list may stand there twice.
        key: field by which the entries of a list are told apart, in the document's spelling.
        format: how a text is written, in OpenAPI's words.
        multiline: line breaks and other characters that cannot be printed may stand in a text.
        changeable: may be changed while the search runs, with all that is below it.
        parts: names that alone may stand in a free map, each with a sentence on the free map below it; all names if there
            are none.
        inline: the alternatives stand among the section's own fields instead of below this one.
        in_document: false for what programs fill in.
    """

    description: str
    minimum: float | None = None
    exclusive_minimum: float | None = None
    maximum: float | None = None
    exclusive_maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    unit: str | None = None
    source: str | None = None
    pattern: str | None = None
    second_pattern: str | None = None
    pattern_hint: str | None = None
    distinct: bool = False
    key: str | None = None
    format: str | None = None
    multiline: bool = False
    changeable: bool = False
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    inline: bool = False
    in_document: bool = True

    @property
    def patterns(self) -> tuple[str, ...]:
        """The regular expressions each of which all of a text must match."""
        return tuple(pattern for pattern in (self.pattern, self.second_pattern) if pattern is not None)

    @property
    def bounds(self) -> str:
        """The bounds in words, empty if there are none: `from 1 to 64`, `greater than 0 and at most 1`."""
        if self.minimum is not None and self.maximum is not None:
            return f"from {_plain(self.minimum)} to {_plain(self.maximum)}"
        words = (
            ("at least", self.minimum),
            ("greater than", self.exclusive_minimum),
            ("at most", self.maximum),
            ("less than", self.exclusive_maximum),
        )
        return " and ".join(f"{word} {_plain(bound)}" for word, bound in words if bound is not None)

    @property
    def lengths(self) -> str:
        """The length bounds in words, empty if there are none: `1 to 16`."""
        match self.min_length, self.max_length:
            case None, None:
                return ""
            case least, None:
                return f"at least {least:,}"
            case None, most:
                return f"at most {most:,}"
            case least, most:
                return f"{least:,} to {most:,}"

    def admits(self, number: float) -> bool:
        """Return whether a number is within the bounds."""
        return (
            (self.minimum is None or number >= self.minimum)
            and (self.exclusive_minimum is None or number > self.exclusive_minimum)
            and (self.maximum is None or number <= self.maximum)
            and (self.exclusive_maximum is None or number < self.exclusive_maximum)
        )

    def admits_length(self, length: int) -> bool:
        """Return whether a text, list or map of this length is neither too short nor too long."""
        return (self.min_length or 0) <= length and (self.max_length is None or length <= self.max_length)


def _plain(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def parameter(
    description: str,
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Callable[[], Any] | Any = dataclasses.MISSING,
    **about: Any,
) -> Any:
    """Return a dataclass field that carries its description; required if it has no default.

    Args:
        description: see `Parameter`, like the names in `about`.
        default: the value of a field that is not given.
        default_factory: makes that value, for maps.
        about: the other attributes of `Parameter`.
    """
    metadata = {METADATA_KEY: Parameter(description=description, **about)}
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Named(StrEnum):
    """An enumeration for documents: each member is its spelling there and a sentence on what it means."""

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """Return a member from its spelling and its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

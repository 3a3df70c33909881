"""Blocks: frozen classes of parameters that are valid once made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar, dataclass_transform

from nasfleet.catalogue.checking import problems_of
from nasfleet.catalogue.parameter import parameter
from nasfleet.catalogue.problems import InvalidParametersError, Problem
from nasfleet.catalogue.rule import Rule

T = TypeVar("T")


class Block:
    """What every block inherits: it cannot be made with values out of bounds or values that do not go together."""

    __slots__ = ()
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What `conflicts` checks, for the API server."""

    def __post_init__(self) -> None:
        problems = tuple(problems_of(self)) or tuple(self.conflicts())
        if problems:
            raise InvalidParametersError(problems)

    def conflicts(self) -> Iterator[Problem]:
        """Yield what is wrong between fields that are each valid; blocks with such rules override this."""
        yield from ()


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(parameter,))
def block(cls: type[T]) -> type[T]:
    """Return a class of parameters as a frozen dataclass with keyword arguments only."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)

"""The fields of a block as data, so that one generic walk serves parser, codec, checks, contract and reference pages."""

import dataclasses
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Union, get_args, get_origin, get_type_hints

from nasfleet.catalogue.parameter import METADATA_KEY, Named, Parameter
from nasfleet.spaces.decision import Decision, Option

_LARGEST_PLAIN_INTEGER = 2**32 - 1
_known: dict[type[Any], tuple["Field", ...]] = {}


class Kind(Enum):
    """What stands in a field, or in each entry of a list; the closed set that every walk matches on."""

    TRUTH = auto()
    INTEGER = auto()
    NUMBER = auto()
    TEXT = auto()
    ENUM = auto()
    BLOCK = auto()
    ONE_OF = auto()
    OPTION = auto()
    LABELS = auto()
    FREE = auto()
    DECISION = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a block: `classes` are its block, its alternatives or its enumeration; `nullable` ones default to None."""

    name: str
    kind: Kind
    classes: tuple[type[Any], ...]
    repeated: bool
    nullable: bool
    about: Parameter
    default: Any
    """`dataclasses.MISSING` if the field is required."""

    @property
    def document_name(self) -> str:
        """The name in documents, in camelCase."""
        return camel(self.name)

    @property
    def required(self) -> bool:
        """Whether the field has no default."""
        return self.default is dataclasses.MISSING

    @property
    def is_wide(self) -> bool:
        """Whether a whole number may need more than 32 bits."""
        return self.about.maximum is not None and self.about.maximum > _LARGEST_PLAIN_INTEGER


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    return re.sub("_([a-z0-9])", lambda match: match[1].upper(), name)


def snake(name: str) -> str:
    """Return a CamelCase or camelCase name in snake_case."""
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def block_name(block: type[Any]) -> str:
    """Return the name of the block that chooses a class among alternatives."""
    name: str = getattr(block, "BLOCK", block.__name__)
    return name[0].lower() + name[1:]


def fields_of(block: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a block in the order of their declaration, which is that of their numbers on the wire."""
    if block not in _known:
        hints = get_type_hints(block)
        _known[block] = tuple(_field(entry, hints[entry.name]) for entry in dataclasses.fields(block))
    return _known[block]


def _field(entry: dataclasses.Field[Any], hint: Any) -> Field:
    members = _members(hint)
    nullable = type(None) in members
    members = tuple(member for member in members if member is not type(None))
    repeated = get_origin(members[0]) is tuple
    if repeated:
        members = _members(get_args(members[0])[0])
    kind = _kind(members)
    classes = members if kind in {Kind.ENUM, Kind.BLOCK, Kind.ONE_OF} else ()
    default = entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory()
    return Field(entry.name, kind, classes, repeated, nullable, entry.metadata[METADATA_KEY], default)


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {types.UnionType, Union} else (hint,)


_PLAIN = {bool: Kind.TRUTH, int: Kind.INTEGER, float: Kind.NUMBER, str: Kind.TEXT}
_WHOLE = {
    frozenset(get_args(Option)): Kind.OPTION,
    frozenset(get_args(Decision)): Kind.DECISION,
    frozenset({Mapping[str, str]}): Kind.LABELS,
    frozenset({Mapping[str, Any]}): Kind.FREE,
}


def _kind(members: tuple[Any, ...]) -> Kind:
    if whole := _WHOLE.get(frozenset(members)):
        return whole
    if len(members) > 1:
        return Kind.ONE_OF
    if plain := _PLAIN.get(members[0]):
        return plain
    return Kind.ENUM if issubclass(members[0], Named) else Kind.BLOCK

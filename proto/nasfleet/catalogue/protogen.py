"""Prints `catalogue.proto`: every block as a message, with the catalogue's own words as comments.

Fields are numbered in the order of their declaration, so new ones go to the end of their class. Every scalar is `optional`:
what is absent has the catalogue's default, also for clients that were generated from the contract.
"""

import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of, snake
from nasfleet.catalogue.parameter import Named
from nasfleet.catalogue.search import SearchSpec
from nasfleet.catalogue.wording import remarks

_HEADER = """\
syntax = "proto3";

// A search as it is declared. Written by nasfleet.catalogue.protogen from the catalogue of parameters; do not edit.
// A field that is absent has the default that its comment names.
package nasfleet.v1;

import "google/protobuf/struct.proto";
import "nasfleet/v1/trial.proto";
"""
_WIDTH = 120
_SCALARS = {Kind.TRUTH: "bool", Kind.NUMBER: "double", Kind.TEXT: "string", Kind.OPTION: "string"}
_MAPS = {Kind.LABELS: "map<string, string>", Kind.FREE: "google.protobuf.Struct"}


def contract() -> str:
    """Return the text of `catalogue.proto`."""
    seen: dict[str, str] = {}
    _declare(SearchSpec, seen)
    return "\n".join([_HEADER, *seen.values()])


def _declare(block: type[Any], seen: dict[str, str]) -> None:
    """Add a block's message to `seen`, after all that it refers to."""
    lines = [*_comment(_sentence(block), ""), f"message {block.__name__} {{"]
    number = 1
    for field in fields_of(block):
        for referred in field.classes:
            if referred.__name__ not in seen:
                _enumerate(referred, seen) if field.kind is Kind.ENUM else _declare(referred, seen)
        if field.kind is Kind.ONE_OF and field.about.inline:
            lines += _one_of(field, number, "  ")
            number += len(field.classes)
            continue
        if field.kind is Kind.ONE_OF:
            _declare_alternatives(field, seen)
        lines += [*_comment(" ".join(remarks(field)), "  "), f"  {_type(field)} {field.name} = {number};"]
        number += 1
    seen[block.__name__] = "\n".join([*lines, "}\n"]) if number > 1 else "\n".join(lines) + "}\n"


def _declare_alternatives(field: Field, seen: dict[str, str]) -> None:
    lines = [*_comment(f"{field.about.description} Exactly one of these.", ""), f"message {_alternatives_name(field)} {{"]
    seen[_alternatives_name(field)] = "\n".join([*lines, *_one_of(field, 1, "  ", "kind"), "}\n"])


def _one_of(field: Field, first: int, indent: str, name: str = "") -> Iterator[str]:
    yield from _comment(field.about.description, indent)
    yield f"{indent}oneof {name or field.name} {{"
    for number, alternative in enumerate(field.classes, first):
        yield from _comment(_sentence(alternative), f"{indent}  ")
        yield f"{indent}  {alternative.__name__} {snake(block_name(alternative))} = {number};"
    yield f"{indent}}}"


def _enumerate(members: type[Named], seen: dict[str, str]) -> None:
    prefix = snake(members.__name__).upper()
    lines = [*_comment(_sentence(members), ""), f"enum {members.__name__} {{", "  // Means the default."]
    lines.append(f"  {prefix}_UNSPECIFIED = 0;")
    for number, member in enumerate(members, 1):
        lines += [*_comment(member.description, "  "), f"  {prefix}_{member.name} = {number};"]
    seen[members.__name__] = "\n".join([*lines, "}\n"])


def _type(field: Field) -> str:
    match field.kind:
        case Kind.LABELS | Kind.FREE:
            return _MAPS[field.kind]
        case Kind.DECISION:
            return "DecisionList"
        case Kind.ONE_OF:
            return _alternatives_name(field)
        case Kind.BLOCK:
            return f"repeated {field.classes[0].__name__}" if field.repeated else field.classes[0].__name__
        case Kind.ENUM:
            name = field.classes[0].__name__
        case Kind.INTEGER:
            name = "uint64" if field.is_wide else "uint32"
        case _:
            name = _SCALARS[field.kind]
    return f"{'repeated' if field.repeated else 'optional'} {name}"


def _alternatives_name(field: Field) -> str:
    return "".join(part.capitalize() for part in field.name.split("_"))


def _sentence(cls: type[Any]) -> str:
    return (cls.__doc__ or "").strip().split("\n")[0]


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}// {line}" for line in textwrap.wrap(text, _WIDTH - len(indent))]


if __name__ == "__main__":
    sys.stdout.write(contract())

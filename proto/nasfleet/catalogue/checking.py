"""Whether the values of a block keep to their descriptions; what does not is said with what would."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of
from nasfleet.catalogue.nesting import MOST_FREE_LEVELS, is_nested_deeper
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.spaces.decision import Choice, Index, Subset

LARGEST_EXACT_INTEGER = 2**53
_TYPES: dict[Kind, tuple[type[Any], ...]] = {
    Kind.TRUTH: (bool,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.TEXT: (str,),
    Kind.OPTION: (str, bool, int, float),
    Kind.LABELS: (Mapping,),
    Kind.FREE: (Mapping,),
    Kind.DECISION: (Choice, Subset, Index),
}
_WORDS = {
    Kind.TRUTH: ("true or false", "truth values"),
    Kind.INTEGER: ("a whole number", "whole numbers"),
    Kind.NUMBER: ("a number", "numbers"),
    Kind.TEXT: ("text", "texts"),
    Kind.OPTION: ("text, a number or true or false", "texts, numbers or truth values"),
    Kind.LABELS: ("a map of text to text", "maps of text to text"),
    Kind.FREE: ("a map", "maps"),
    Kind.BLOCK: ("a map of fields", "maps of fields"),
    Kind.DECISION: ("a decision", "decisions"),
}


def problems_of(block: object) -> Iterator[Problem]:
    """Yield every field of a block whose value does not keep to its description."""
    for field in fields_of(type(block)):
        yield from field_problems(field, getattr(block, field.name))


def field_problems(field: Field, value: object) -> Iterator[Problem]:
    """Yield what is wrong with a value for a field, with the field's name in documents as the path."""
    if value is None and field.nullable:
        return
    if field.kind is Kind.LABELS and isinstance(value, Mapping) and field.about.admits_length(len(value)):
        for key, entry in value.items():
            if not _is_sound(entry):
                yield Problem((field.document_name, str(key)), f"is {shown(entry)}", "give text, in quotes")
    elif field.kind is Kind.FREE and is_nested_deeper(value):
        fault = f"is nested more than {MOST_FREE_LEVELS} levels deep"
        yield Problem((field.document_name,), fault, "give flatter data, or deep data as text")
    elif not field.repeated:
        if not _fits(field, value):
            yield _misfit(field, (field.document_name,), value)
        elif field.about.parts and isinstance(value, Mapping):
            yield from _part_problems(field, value)
    elif not isinstance(value, tuple) or not field.about.admits_length(len(value)):
        yield _misfit(field, (field.document_name,), value)
    else:
        yield from _entry_problems(field, value)


def _part_problems(field: Field, value: Mapping[str, object]) -> Iterator[Problem]:
    for name, part in value.items():
        path = (field.document_name, name)
        if name not in field.about.parts:
            yield Problem(path, f"is not known (its value: {shown(part)})", f"known here: {', '.join(field.about.parts)}")
        elif not isinstance(part, Mapping):
            yield Problem(path, f"is {shown(part)}", "give a map")


def _entry_problems(field: Field, value: tuple[object, ...]) -> Iterator[Problem]:
    for position, entry in enumerate(value):
        path = (field.document_name, f"[{position}]")
        if not _fits(field, entry):
            yield _misfit(field, path, entry)
        elif field.about.distinct and entry in value[:position]:
            yield Problem(path, f"is {shown(entry)} a second time", "give each entry once")


def _misfit(field: Field, path: tuple[str, ...], value: object) -> Problem:
    return Problem(path, f"is {shown(value)}", f"give {expectation(field)}{_spelling(field.kind, value)}")


def _spelling(kind: Kind, value: object) -> str:
    """Return how to write what was meant, where a value is right but for its spelling in YAML."""
    match kind, value:
        case Kind.INTEGER, float():
            return ", without a point or an exponent"
        case ((Kind.INTEGER | Kind.NUMBER | Kind.TRUTH), str()):
            return ", without quotes"
        case Kind.TEXT, bool() | int() | float():
            return ", in quotes"
        case ((Kind.TEXT | Kind.OPTION), str()) if not value.isprintable():
            unprintable = next(character for character in value if not character.isprintable())
            return f", without control characters and others that cannot be printed, as U+{ord(unprintable):04X}"
    return ""


def _fits(field: Field, value: object) -> bool:
    about = field.about
    if not isinstance(value, _TYPES.get(field.kind, field.classes)):
        return False
    match value:
        case bool():
            return field.kind in {Kind.TRUTH, Kind.OPTION}
        case int() | float():
            return (isinstance(value, int) or math.isfinite(value)) and about.admits(value)
        case str():
            length_fits = field.repeated or about.admits_length(len(value))
            return (
                (value.isprintable() or about.multiline)
                and length_fits
                and all(re.fullmatch(pattern, value) for pattern in about.patterns)
            )
        case Mapping():
            return about.admits_length(len(value)) and _is_plain(value)
    return True


def _is_plain(value: object) -> bool:
    """Return whether free data can travel: what JSON has, with numbers that floating point holds exactly."""
    match value:
        case Mapping():
            return all(_is_sound(key) and _is_plain(entry) for key, entry in value.items())
        case list():
            return all(map(_is_plain, value))
        case int():
            return abs(value) <= LARGEST_EXACT_INTEGER
        case float():
            return math.isfinite(value)
        case _:
            return value is None or _is_sound(value)


def _is_sound(value: object) -> bool:
    """Return whether a value is text that can travel; halves of surrogate pairs cannot."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def expectation(field: Field) -> str:
    """Return in words what may stand in a field: `a number greater than 0, in seconds`."""
    about = field.about
    one, many = _words(field)
    parts = [one]
    if field.repeated:
        parts = [f"a list of {about.lengths} {many}" if about.lengths else f"a list of {many}"]
    elif about.lengths:
        parts.append(f"of {about.lengths} {'characters' if field.kind is Kind.TEXT else 'entries'}")
    parts += [about.bounds] if about.bounds else []
    text = " ".join(parts)
    text += f", {about.pattern_hint}" if about.pattern_hint else ""
    return f"{text}, in {about.unit}" if about.unit else text


def _words(field: Field) -> tuple[str, str]:
    """Return what stands in a field, and what stands in a list of them."""
    if field.kind not in {Kind.ENUM, Kind.ONE_OF}:
        return _WORDS[field.kind]
    names = [member.value for member in field.classes[0]] if field.kind is Kind.ENUM else map(block_name, field.classes)
    listed = ", ".join(names)
    return (f"one of {listed}" if "," in listed else listed), f"of {listed}"

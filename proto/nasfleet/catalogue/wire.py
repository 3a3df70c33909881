"""Blocks to their messages and back: one walk over the catalogue, no code for any block of its own."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format

from nasfleet.catalogue.checking import LARGEST_EXACT_INTEGER, expectation
from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of, snake
from nasfleet.catalogue.parameter import Named
from nasfleet.catalogue.problems import InvalidParametersError, Problem
from nasfleet.spaces.wire import decisions_from_proto, decisions_to_proto, option_text, option_value
from nasfleet.v1 import catalogue_pb2


def block_to_proto(block: object, message: Any) -> None:
    """Write a block into an empty message of its name, defaults included."""
    for field in fields_of(type(block)):
        value = getattr(block, field.name)
        if value is None or (field.repeated and not value):
            continue
        match field.kind:
            case Kind.ONE_OF:
                holder = message if field.about.inline else getattr(message, field.name)
                chosen = getattr(holder, snake(block_name(type(value))))
                chosen.SetInParent()
                block_to_proto(value, chosen)
            case Kind.BLOCK if field.repeated:
                for entry in value:
                    block_to_proto(entry, getattr(message, field.name).add())
            case Kind.BLOCK:
                getattr(message, field.name).SetInParent()
                block_to_proto(value, getattr(message, field.name))
            case Kind.DECISION:
                message.decisions.CopyFrom(decisions_to_proto(value))
            case Kind.LABELS | Kind.FREE:
                getattr(message, field.name).update(value)
            case _ if field.repeated:
                getattr(message, field.name).extend(_scalar_to_proto(field, entry) for entry in value)
            case _:
                setattr(message, field.name, _scalar_to_proto(field, value))


def _scalar_to_proto(field: Field, value: Any) -> Any:
    match field.kind:
        case Kind.ENUM:
            return getattr(catalogue_pb2, _number_name(value))
        case Kind.OPTION:
            return option_text(value)
        case _:
            return value


def block_from_proto(block: type[Any], message: Any) -> Any:
    """Return the block that a message declares; what is absent has its default.

    Raises:
        InvalidParametersError: if a value is out of bounds, or a required one is absent; it names all of them in the block.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for field in fields_of(block):
        try:
            if _is_present(field, message):
                values[field.name] = _field_from_proto(field, message)
            elif field.required:
                place = () if field.about.inline else (field.document_name,)
                problems.append(Problem(place, "is missing", f"give {expectation(field)}"))
        except InvalidParametersError as error:
            problems += error.problems if field.about.inline else (at.below(field.document_name) for at in error.problems)
    if problems:
        raise InvalidParametersError(problems)
    return block(**values)


def _is_present(field: Field, message: Any) -> bool:
    if field.kind is Kind.ONE_OF:
        return _chosen(field, message) is not None
    if field.kind is Kind.LABELS or (field.repeated and field.kind is not Kind.DECISION):
        return len(getattr(message, field.name)) > 0
    if field.kind is Kind.ENUM:
        return bool(getattr(message, field.name))
    return bool(message.HasField(field.name))


def _field_from_proto(field: Field, message: Any) -> Any:
    if chosen := _chosen(field, message):
        return _below(block_name(chosen[0]), *chosen)
    value = getattr(message, field.name)
    if field.kind is Kind.BLOCK and field.repeated:
        return tuple(_below(f"[{at}]", field.classes[0], entry) for at, entry in enumerate(value))
    if field.kind is Kind.BLOCK:
        return block_from_proto(field.classes[0], value)
    if field.kind is Kind.ENUM:
        return tuple(_member(field, number) for number in value) if field.repeated else _member(field, value)
    if convert := _CONVERSIONS.get(field.kind):
        return convert(value)
    return tuple(value) if field.repeated else value


def _chosen(field: Field, message: Any) -> tuple[type[Any], Any] | None:
    """Return the alternative that a message chooses for a field, and its message; None if there is none to choose."""
    if field.kind is not Kind.ONE_OF:
        return None
    holder = message if field.about.inline else getattr(message, field.name)
    name = holder.WhichOneof(field.name if field.about.inline else "kind")
    by_name = {snake(block_name(alternative)): alternative for alternative in field.classes}
    return None if name is None else (by_name[name], getattr(holder, name))


def _below(part: str, block: type[Any], message: Any) -> Any:
    try:
        return block_from_proto(block, message)
    except InvalidParametersError as error:
        raise InvalidParametersError(problem.below(part) for problem in error.problems) from error


def _number_name(member: Named) -> str:
    return f"{snake(type(member).__name__).upper()}_{member.name}"


def _member(field: Field, number: int) -> Any:
    for member in field.classes[0]:
        if getattr(catalogue_pb2, _number_name(member)) == number:
            return member
    raise InvalidParametersError([Problem((), f"has the number {number}", f"give {expectation(field)}")])


def _whole(value: Any) -> Any:
    """Return free data with whole numbers as such: on the wire all numbers are floating point."""
    match value:
        case Mapping():
            return {key: _whole(entry) for key, entry in value.items()}
        case list():
            return [_whole(entry) for entry in value]
        case float() if value.is_integer() and abs(value) <= LARGEST_EXACT_INTEGER:
            return int(value)
        case _:
            return value


_CONVERSIONS: dict[Kind, Callable[[Any], Any]] = {
    Kind.DECISION: decisions_from_proto,
    Kind.LABELS: dict,
    Kind.FREE: lambda value: _whole(json_format.MessageToDict(value)),
    Kind.OPTION: lambda value: tuple(map(option_value, value)),
}

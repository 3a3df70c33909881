"""Blocks as plain data in the document's spelling, with all defaults written out."""

from collections.abc import Mapping
from typing import Any

from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of


def plain_data(block: object) -> dict[str, Any]:
    """Return a block as a map that `Reader` reads back as the same; what is absent is left out."""
    data: dict[str, Any] = {}
    for field in sorted(fields_of(type(block)), key=lambda field: not field.about.inline):
        value = getattr(block, field.name)
        if value is None or not field.about.in_document:
            continue
        if field.kind is Kind.ONE_OF and field.about.inline:
            data[block_name(type(value))] = plain_data(value)
        else:
            data[field.document_name] = plain_value(field, value)
    return data


def plain_value(field: Field, value: Any) -> Any:
    """Return the value of a field as it stands in a document."""
    return [_plain(field, entry) for entry in value] if field.repeated else _plain(field, value)


def _plain(field: Field, value: Any) -> Any:
    match field.kind:
        case Kind.BLOCK:
            return plain_data(value)
        case Kind.ONE_OF:
            return {block_name(type(value)): plain_data(value)}
        case Kind.ENUM:
            return value.value
        case Kind.NUMBER:
            return float(value)
        case Kind.LABELS | Kind.FREE:
            return _thawed(value)
        case _:
            return value


def _thawed(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _thawed(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_thawed(entry) for entry in value]
        case _:
            return value

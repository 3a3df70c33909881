"""Messages of the contract as plain data, for `-o json` and `-o yaml`: protobuf's JSON, but with numbers as numbers.

Protobuf writes 64-bit integers as text, so that JavaScript loses no digit; in jq, text compares as greater than any number.
"""

import json
from collections.abc import Iterable
from typing import Any

import yaml
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

_WIDE = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


def as_json(messages: Iterable[Message], *, one: bool = False) -> str:
    """Return messages as a JSON list, or the first of them alone."""
    return json.dumps(_plain(messages, one=one), indent=2, ensure_ascii=False)


def as_yaml(messages: Iterable[Message], *, one: bool = False) -> str:
    """Return messages as a YAML list, or the first of them alone."""
    return yaml.safe_dump(_plain(messages, one=one), sort_keys=False, allow_unicode=True).rstrip("\n")


def _plain(messages: Iterable[Message], *, one: bool) -> Any:
    plain = [
        _with_numbers(MessageToDict(message, always_print_fields_with_no_presence=True), message.DESCRIPTOR)
        for message in messages
    ]
    return plain[0] if one else plain


def _with_numbers(data: dict[str, Any], descriptor: Any) -> dict[str, Any]:
    fields = {field.json_name: field for field in descriptor.fields}
    return {name: _value(value, fields[name]) if name in fields else value for name, value in data.items()}


def _value(value: Any, field: Any) -> Any:
    if isinstance(value, list):
        return [_value(item, field) for item in value]
    if field.cpp_type in _WIDE:
        return int(value)
    if isinstance(value, dict) and not field.message_type.GetOptions().map_entry:
        return _with_numbers(value, field.message_type)
    return value

"""Blocks as structural OpenAPI v3 schemas for the Kubernetes API server, with CEL for what schemas cannot say.

The API server fills the defaults in, refuses what is out of bounds or does not go together, and keeps what is frozen as it was
created. What it cannot see is left to `Reader` and to the controller, which the operator asks about what was stored: options
that are null, equal though spelled differently (`1` and `true`) or brought into another order, and numbers in free maps that
floating point does not hold exactly. A field that stands there as null it takes for absent.
"""

from collections.abc import Iterable
from typing import Any

from nasfleet.catalogue.checking import expectation
from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of
from nasfleet.catalogue.kubernetes_names import LONGEST_LABEL_VALUE, QUALIFIED, QUALIFIED_LENGTHS
from nasfleet.catalogue.labels import KEY_FIX, VALUE, VALUE_FIX
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.wording import remarks
from nasfleet.catalogue.writing import plain_value

Schema = dict[str, Any]

FROZEN = "may not change after the start of a search: undo that, or give the search another metadata.name"
_PRINTABLE = r"^[\pL\pM\pN\pP\pS ]*$"
"""What `str.isprintable` admits."""
_LARGEST_EXACT_BOUND = 2**53
_OF_KIND: dict[Kind, Schema] = {
    Kind.TRUTH: {"type": "boolean"},
    Kind.LABELS: {
        "type": "object",
        "additionalProperties": {
            "type": "string",
            "maxLength": LONGEST_LABEL_VALUE,
            "pattern": f"^{VALUE}$",
            "x-kubernetes-validations": [Rule(holds=f"self.matches(r'^{VALUE}$')", message=VALUE_FIX).validation()],
        },
        "x-kubernetes-validations": [
            Rule(
                holds=f"self.all(key, key.matches(r'^{QUALIFIED}$') && key.matches(r'^{QUALIFIED_LENGTHS}$'))",
                message=f"has a key that no label has: {KEY_FIX}",
            ).validation()
        ],
    },
    Kind.FREE: {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    # No list and no map has an admissible length here: what is left are texts, numbers and truth values.
    Kind.OPTION: {
        "x-kubernetes-preserve-unknown-fields": True,
        "pattern": _PRINTABLE,
        "minItems": 1,
        "maxItems": 0,
        "minProperties": 1,
        "maxProperties": 0,
    },
}


def block_schema(block: type[Any], *, frozen: bool = False) -> Schema:
    """Return the schema of a block; of a frozen one, what is not changeable stays as it was created."""
    fields = [field for field in fields_of(block) if field.about.in_document]
    properties: Schema = {}
    validations = [rule.validation() for rule in block.RULES]
    for field in fields:
        stays = frozen and not field.about.changeable
        if field.about.inline:
            properties |= _alternatives(field, frozen=stays)
            validations += _choice_validations(field, frozen=stays)
        else:
            properties[field.document_name] = _field_schema(field, frozen=stays)
        if stays and field.nullable:
            validations.append(_presence(field.document_name).validation())
        if stays and field.about.key is not None:
            validations.append(_order(field.document_name, field.about.key).validation())
    schema: Schema = {"type": "object", "description": _sentence(block), "properties": properties}
    if required := [field.document_name for field in fields if field.required and not field.about.inline]:
        schema["required"] = required
    return _with_validations(schema, validations)


def _field_schema(field: Field, *, frozen: bool) -> Schema:
    schema: Schema = {"description": _explanation(field)} | _typed(field, frozen=frozen)
    if frozen and (field.repeated or field.kind not in {Kind.BLOCK, Kind.ONE_OF}):
        schema = _with_validations(schema, [Rule(holds="self == oldSelf", message=FROZEN).validation()])
    if not field.required and field.default is not None:
        schema["default"] = plain_value(field, field.default)
    return schema


def _typed(field: Field, *, frozen: bool) -> Schema:
    if field.repeated:
        return _list(field)
    match field.kind:
        case Kind.BLOCK:
            return _without_description(block_schema(field.classes[0], frozen=frozen))
        case Kind.ONE_OF:
            schema: Schema = {"type": "object", "properties": _alternatives(field, frozen=frozen)}
            return _with_validations(schema, _choice_validations(field, frozen=frozen))
        case _:
            return _scalar(field)


def _list(field: Field) -> Schema:
    about = field.about
    one = block_schema(field.classes[0]) if field.kind is Kind.BLOCK else _scalar(field)
    schema: Schema = {"type": "array", "items": one} | _lengths(about.min_length, about.max_length, "Items")
    if about.key is not None:
        return schema | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [about.key]}
    if about.distinct and field.kind is Kind.OPTION:
        return schema | {"x-kubernetes-list-type": "set"}
    schema["x-kubernetes-list-type"] = "atomic"
    if not about.distinct:
        return schema
    once = Rule(holds="self.all(one, self.exists_one(other, other == one))", message="has an entry twice: give each entry once")
    return _with_validations(schema, [once.validation()])


def _scalar(field: Field) -> Schema:
    match field.kind:
        case Kind.TEXT:
            return _text(field)
        case Kind.ENUM:
            return {"type": "string", "enum": [member.value for member in field.classes[0]]}
        case Kind.INTEGER:
            return {"type": "integer"} | ({"format": "int64"} if field.is_wide else {}) | _bounds(field)
        case Kind.NUMBER:
            return {"type": "number"} | _bounds(field)
        case Kind.LABELS | Kind.FREE:
            return _map(field) | _lengths(field.about.min_length, field.about.max_length, "Properties")
        case _:
            return _OF_KIND[field.kind]


def _map(field: Field) -> Schema:
    free = _OF_KIND[field.kind]
    if not field.about.parts:
        return free
    parts = {name: {"description": description} | free for name, description in field.about.parts.items()}
    return {"type": "object", "properties": parts}


def _text(field: Field) -> Schema:
    about = field.about
    schema: Schema = {"type": "string"} | _lengths(about.min_length, about.max_length, "Length")
    if about.format is not None:
        return schema | {"format": about.format}
    if about.multiline:
        return schema
    # The pattern is for readers of the schema; the rule says in words what to write. More patterns would need an allOf, which
    # `kubectl explain` takes for an Object.
    if not about.patterns:
        patterns, message = [_PRINTABLE], f"give {expectation(field)}, without characters that cannot be printed"
    else:
        patterns, message = [*(f"^({pattern})$" for pattern in about.patterns), _PRINTABLE], f"give {expectation(field)}"
    spelled = Rule(holds=" && ".join(f"self.matches(r'{pattern}')" for pattern in patterns), message=message)
    return _with_validations(schema | {"pattern": patterns[0]}, [spelled.validation()])


def _bounds(field: Field) -> Schema:
    about = field.about
    bounds: Schema = {}
    # A bound is floating point there; larger ones are those of the format.
    for name, inclusive, exclusive in (
        ("inimum", about.minimum, about.exclusive_minimum),
        ("aximum", about.maximum, about.exclusive_maximum),
    ):
        bound = inclusive if inclusive is not None else exclusive
        if bound is not None and abs(bound) <= _LARGEST_EXACT_BOUND:
            bounds[f"m{name}"] = bound
            if inclusive is None:
                bounds[f"exclusiveM{name}"] = True
    return bounds


def _lengths(least: int | None, most: int | None, what: str) -> Schema:
    return {name: length for name, length in ((f"min{what}", least), (f"max{what}", most)) if length is not None}


def _alternatives(field: Field, *, frozen: bool) -> Schema:
    return {block_name(alternative): block_schema(alternative, frozen=frozen) for alternative in field.classes}


def _choice_validations(field: Field, *, frozen: bool) -> list[dict[str, str]]:
    names = [block_name(alternative) for alternative in field.classes]
    given = ", ".join(f"has(self.{name})" for name in names)
    message = f"give exactly one of {', '.join(names)}"
    rules = [Rule(holds=f"[{given}].exists_one(given, given)", message=message)]
    if frozen:
        rules.append(Rule(holds=" && ".join(f"has(self.{name}) == has(oldSelf.{name})" for name in names), message=FROZEN))
    return [rule.validation() for rule in rules]


def _presence(name: str) -> Rule:
    return Rule(holds=f"has(self.{name}) == has(oldSelf.{name})", message=FROZEN, path=name)


def _order(name: str, key: str) -> Rule:
    """Return what equality of lists with keys leaves out."""
    keys = f".{name}.map(one, one.{key})"
    return Rule(holds=f"self{keys} == oldSelf{keys}", message=FROZEN, path=name)


def _with_validations(schema: Schema, validations: Iterable[dict[str, str]]) -> Schema:
    all_of_them = [*schema.get("x-kubernetes-validations", ()), *validations]
    return schema | {"x-kubernetes-validations": all_of_them} if all_of_them else schema


def _without_description(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "description"}


def _explanation(field: Field) -> str:
    description, *more = (sentence for sentence in remarks(field) if sentence != "Required.")
    choices = [field] if field.kind is Kind.ONE_OF else _inline_choices(field)
    exactly = [f"Exactly one of {', '.join(map(block_name, choice.classes))}." for choice in choices]
    members = field.classes[0] if field.kind is Kind.ENUM else ()
    return " ".join([description, *exactly, *more, *(f"{member.value}: {member.description}" for member in members)])


def _inline_choices(field: Field) -> list[Field]:
    return [below for below in fields_of(field.classes[0]) if below.about.inline] if field.kind is Kind.BLOCK else []


def _sentence(block: type[Any]) -> str:
    return " ".join((block.__doc__ or "").split("\n\n")[0].split())

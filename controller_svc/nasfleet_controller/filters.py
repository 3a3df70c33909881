"""AIP-160 filters and AIP-132 orders, read into SQLAlchemy expressions.

As AIP-160 has it, OR binds tighter than AND: `a AND b OR c` means `a AND (b OR c)`; and `-a` is `NOT a`. A comparison with a
field that a row does not have is false, so its NOT is true.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, and_, not_, or_, true

from nasfleet.errors import InvalidInputError

_LONGEST = 2_000
_DEEPEST = 32
_TOKEN = re.compile(
    r"""(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<operator><=|>=|!=|[<>=])|(?P<bracket>[()])|(?P<word>[^\s()<>=!"']+)"""
)
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUALITY = ("=", "!=")
_KEYWORDS = ("AND", "OR", "NOT")
_LARGEST_INTEGER = 2**63 - 1


class InvalidFilterError(InvalidInputError):
    """A filter or an order that cannot be read; the message names the place and the word."""


@dataclass(frozen=True, slots=True)
class Field:
    """Something that can be compared: its column, and how the text beside the comparison is read.

    Attributes:
        column: what is compared, in SQL.
        read: returns the value of a text, or raises ValueError with what it wants instead.
        ordered: whether < and > make sense for it.
    """

    column: ColumnElement[Any]
    read: Callable[[str], object]
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order; rows without the field come last either way."""

    field: str
    descending: bool


def number(text: str) -> float:
    """Return the number that a filter's text is; an `int` wherever the text is one that a database can hold."""
    try:
        value: float = int(text) if re.fullmatch(r"[+-]?\d{1,400}", text) else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("a number")
    return value if abs(value) <= _LARGEST_INTEGER else float(value)


def filter_expression(text: str, fields: Mapping[str, Field]) -> ColumnElement[bool]:
    """Return the expression that is true for the rows that the filter matches; an empty filter matches all.

    Raises:
        InvalidFilterError: if the filter cannot be read.
    """
    if len(text) > _LONGEST:
        raise InvalidFilterError(f"the filter has {len(text):,} characters, more than {_LONGEST:,}: split it")
    return _Reader(text, fields).everything()


def read_order(text: str, fields: Mapping[str, Field]) -> tuple[Order, ...]:
    """Return the keys of an order such as "reward desc, number"; none for an empty text.

    Raises:
        InvalidFilterError: if the order cannot be read, or names a field twice.
    """
    keys = tuple(_read_key(part.split(), text, fields) for part in text.split(",")) if text.strip() else ()
    names = [key.field for key in keys]
    if len(set(names)) < len(names):
        raise InvalidFilterError(f"the order {text!r} names a field twice")
    return keys


def _read_key(words: list[str], text: str, fields: Mapping[str, Field]) -> Order:
    match words:
        case [name] | [name, "asc" | "desc"] if name in fields:
            return Order(name, words[1:] == ["desc"])
        case [name] | [name, "asc" | "desc"]:
            raise InvalidFilterError(f"the order {text!r} names {name!r}; known fields: {', '.join(fields)}")
        case _:
            shape = 'want fields separated by commas, each with an optional " desc": "reward desc, number"'
            raise InvalidFilterError(f"cannot read {' '.join(words)!r} in the order {text!r}: {shape}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class _Reader:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self._text = text
        self._fields = fields
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def everything(self) -> ColumnElement[bool]:
        if self._peek().kind == "end":
            return true()
        expression = self._conjunction()
        if (token := self._peek()).kind != "end":
            self._refuse(token, "want AND, OR or the end")
        return expression

    def _split(self) -> list[_Token]:
        tokens, position = [], 0
        while rest := self._text[position:].lstrip():
            position = len(self._text) - len(rest)
            if (match := _TOKEN.match(self._text, position)) is None:
                why = "a quoted text must end with its quote" if rest[0] in "\"'" else "want a field, a comparison or a bracket"
                self._refuse(_Token("", rest.split()[0], position), why)
            tokens.append(_Token(match.lastgroup or "", match.group(), position))
            position = match.end()
        return [*tokens, _Token("end", "", len(self._text))]

    def _conjunction(self) -> ColumnElement[bool]:
        terms = [self._disjunction()]
        while self._takes("AND"):
            terms.append(self._disjunction())
        return and_(*terms)

    def _disjunction(self) -> ColumnElement[bool]:
        terms = [self._term()]
        while self._takes("OR"):
            terms.append(self._term())
        return or_(*terms)

    def _term(self) -> ColumnElement[bool]:
        if self._takes("NOT") or self._takes_minus():
            return not_(self._simple())
        return self._simple()

    def _simple(self) -> ColumnElement[bool]:
        opening = self._peek()
        if not self._takes("("):
            return self._comparison()
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse(opening, f"brackets may be nested {_DEEPEST} deep")
        inner = self._conjunction()
        if not self._takes(")"):
            self._refuse(self._peek(), "want AND, OR or ')'")
        self._depth -= 1
        return inner

    def _comparison(self) -> ColumnElement[bool]:
        name = self._take()
        field = self._fields.get(name.text) if name.kind == "word" else None
        if field is None:
            self._refuse(name, f"known fields: {', '.join(self._fields)}")
        comparison = self._take()
        if comparison.kind != "operator":
            self._refuse(comparison, f"want one of {' '.join(_COMPARISONS)} after {name.text!r}")
        if not field.ordered and comparison.text not in _EQUALITY:
            self._refuse(comparison, f"{name.text} is compared with = and != only")
        result = _COMPARISONS[comparison.text](field.column, self._value(name.text, field))
        return and_(field.column.is_not(None), result)

    def _value(self, name: str, field: Field) -> object:
        token = self._take()
        if token.kind not in {"quoted", "word"} or token.text in _KEYWORDS:
            self._refuse(token, f"want a value to compare {name!r} with")
        text = re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "quoted" else token.text
        try:
            return field.read(text)
        except ValueError as error:
            self._refuse(token, f"{name} wants {error}")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _takes(self, text: str) -> bool:
        token = self._peek()
        found = token.text == text and token.kind in {"word", "bracket"}
        self._next += found
        return found

    def _takes_minus(self) -> bool:
        """Take the minus that stands right before a field or a bracket, which is another way to write NOT."""
        token = self._peek()
        if token.kind != "word" or not token.text.startswith("-"):
            return False
        if rest := token.text[1:]:
            self._tokens[self._next] = _Token("word", rest, token.position + 1)
        else:
            self._next += 1
        return True

    def _refuse(self, token: _Token, why: str) -> NoReturn:
        word = repr(token.text) if token.text else "the end"
        raise InvalidFilterError(f"cannot read {word} at character {token.position + 1} of the filter {self._text!r}: {why}")

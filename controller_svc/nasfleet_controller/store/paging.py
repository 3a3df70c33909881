"""Pages of a query: each goes on after the last row of the one before, so that rows which come meanwhile shift nothing."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from nasfleet.errors import InvalidInputError

Value = str | int | float | None


class InvalidPageTokenError(InvalidInputError):
    """A page token that was not made here, or not for this query."""


def page_token(query: Sequence[object], last: Sequence[Value]) -> str:
    """Return the token of the page after the row with these values of the order's keys."""
    return urlsafe_b64encode(json.dumps([_digest(query), *last]).encode()).decode()


def last_values(token: str, query: Sequence[object]) -> list[Value]:
    """Return the values that a token of this query was made with.

    Raises:
        InvalidPageTokenError: if it was made for another one, or is none.
    """
    digest: object
    last: list[Value]
    try:
        digest, *last = json.loads(urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError):
        digest, last = None, []
    if digest != _digest(query):
        raise InvalidPageTokenError(
            f"page_token {token!r} belongs to no page of this query: repeat parent, filter and order_by of the page before"
        )
    return last


def after(keys: Sequence[tuple[ColumnElement[Any], bool]], last: Sequence[Value]) -> ColumnElement[bool]:
    """Return what is true for rows after `last` in an order of (column, descending) with absent values last."""
    beyond: ColumnElement[bool] = false()
    for (column, descending), value in zip(reversed(keys), reversed(last), strict=True):
        if value is None:
            beyond = and_(column.is_(None), beyond)
        else:
            further = column < value if descending else column > value
            beyond = or_(further, column.is_(None), and_(column == value, beyond))
    return beyond


def _digest(query: Sequence[object]) -> str:
    return blake2b(json.dumps(query).encode(), digest_size=6).hexdigest()

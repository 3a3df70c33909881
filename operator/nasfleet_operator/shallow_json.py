"""JSON read however deep it is nested: what lies too deep for any reader is cut off rather than ending the program.

The API server takes free fields of any depth, and one such object must not hide the others. What is cut off is refused all the
same where its object is read, since what is left is still deeper than free fields may be; see `nasfleet.catalogue.nesting`.
"""

import re
from typing import Any

import orjson

from nasfleet.errors import UnavailableError

KEPT_LEVELS = 64
"""Of an answer: what an object lies in, more than free fields may have, and few enough for kopf, which copies by recursion."""

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]')


def decode(text: bytes) -> Any:
    """Return the data of an answer, or raise UnavailableError if it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return orjson.loads(shallow(text))
    except orjson.JSONDecodeError as error:
        raise UnavailableError(f"the API server answered with what is no JSON: {error}") from error


def shallow(text: bytes) -> bytes:
    """Return JSON with null in the place of every list and map that lies deeper than `KEPT_LEVELS`."""
    if text.count(b"[") + text.count(b"{") <= KEPT_LEVELS:
        return text
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case b"[" | b"{":
                depth += 1
                if depth == KEPT_LEVELS + 1:
                    kept.append(text[begin : token.start()])
            case b"]" | b"}":
                if depth == KEPT_LEVELS + 1:
                    kept.append(b"null")
                    begin = token.end()
                depth -= 1
    return b"".join([*kept, text[begin:]])

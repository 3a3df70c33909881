"""HOST:PORT, read in one place: where a program serves, or where another one is reached."""

import re
from dataclasses import dataclass
from typing import Literal, overload

from nasfleet.errors import InvalidInputError

LARGEST_PORT = 65_535

_FORM = re.compile(r"(\S+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 stands for one that the system has yet to choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@overload
def parse_address(text: str, what: str, *, any_port: bool = False, or_nothing: Literal[False] = False) -> Address: ...
@overload
def parse_address(text: str, what: str, *, any_port: bool = False, or_nothing: Literal[True]) -> Address | None: ...
def parse_address(text: str, what: str, *, any_port: bool = False, or_nothing: bool = False) -> Address | None:
    """Return the parts of HOST:PORT.

    Args:
        text: what was given.
        what: what it was given for, as the message is to call it.
        any_port: whether port 0 is one, for who listens.
        or_nothing: whether empty text means none, which is None.

    Raises:
        InvalidInputError: if it is anything else; the message has the text and says what to give.
    """
    if or_nothing and not text:
        return None
    match = _FORM.fullmatch(text)
    if match is None or not (0 if any_port else 1) <= int(match[2]) <= LARGEST_PORT:
        free = ", or 0 for any free one" if any_port else ""
        nothing = ", or nothing" if or_nothing else ""
        ports = f"a port from 1 to {LARGEST_PORT}{free}"
        raise InvalidInputError(f"{what} is {text!r}: give HOST:PORT with {ports}, for example 127.0.0.1:50051{nothing}")
    return Address(match[1], int(match[2]))

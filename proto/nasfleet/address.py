"""HOST:PORT, read in one place: where a program serves, or where another one is reached."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal, overload

from nasfleet.errors import InvalidInputError

LARGEST_PORT = 65_535

_FORM = re.compile(r"(?:\[([^]\s]+)\]|([^][:]+)):([0-9]{1,5})")
_LONGEST_NAME = 253
# An underscore is in no host name of the internet's, but in those of Compose and the like.
_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.?"
)
_NUMERIC = re.compile(r"(?:.*\.)?[0-9]+\.?")  # no name ends in a number, so that it cannot be a mistyped IPv4 address


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 stands for one that the system has yet to choose.

    The host is as sockets take it; what is written of an IPv6 address has brackets, as in URLs and for gRPC.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@overload
def parse_address(text: str, what: str, *, any_port: bool = False, or_nothing: Literal[False] = False) -> Address: ...
@overload
def parse_address(text: str, what: str, *, any_port: bool = False, or_nothing: Literal[True]) -> Address | None: ...
def parse_address(text: str, what: str, *, any_port: bool = False, or_nothing: bool = False) -> Address | None:
    """Return the parts of HOST:PORT; the host is a name, an IPv4 address, or an IPv6 address in brackets.

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
    if match is None or not _is_host(match) or not (0 if any_port else 1) <= int(match[3]) <= LARGEST_PORT:
        free = ", or 0 for any free one" if any_port else ""
        nothing = ", or nothing" if or_nothing else ""
        ports = f"a port from 1 to {LARGEST_PORT}{free}"
        raise InvalidInputError(f"{what} is {text!r}: give HOST:PORT with {ports}, for example 127.0.0.1:50051{nothing}")
    return Address(match[1] or match[2], int(match[3]))


def _is_host(match: re.Match[str]) -> bool:
    try:
        if match[1]:
            IPv6Address(match[1])
        elif _NUMERIC.fullmatch(match[2]):
            IPv4Address(match[2])
    except AddressValueError:
        return False
    return bool(match[1]) or (len(match[2]) <= _LONGEST_NAME and _NAME.fullmatch(match[2]) is not None)

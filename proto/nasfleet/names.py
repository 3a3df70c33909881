"""Resource names: `namespaces/{namespace}/searches/{search}/trials/{number}`, `namespaces/{namespace}/pools/{pool}`.

`search_id` and `pool_id` are parts, `name` is a path.
"""

import re
from dataclasses import dataclass
from typing import Self

from nasfleet.errors import InvalidInputError

DEFAULT_NAMESPACE = "default"
DEFAULT_AUDIENCE = "nasfleet-controller"
"""For whom tokens are, unless a controller is told otherwise."""
ALL_NAMESPACES = "namespaces/-"
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(f"namespaces/({_LABEL})")
_SEARCH = re.compile(f"namespaces/({_LABEL})/searches/({_LABEL})")
_POOL = re.compile(f"namespaces/({_LABEL})/pools/({_LABEL})")
_TRIAL = re.compile(rf"namespaces/({_LABEL})/searches/({_LABEL})/trials/(\d{{1,18}})")
_RULE = "parts are lower-case letters, digits and hyphens, 63 characters at most"


def _parts(pattern: re.Pattern[str], name: str, shape: str) -> tuple[str, ...]:
    match = pattern.fullmatch(name)
    if match is None:
        raise InvalidInputError(f"{name!r} is no name of the form {shape}; {_RULE}")
    return match.groups()


def parse_namespace(name: str) -> str:
    """Return the namespace of `namespaces/{namespace}`."""
    return _parts(_NAMESPACE, name, "namespaces/{namespace}")[0]


@dataclass(frozen=True, slots=True)
class SearchName:
    """The name of a search."""

    namespace: str
    search_id: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the parts of a path, or raise InvalidInputError."""
        namespace, search_id = _parts(_SEARCH, name, "namespaces/{namespace}/searches/{search}")
        return cls(namespace, search_id)

    def __str__(self) -> str:
        return f"namespaces/{self.namespace}/searches/{self.search_id}"


@dataclass(frozen=True, slots=True)
class PoolName:
    """The name of a trainer pool."""

    namespace: str
    pool_id: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the parts of a path, or raise InvalidInputError."""
        namespace, pool_id = _parts(_POOL, name, "namespaces/{namespace}/pools/{pool}")
        return cls(namespace, pool_id)

    def __str__(self) -> str:
        return f"namespaces/{self.namespace}/pools/{self.pool_id}"


@dataclass(frozen=True, slots=True)
class TrialName:
    """The name of a trial."""

    search: SearchName
    number: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the parts of a path, or raise InvalidInputError."""
        namespace, search_id, number = _parts(_TRIAL, name, "namespaces/{namespace}/searches/{search}/trials/{number}")
        return cls(SearchName(namespace, search_id), int(number))

    def __str__(self) -> str:
        return f"{self.search}/trials/{self.number}"

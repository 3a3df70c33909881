"""What is wrong with a declaration: where, what it is, and what to write instead; all of it at once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from nasfleet.errors import InvalidInputError

_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """Return a value as it would stand in a document, shortened for a message."""
    text = json.dumps(value, default=str, ensure_ascii=False) if not isinstance(value, StrEnum) else str(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: `path` in the document's spelling, `fault` what stands there, `fix` what should."""

    path: tuple[str, ...]
    fault: str
    fix: str

    def below(self, *parents: str) -> Self:
        """Return the same problem as seen from further up."""
        return replace(self, path=(*parents, *self.path))

    def __str__(self) -> str:
        place = "".join(part if part.startswith("[") else f".{part}" for part in self.path).lstrip(".")
        text = f"{place or 'the document'} {self.fault}: {self.fix}"
        # Half a surrogate pair, which a document can have escaped in it, could not be printed.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


class InvalidParametersError(InvalidInputError):
    """Parameters that break their bounds or do not go together; `problems` says each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

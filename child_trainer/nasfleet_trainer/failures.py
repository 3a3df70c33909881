"""Whose fault a failed child is: the errors that tasks raise, and the one table from any exception to a kind of failure."""

import traceback

from nasfleet.errors import NasfleetError
from nasfleet.measurement import Failure, FailureKind, NotFiniteError

__all__ = [
    "CannotBuildError",
    "GangBrokenError",
    "NotFiniteError",
    "OutOfMemoryError",
    "TimedOutError",
    "TrainerUnableError",
    "classify",
]


class OutOfMemoryError(NasfleetError):
    """The child network does not fit into memory."""


class CannotBuildError(NasfleetError):
    """The description cannot be turned into a child network; trying again would not help."""


class TimedOutError(NasfleetError):
    """The attempt took longer than the search allows."""


class TrainerUnableError(NasfleetError):
    """This trainer lacks a data set, a device or a package; the message says how to get it. Another trainer may have it."""


class GangBrokenError(NasfleetError):
    """The trainers of a gang did not find each other, or one of them was lost to the others."""


_KIND_OF: dict[type[BaseException], FailureKind] = {
    NotFiniteError: FailureKind.NOT_FINITE,
    OutOfMemoryError: FailureKind.OUT_OF_MEMORY,
    MemoryError: FailureKind.OUT_OF_MEMORY,
    CannotBuildError: FailureKind.CANNOT_BUILD,
    TimedOutError: FailureKind.TIMED_OUT,
    TrainerUnableError: FailureKind.TRAINER_UNABLE,
    GangBrokenError: FailureKind.GANG_BROKEN,
}
_MOST_MESSAGE, _MOST_TRACEBACK = 1_000, 16_000  # characters; the end of a traceback says most
# The agent imports no torch, so torch's own errors are known by name and by what they say: torch.OutOfMemoryError on a GPU, a
# plain RuntimeError of the allocator on the CPU.
_OUT_OF_MEMORY_NAME = "OutOfMemoryError"
_OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def _kind_of(error: BaseException) -> FailureKind:
    for known, kind in _KIND_OF.items():
        if isinstance(error, known):
            return kind
    says_memory = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY_WORDS)
    if says_memory or type(error).__name__ == _OUT_OF_MEMORY_NAME:
        return FailureKind.OUT_OF_MEMORY
    return FailureKind.CRASHED


def classify(error: BaseException) -> Failure:
    """Return the failure that this error is, with its traceback; what no table knows has crashed."""
    message = str(error) if isinstance(error, NasfleetError) else f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))
    return Failure(_kind_of(error), message[:_MOST_MESSAGE], trace[-_MOST_TRACEBACK:])

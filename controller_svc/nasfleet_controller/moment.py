"""Now, on both clocks: the monotonic one rules leases, Unix time goes into records; both in seconds."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks."""

    now: float
    at: float


def this_moment() -> Moment:
    """Read both clocks."""
    return Moment(now=time.monotonic(), at=time.time())

"""Waiting in a cluster whose parts come and go."""

import time
from collections.abc import Callable

from nasfleet.errors import NasfleetError

PATIENCE_SECONDS = 240.0


def until(condition: Callable[[], bool], what: str, within: float = PATIENCE_SECONDS) -> float:
    """Wait until something is so, in a cluster whose parts may be away meanwhile; return how long it took, in seconds."""
    began = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except NasfleetError:
            pass  # the controller is just not there
        assert time.monotonic() - began < within, f"not within {within:g} s: {what}"
        time.sleep(0.25)

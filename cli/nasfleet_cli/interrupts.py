"""Requests to end: Ctrl-C, and what stands for it."""

import contextlib
import signal
from collections.abc import Iterator

INTERRUPTED_EXIT_CODE = 130  # what a shell gives for Ctrl-C
_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")  # each system has some of them


@contextlib.contextmanager
def interrupts() -> Iterator[None]:
    """Take a request to end, or a terminal that is closed, for Ctrl-C."""
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

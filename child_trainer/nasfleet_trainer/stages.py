"""What a child goes through before its first epoch, as its task says it: `with stage("build"): network = ...`.

It is told to whoever listens, which is the trial's trace if there is one. Tasks of your own may do the same.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, float, float], None]
"""Takes the name of a stage, when it began and when it ended, in Unix seconds."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Tell of what happens in this context, whether or not it goes well."""
    began = time.time()
    try:
        yield
    finally:
        if (listener := _listener.get()) is not None:
            listener(name, began, time.time())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell this listener of the stages in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)

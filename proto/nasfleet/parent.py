"""What a program does when the process that started it is gone (`--exit-with-parent`)."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable


def when_parent_is_gone(act: Callable[[], object]) -> None:
    """Call something in the running loop when standard input ends: it does when the parent is gone, however it went."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # not sys.stdin.read: its lock would end the interpreter's own ending
            pass
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(act)

    threading.Thread(target=watch, daemon=True, name="parent").start()

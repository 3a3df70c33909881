"""Whether a controller holds a state directory; one whose command line was killed goes on holding it while it ends."""

import importlib.util
import time
from pathlib import Path

_LOCK = "controller.lock"
_POLL_SECONDS = 0.1


def is_held(state: Path) -> bool:
    """Return whether a controller holds the directory, by trying to hold it for a moment."""
    if not (state / _LOCK).exists() or importlib.util.find_spec("filelock") is None:
        return False
    import filelock

    try:
        with filelock.FileLock(state / _LOCK, timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


def wait_until_free(state: Path, seconds: float) -> None:
    """Wait until no controller holds the directory, at most for so long."""
    deadline = time.monotonic() + seconds
    while is_held(state) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)

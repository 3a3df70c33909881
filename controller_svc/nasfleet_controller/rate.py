"""How many things happened lately, for people who watch."""

from collections import deque

WINDOW_SECONDS = 60


class Rate:
    """Events per second over the last minute, or over the time since the first if that is shorter."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()

    def count(self, now: float) -> None:
        """Take note of one event."""
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + 1)
        else:
            self._seconds.append((second, 1))
        self._forget(now)

    def per_second(self, now: float) -> float:
        """Return the rate."""
        self._forget(now)
        if not self._seconds:
            return 0.0
        return sum(count for _, count in self._seconds) / max(1.0, now - self._seconds[0][0])

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] < now - WINDOW_SECONDS:
            self._seconds.popleft()

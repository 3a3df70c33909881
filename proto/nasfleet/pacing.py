"""How often something may happen: a bucket of tokens that fills at a steady rate."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """At most `burst` calls at once and `per_second` in the long run; times are of any one clock, in seconds."""

    per_second: float
    burst: int
    _free_at: float = 0.0

    def has_room(self, now: float) -> bool:
        """Return whether a call would not have to wait."""
        return self._free_at <= now

    def reserve(self, now: float) -> float:
        """Take one call; return how many seconds to wait before making it."""
        step = 1.0 / self.per_second
        self._free_at = max(self._free_at, now - (self.burst - 1) * step)
        wait = max(0.0, self._free_at - now)
        self._free_at += step
        return wait

"""How often something may happen: a bucket of tokens that fills at a steady rate."""

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """At most `burst` calls at once and `per_second` in the long run; times are of any one clock, in seconds."""

    per_second: float
    burst: int
    _free_at: float = 0.0

    def reserve(self, now: float) -> float:
        """Take one call; return how many seconds to wait before making it."""
        step = 1.0 / self.per_second
        self._free_at = max(self._free_at, now - (self.burst - 1) * step)
        wait = max(0.0, self._free_at - now)
        self._free_at += step
        return wait

    def take(self, now: float) -> bool:
        """Take one call if it would not have to wait; return whether it was taken."""
        if self._free_at > now:
            return False
        self.reserve(now)
        return True


@dataclass(slots=True)
class Paces:
    """A pace for each of many; whoever comes under ever new names makes it forget, not grow."""

    per_second: float
    burst: int
    most: int
    _paces: dict[Hashable, Pace] = field(default_factory=dict)

    def of(self, whom: Hashable) -> Pace:
        """Return somebody's pace."""
        if whom not in self._paces and len(self._paces) >= self.most:
            self._paces.clear()
        return self._paces.setdefault(whom, Pace(self.per_second, self.burst))

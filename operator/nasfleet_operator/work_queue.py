"""Which resource is looked at when: bursts joined, failures spaced out, nobody starved."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key")

MOST_DOUBLINGS = 16  # from half a second to nine hours, far more than any backoff is let grow to


@dataclass(frozen=True, slots=True)
class Spacing:
    """How passes over one key are spaced, in seconds.

    Attributes:
        interval: between the beginnings of two passes, at least; what comes in between is seen by the second. Long enough to
            join the events of pods that are made together, and too short for people to wait for.
        first_backoff: before the pass after a failure; twice as long after each further one.
        last_backoff: at most, which is how long after its cause is mended a failure may go on.
    """

    interval: float = 0.5
    first_backoff: float = 0.5
    last_backoff: float = 60.0


@dataclass(slots=True)
class _Entry:
    due: float | None = None  # when to look at it next; None: not before something happens
    not_before: float = 0.0
    failures: int = 0
    in_work: bool = False


@dataclass(slots=True)
class Schedule(Generic[Key]):
    """The decisions of the queue; `now` is of any one clock, in seconds. Keys are taken in the order in which they are due."""

    spacing: Spacing
    jitter: random.Random
    _entries: dict[Key, _Entry] = field(default_factory=dict)

    def add(self, key: Key, now: float) -> bool:
        """Look at a key as soon as its spacing allows; return whether it would not have been looked at so soon."""
        entry = self._entries.setdefault(key, _Entry())
        due = entry.due
        self._look_at(entry, now)
        return entry.due != due

    def take(self, now: float) -> Key | None:
        """Return the key that has been due for longest and is in nobody's work, if there is one; it is in work then."""
        due = [(entry.due, key) for key, entry in self._entries.items() if _is_due(entry, now)]
        if not due:
            return None
        key = min(due, key=lambda one: one[0] or 0.0)[1]
        entry = self._entries[key]
        entry.due, entry.in_work, entry.not_before = None, True, now + self.spacing.interval
        return key

    def succeed(self, key: Key, now: float, again_in: float | None) -> None:
        """Take a key out of work; look at it again after `again_in` seconds though nothing happens."""
        entry = self._entries[key]
        entry.in_work, entry.failures = False, 0
        if again_in is not None:
            self._look_at(entry, now + again_in)
        for idle in [one for one, about in self._entries.items() if _is_idle(about, now)]:
            del self._entries[idle]

    def fail(self, key: Key, now: float) -> None:
        """Take a key out of work whose pass has failed; it is looked at again after its backoff, never before."""
        entry = self._entries[key]
        # The exponent has an end, since a power that no float holds is an error, and some keys fail for days.
        doubled = self.spacing.first_backoff * 2 ** min(entry.failures, MOST_DOUBLINGS)
        backoff = min(doubled, self.spacing.last_backoff)
        entry.in_work, entry.failures = False, entry.failures + 1
        entry.not_before = now + backoff * self.jitter.uniform(0.8, 1.2)
        entry.due = entry.not_before

    def next_due(self) -> float | None:
        """Return when the next key is due that is in nobody's work, if there is one."""
        return min((entry.due for entry in self._entries.values() if entry.due is not None and not entry.in_work), default=None)

    def waiting(self, now: float) -> int:
        """Return how many keys are due and in nobody's work."""
        return sum(_is_due(entry, now) for entry in self._entries.values())

    @staticmethod
    def _look_at(entry: _Entry, at: float) -> None:
        allowed = max(at, entry.not_before)
        entry.due = allowed if entry.due is None else min(entry.due, allowed)


def _is_due(entry: _Entry, now: float) -> bool:
    return not entry.in_work and entry.due is not None and entry.due <= now


def _is_idle(entry: _Entry, now: float) -> bool:
    return not entry.in_work and entry.due is None and entry.not_before <= now


class WorkQueue(Generic[Key]):
    """A Schedule by the running loop's clock, from which workers take."""

    def __init__(self, schedule: Schedule[Key], clock: Callable[[], float]) -> None:
        self._schedule = schedule
        self._clock = clock
        self._changed = asyncio.Event()

    def add(self, key: Key) -> None:
        """Look at a key as soon as its spacing allows."""
        if self._schedule.add(key, self._clock()):  # most events come while their key is due anyway
            self._changed.set()

    def succeed(self, key: Key, again_in: float | None) -> None:
        """Say that a pass has ended; look again after `again_in` seconds though nothing happens."""
        self._schedule.succeed(key, self._clock(), again_in)
        self._changed.set()

    def fail(self, key: Key) -> None:
        """Say that a pass has failed."""
        self._schedule.fail(key, self._clock())
        self._changed.set()

    def waiting(self) -> int:
        """Return how many keys are due and in nobody's work."""
        return self._schedule.waiting(self._clock())

    async def take(self) -> Key:
        """Return the next key, waiting for one."""
        while (key := self._schedule.take(self._clock())) is None:
            due = self._schedule.next_due()
            self._changed.clear()
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - self._clock())):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return key

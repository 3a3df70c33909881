"""The slots that are free, counted by kind of trainer, so that what suits a search is decided once for each kind. Pure."""

import math
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from nasfleet_controller.placing import Demand, suits
from nasfleet_controller.trainers import Trainer


@dataclass(slots=True)
class _Kind:
    """Trainers that suit the same searches, shown by the one that has been silent for longest."""

    example: Trainer
    free: int = 0


class FreeSlots:
    """What is left of the free slots of trainers that take work; those that joined first go first."""

    def __init__(self, trainers: Iterable[Trainer], now: float) -> None:
        self._now = now
        self._kinds: dict[Hashable, _Kind] = {}
        self._suiting: dict[int, Iterator[Trainer]] = {}
        for trainer in trainers:
            if trainer.spare(1) and trainer.takes_work(now):
                self._count(trainer)

    def __bool__(self) -> bool:
        return any(kind.free for kind in self._kinds.values())

    def suiting(self, demand: Demand) -> Iterator[Trainer]:
        """Return an iterator that takes one slot after another that suits a search, and yields a trainer of its kind."""
        return self._suiting.setdefault(demand.search_id, self._take(demand))

    def _count(self, trainer: Trainer) -> None:
        unable = frozenset(search_id for search_id, until in list(trainer.unable_until.items()) if until > self._now)
        labels, silent = frozenset(trainer.standing.labels.items()), math.ceil(self._now - trainer.heard_at)
        key = (trainer.profile.pool, trainer.standing.namespace, labels, unable, silent, bool(trainer.profile.gang_host))
        kind = self._kinds.setdefault(key, _Kind(trainer))
        kind.example = min(kind.example, trainer, key=lambda one: one.heard_at)
        kind.free += trainer.profile.slots - len(trainer.leases)

    def _take(self, demand: Demand) -> Iterator[Trainer]:
        for kind in self._kinds.values():
            if kind.free and suits(kind.example, demand, self._now):
                while kind.free:
                    kind.free -= 1
                    yield kind.example

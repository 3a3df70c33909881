"""Trainer pools as they were declared, and what follows from that for their trainers. Pure."""

from collections.abc import Collection, Iterable, Mapping

from nasfleet.names import PoolName
from nasfleet_controller.records import PoolDeclared
from nasfleet_controller.trainers import Standing, TrainerProfile


class Pools:
    """The declared pools, and which of their trainers get no further trials."""

    def __init__(self, declared: Iterable[PoolDeclared]) -> None:
        self.declared = {pool.name: pool for pool in declared}
        self._cordons: dict[PoolName, frozenset[str]] = {}
        self._doubts: set[tuple[PoolName | None, int]] = set()

    def declare(self, pool: PoolDeclared, cordoned: Collection[str]) -> bool:
        """Take in a declaration; return whether it differs from the one before in what is kept for good."""
        known = self.declared.get(pool.name)
        self.declared[pool.name] = pool
        self._cordons[pool.name] = frozenset(cordoned)
        return pool != known

    def delete(self, name: PoolName) -> bool:
        """Forget a pool; return whether it was declared."""
        self._cordons.pop(name, None)
        self._doubts = {doubt for doubt in self._doubts if doubt[0] != name}
        return self.declared.pop(name, None) is not None

    def cordoned(self, name: PoolName) -> frozenset[str]:
        """Return the names of the trainers of a pool that get no further trials."""
        return self._cordons.get(name, frozenset())

    def doubt(self, name: PoolName | None, search_id: int) -> None:
        """Take note that a trainer of a pool said that it cannot run a search."""
        self._doubts.add((name, search_id))

    def trust(self, name: PoolName | None, search_id: int) -> None:
        """Take note that a trainer of a pool runs a search."""
        self._doubts.discard((name, search_id))

    def doubts(self, name: PoolName, search_id: int) -> bool:
        """Return whether the last that was heard of a pool and a search is that it cannot run it."""
        return (name, search_id) in self._doubts

    def standing(self, profile: TrainerProfile) -> Standing:
        """Return what follows for a trainer: its own labels count unless its pool was declared."""
        if profile.pool is None:
            return Standing(None, profile.labels)
        declared = self.declared.get(profile.pool)
        labels = profile.labels if declared is None else declared.labels
        return Standing(profile.pool.namespace, labels, profile.name in self.cordoned(profile.pool))


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether the labels have all that a search asks for."""
    return all(labels.get(key) == value for key, value in selector.items())

"""What the watches told last, as values: no pass asks the API server for what it already knows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from nasfleet_operator.kinds import BUDGETS, CONFIG_MAPS, DEPLOYMENTS, PODS, POOL_LABEL, POOLS, SEARCHES, Kind
from nasfleet_operator.kubernetes_objects import read_pod, read_pool, read_search
from nasfleet_operator.observed import Pod, PodLoss, PoolResource, SearchResource
from nasfleet_operator.pod_losses import loss_of

Raw = Mapping[str, Any]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Key:
    """A TrainerPool or an ArchitectureSearch: what passes are about."""

    kind: Kind
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: str
    version: int
    value: Any


@dataclass(frozen=True, slots=True)
class _Gone:
    version: int
    at: float


class Cache:
    """Objects of all kinds by the pool or search that they belong to. `now` is in Unix seconds.

    Versions decide between two tellings of one object, so that a list, a watch and the answer to a write may come in any order;
    what was told to be gone stays gone unless a newer telling has it, as of an object that lost our label and got it back. For
    `remember_seconds` that is remembered, and so are lost pods.
    """

    def __init__(self, remember_seconds: float) -> None:
        self._remember_seconds = remember_seconds
        self._of: dict[Kind, dict[Key, dict[str, _Entry]]] = {kind: {} for kind in _READERS}
        self._gone: dict[str, _Gone] = {}
        self._lost: dict[Key, dict[str, PodLoss]] = {}

    def hear(self, kind: Kind, happened: str | None, raw: Raw, now: float) -> Key | None:
        """Take in what a watch tells, with Kubernetes' word for what happened; return whom that concerns, if it is news."""
        return self.drop(kind, raw, now) if happened == "DELETED" else self.take(kind, raw)

    def take(self, kind: Kind, raw: Raw) -> Key | None:
        """Take in an object as it is; return whom that concerns, if it is news."""
        about = raw["metadata"]
        owner = _owner(kind, about)
        version = int(about["resourceVersion"])
        entries = self._of[kind].get(owner, {})
        old = entries.get(about["name"])
        gone = self._gone.get(about["uid"])
        if (gone is not None and gone.version >= version) or (old is not None and old.version >= version):
            return None
        value = _READERS[kind](raw)
        self._of[kind].setdefault(owner, {})[about["name"]] = _Entry(about["uid"], version, value)
        return None if old is not None and old.value == value else owner

    def drop(self, kind: Kind, raw: Raw, now: float) -> Key:
        """Take in that an object is gone, with its last state; return whom that concerns."""
        about = raw["metadata"]
        owner, version = _owner(kind, about), int(about["resourceVersion"])
        entry = self._of[kind].get(owner, {}).get(about["name"])
        if entry is not None and (entry.uid != about["uid"] or entry.version > version):
            self._gone[about["uid"]] = _Gone(version, now)  # another object of that name is there, or this one is again
        else:
            self._forget(kind, owner, about["name"], _Entry(about["uid"], version, _READERS[kind](raw)), now)
        return owner

    def drop_absent(self, kind: Kind, listed: Iterable[str], version: int, now: float) -> frozenset[Key]:
        """Forget what a whole list of a kind, by uids, does not have though it is newer; return whom that concerns."""
        uids = frozenset(listed)
        known = [(owner, name, entry) for owner, entries in self._of[kind].items() for name, entry in entries.items()]
        absent = [(owner, name, entry) for owner, name, entry in known if entry.uid not in uids and entry.version <= version]
        for owner, name, entry in absent:
            self._forget(kind, owner, name, replace(entry, version=version), now)
        self._forget_past(now)
        return frozenset(owner for owner, _, _ in absent)

    def pool(self, key: Key) -> PoolResource | None:
        """Return a pool, if there is one."""
        found: PoolResource | None = self._one(POOLS, key, key.name)
        return found

    def search(self, key: Key) -> SearchResource | None:
        """Return a search, if there is one."""
        found: SearchResource | None = self._one(SEARCHES, key, key.name)
        return found

    def made(self, kind: Kind, key: Key, name: str) -> Raw | None:
        """Return the object of a kind that was made of a pool and has this name."""
        found: Raw | None = self._one(kind, key, name)
        return found

    def pods(self, key: Key) -> tuple[Pod, ...]:
        """Return the pods of a pool."""
        return tuple(entry.value for entry in self._of[PODS].get(key, {}).values())

    def lost(self, key: Key, now: float) -> tuple[PodLoss, ...]:
        """Return the pods of a pool that are no more and were lost lately."""
        due = now - self._remember_seconds
        return tuple(loss for loss in self._lost.get(key, {}).values() if loss.at > due)

    def resources(self) -> frozenset[Key]:
        """Return all pools and searches."""
        return frozenset([*self._of[POOLS], *self._of[SEARCHES]])

    def count(self, kind: Kind) -> int:
        """Return how many pools or searches there are."""
        return len(self._of[kind])

    def _one(self, kind: Kind, owner: Key, name: str) -> Any:
        entry = self._of[kind].get(owner, {}).get(name)
        return None if entry is None else entry.value

    def _forget(self, kind: Kind, owner: Key, name: str, last: _Entry, now: float) -> None:
        entries = self._of[kind].get(owner, {})
        entries.pop(name, None)
        if not entries:
            self._of[kind].pop(owner, None)
        self._gone[last.uid] = _Gone(last.version, now)
        if kind is PODS and (loss := loss_of(last.value)) is not None:
            self._lost.setdefault(owner, {})[loss.uid] = loss
        if kind is POOLS:
            self._lost.pop(owner, None)  # another pool of that name has lost nothing

    def _forget_past(self, now: float) -> None:
        due = now - self._remember_seconds
        self._gone = {uid: gone for uid, gone in self._gone.items() if gone.at > due}
        for owner, losses in list(self._lost.items()):
            recent = {uid: loss for uid, loss in losses.items() if loss.at > due}
            if recent:
                self._lost[owner] = recent
            else:
                del self._lost[owner]


def _owner(kind: Kind, about: Raw) -> Key:
    if kind in {POOLS, SEARCHES}:
        return Key(kind, about["namespace"], about["name"])
    return Key(POOLS, about["namespace"], about["labels"][POOL_LABEL])


def _read_object(raw: Raw) -> Raw:
    """Return an object without what changes with each write and is of no interest, so that equal ones are equal."""
    dull = ("managedFields", "resourceVersion")
    return {**raw, "metadata": {name: value for name, value in raw["metadata"].items() if name not in dull}}


def _read_budget(raw: Raw) -> Raw:
    """Return a PodDisruptionBudget without its status, which changes with each pod and decides nothing here."""
    return {name: value for name, value in _read_object(raw).items() if name != "status"}


_READERS: Mapping[Kind, Callable[[Raw], object]] = {
    POOLS: read_pool,
    SEARCHES: read_search,
    DEPLOYMENTS: _read_object,
    BUDGETS: _read_budget,
    CONFIG_MAPS: _read_object,
    PODS: read_pod,
}

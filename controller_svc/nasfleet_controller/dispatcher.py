"""Who works on what: trainers, their leases and fences, and which trainer gets the next trial. Pure: `now` comes in.

`now` is a monotonic clock's, in seconds: a lease must not end because somebody set the time. A lease lasts as long as its
trainer was heard of within the search's lease time; what it protects is decided by its fence, never by the clock.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from nasfleet.names import PoolName
from nasfleet_controller.pools import Pools, selects
from nasfleet_controller.records import PoolDeclared
from nasfleet_controller.trainers import Lease, Standing, Trainer, TrainerProfile

UNABLE_BACKOFF_SECONDS = 30.0
PREFETCH_PER_SLOT = 1
MOST_PER_SLOT = 1 + PREFETCH_PER_SLOT


@dataclass(slots=True)
class Demand:
    """What one search asks of the fleet: `available` more leases of so many seconds, beside the `running` ones it has."""

    search_id: int
    available: int
    running: int
    weight: float
    namespace: str
    labels: Mapping[str, str]
    lease_seconds: float = math.inf

    @property
    def share(self) -> float:
        """Leases for each unit of weight; the search with the smallest is served first."""
        return self.running / self.weight


@dataclass(frozen=True, slots=True)
class Placement:
    """A trainer for the next trial of a search."""

    search_id: int
    instance_id: str


class Dispatcher:
    """The fleet as the controller sees it."""

    def __init__(self, last_fence: int, pools: Iterable[PoolDeclared] = ()) -> None:
        self.last_fence = last_fence
        self.pools = Pools(pools)
        self.trainers: dict[str, Trainer] = {}
        self.leases: dict[int, Lease] = {}
        self._roomy: dict[str, Trainer] = {}  # those that may hold more, so that nobody looks through the whole fleet
        self._ranks = count()
        self._told_to_leave: set[str] = set()

    def connect(self, profile: TrainerProfile, held: Sequence[int], now: float) -> tuple[list[Lease], list[int]]:
        """Take in a trainer, or take it back after a broken stream.

        Returns:
            Its leases that it no longer works on, to be ended by the caller, and the fences that it works on in vain.
        """
        known = self.trainers.get(profile.instance_id)
        if known is None:
            self._enlist(profile, now)
            return [], sorted(held)
        known.profile, known.heard_at, known.connected = profile, now, True
        known.standing = self.pools.standing(profile)
        self._note_room(known)
        for lease in known.leases.values():
            lease.wanted_back = False  # the order may not have reached it
        dropped = [lease for fence, lease in known.leases.items() if fence not in held]
        return dropped, sorted(set(held) - known.leases.keys())

    def disconnect(self, instance_id: str) -> None:
        """Take note that a stream ended; its leases stay until they expire or the trainer is back."""
        trainer = self.trainers[instance_id]
        trainer.connected = False
        self._forget_if_gone(trainer)

    def restore(self, lease: Lease, profile: TrainerProfile, namespace: str, now: float) -> None:
        """Take in a lease that was open before a restart, with one lease time of grace; its search is of that namespace."""
        trainer = self.trainers.get(profile.instance_id) or self._enlist(profile, now)
        trainer.connected = False
        trainer.standing = Standing(namespace, {})
        self._hold(trainer, lease)

    def hear(self, instance_id: str, now: float) -> None:
        """Renew all leases of a trainer."""
        self.trainers[instance_id].heard_at = now

    def grant(self, placement: Placement, number: int, lease_seconds: float, now: float) -> Lease:
        """Give out a lease under the next fence."""
        self.last_fence += 1
        lease = Lease(self.last_fence, placement.search_id, number, placement.instance_id, lease_seconds, now)
        self._hold(self.trainers[placement.instance_id], lease)
        return lease

    def end(self, fence: int, now: float) -> Lease:
        """Void a lease."""
        lease = self.leases.pop(fence)
        trainer = self.trainers[lease.instance_id]
        if not trainer.spare(1):
            trainer.free_since = now
        del trainer.leases[fence]
        if not trainer.leases and trainer.unable_until.get(lease.search_id, now) <= now:
            trainer.idle_since = now  # who only says again that it is unable has been idle all the while
        self._note_room(trainer)
        self._forget_if_gone(trainer)
        return lease

    def declare(self, pool: PoolDeclared, cordoned: Collection[str]) -> bool:
        """Take in what a pool is from now on; return whether anything differs that is kept for good."""
        changed = self.pools.declare(pool, cordoned)
        self._judge_trainers_of(pool.name)
        return changed

    def delete_pool(self, name: PoolName) -> bool:
        """Forget what a pool was declared to be; return whether it was."""
        known = self.pools.delete(name)
        self._judge_trainers_of(name)
        return known

    def members(self, pool: PoolName, names: Collection[str]) -> list[Trainer]:
        """Return the trainers of a pool that have these names, those included that have not been back since a restart."""
        return [
            trainer
            for trainer in self.trainers.values()
            if trainer.profile.name in names and (trainer.profile.pool == pool or _may_be_of(trainer, pool))
        ]

    def earlier_processes(self, profile: TrainerProfile) -> list[Trainer]:
        """Return what ran in a newcomer's pod before it: names of pods are unique, so it runs no longer."""
        if profile.pool is None or profile.instance_id in self.trainers:
            return []
        return self.members(profile.pool, {profile.name})

    def tell_to_leave(self, names: Collection[str]) -> list[Trainer]:
        """Give trainers nothing more, also if they come back before they have said that they leave; return those found."""
        found = [trainer for trainer in self.trainers.values() if trainer.profile.name in names]
        for trainer in found:
            trainer.draining = True
            self._told_to_leave.add(trainer.profile.instance_id)
        return found

    def leaves(self, instance_id: str) -> None:
        """Take note that a trainer says that it leaves."""
        self.trainers[instance_id].draining = True
        self._told_to_leave.discard(instance_id)

    def forgive(self, now: float) -> None:
        """Renew every lease: the controller stood still, and what its trainers said meanwhile waits to be heard."""
        for trainer in self.trainers.values():
            trainer.heard_at = now

    def expired(self, now: float) -> list[Lease]:
        """Return the leases whose trainers have been silent for too long."""
        return [
            lease for lease in self.leases.values() if now - self.trainers[lease.instance_id].heard_at > lease.lease_seconds
        ]

    def mark_unable(self, lease: Lease, now: float) -> Trainer:
        """Give a trainer nothing of a search for a while, for it said that it cannot run it; return it."""
        trainer = self.trainers[lease.instance_id]
        trainer.unable_until[lease.search_id] = now + UNABLE_BACKOFF_SECONDS
        self.pools.doubt(trainer.profile.pool, lease.search_id)
        return trainer

    def note_epoch(self, lease: Lease, epoch: int, value: float) -> None:
        """Take note of how far a training is."""
        lease.epoch, lease.value = epoch, value
        self.pools.trust(self.trainers[lease.instance_id].profile.pool, lease.search_id)

    def note_measured(self, lease: Lease) -> None:
        """Take note that a trainer has measured a trial."""
        trainer = self.trainers[lease.instance_id]
        trainer.measured += 1
        self.pools.trust(trainer.profile.pool, lease.search_id)

    def place(self, demands: Sequence[Demand], now: float) -> Iterator[Placement]:
        """Yield a trainer for each next trial; the caller grants it before it asks for another.

        Searches are served by weight. Trainers with a free slot come first, in the order in which they joined the fleet, so
        that whoever is not needed stays idle; then one trial for each slot is given ahead of time, so that no trainer waits
        between two children.
        """
        for per_slot in (1, MOST_PER_SLOT):
            roomy = (trainer for trainer in self._roomy.values() if trainer.takes_work(now) and trainer.spare(per_slot))
            ranked = sorted(roomy, key=lambda trainer: trainer.rank)
            spare = {trainer.profile.instance_id: trainer for trainer in ranked}
            waiting = [demand for demand in demands if demand.available > 0]
            while spare and waiting:
                demand = min(waiting, key=lambda candidate: candidate.share)
                chosen = next((name for name, trainer in spare.items() if suits(trainer, demand, now)), None)
                if chosen is None:
                    waiting.remove(demand)
                    continue
                yield Placement(demand.search_id, chosen)
                demand.available -= 1
                demand.running += 1
                if demand.available <= 0:
                    waiting.remove(demand)
                if not spare[chosen].spare(per_slot):
                    del spare[chosen]

    def _enlist(self, profile: TrainerProfile, now: float) -> Trainer:
        standing = self.pools.standing(profile)
        trainer = Trainer(profile, next(self._ranks), standing, heard_at=now, free_since=now, idle_since=now)
        trainer.draining = profile.instance_id in self._told_to_leave
        self.trainers[profile.instance_id] = trainer
        self._note_room(trainer)
        return trainer

    def _judge_trainers_of(self, pool: PoolName) -> None:
        for trainer in self.trainers.values():
            if trainer.profile.pool == pool:
                trainer.standing = self.pools.standing(trainer.profile)

    def _hold(self, trainer: Trainer, lease: Lease) -> None:
        trainer.leases[lease.fence] = self.leases[lease.fence] = lease
        self._note_room(trainer)

    def _note_room(self, trainer: Trainer) -> None:
        if trainer.spare(MOST_PER_SLOT):
            self._roomy[trainer.profile.instance_id] = trainer
        else:
            self._roomy.pop(trainer.profile.instance_id, None)

    def _forget_if_gone(self, trainer: Trainer) -> None:
        if not trainer.connected and not trainer.leases:
            del self.trainers[trainer.profile.instance_id], self._roomy[trainer.profile.instance_id]


def _may_be_of(trainer: Trainer, pool: PoolName) -> bool:
    """Return whether this trainer, of which a restart left only leases, served searches that the pool serves."""
    return trainer.profile.pool is None and trainer.standing.namespace == pool.namespace


def suits(trainer: Trainer, demand: Demand, now: float) -> bool:
    """Return whether a lease makes sense: one that would expire at once is none."""
    if now - trainer.heard_at > demand.lease_seconds or trainer.unable_until.get(demand.search_id, now) > now:
        return False
    standing = trainer.standing
    return standing.namespace in {None, demand.namespace} and selects(demand.labels, standing.labels)

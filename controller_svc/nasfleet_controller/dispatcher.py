"""Who works on what: trainers, their leases and fences. Pure: `now` comes in.

`now` is a monotonic clock's, in seconds: a lease must not end because somebody set the time. A lease lasts as long as its
trainer was heard of within the search's lease time; what it protects is decided by its fence, never by the clock. A gang has
one lease, which all its members hold: what ends it ends it for all of them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count

from nasfleet.errors import ConflictError
from nasfleet.names import PoolName
from nasfleet_controller.placing import MOST_PER_SLOT, Bookings, Demand, Placement, place
from nasfleet_controller.pools import Pools
from nasfleet_controller.records import PoolDeclared
from nasfleet_controller.trainers import Lease, Standing, Trainer, TrainerProfile

UNABLE_BACKOFF_SECONDS = 30.0


class Dispatcher:
    """The fleet as the controller sees it."""

    def __init__(self, last_fence: int, pools: Iterable[PoolDeclared] = ()) -> None:
        self.last_fence = last_fence
        self.pools = Pools(pools)
        self.trainers: dict[str, Trainer] = {}
        self.leases: dict[int, Lease] = {}
        self.bookings = Bookings()
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
            known = self._enlist(profile, now)
        known.profile, known.heard_at, known.connected = profile, now, True
        known.standing = self.pools.standing(profile)
        self._note_room(known)
        for lease in known.leases.values():
            lease.wanted_back = False  # the order may not have reached it
        self._take_in_members(known, held)
        dropped = [
            lease for fence, lease in known.leases.items() if fence not in held and lease.is_told_to(profile.instance_id)
        ]
        return dropped, sorted(set(held) - known.leases.keys())

    def lease_of(self, instance_id: str, fence: int) -> Lease | None:
        """Return the lease with a fence if this trainer is one of those that hold it: fences are numbers, easy to guess."""
        lease = self.leases.get(fence)
        return lease if lease is not None and instance_id in lease.members else None

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
        lease.size = 1 + len(placement.others)
        lease.others += placement.others
        for member in lease.members:
            self._hold(self.trainers[member], lease)
        return lease

    def end(self, fence: int, now: float) -> Lease:
        """Void a lease."""
        lease = self.leases.pop(fence)
        for member in lease.members:
            self._release(self.trainers[member], lease, now)
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
        return [one for one in self.trainers.values() if one.profile.name in names and one.profile.pool == pool]

    def refuse_impostor(self, profile: TrainerProfile) -> None:
        """Refuse whoever comes under the instance id of another trainer, whose leases are none of theirs.

        Raises:
            ConflictError: if name or pool differ; one that was of no pool may have got one.
        """
        known = self.trainers.get(profile.instance_id)
        if known is None:
            return
        if known.profile.name != profile.name or known.profile.pool not in {None, profile.pool}:
            raise ConflictError(
                f"instance {profile.instance_id} is another trainer, {known.profile.name}: make an id of your own"
            )

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
        """Return the leases of which a trainer has been silent, or not back after a restart, for too long."""
        return [lease for lease in self.leases.values() if self.silence(lease, now) > lease.lease_seconds]

    def silence(self, lease: Lease, now: float) -> float:
        """Return for how many seconds nothing was heard of the trainer of a lease; of a gang, of the most silent one."""
        if lease.is_whole and not lease.others:
            return now - self.trainers[lease.instance_id].heard_at
        silent = max(now - self.trainers[member].heard_at for member in lease.members)
        return silent if lease.is_whole else max(silent, now - lease.granted_at)

    def mark_unable(self, lease: Lease, now: float, instance_id: str | None = None) -> Trainer:
        """Give a trainer, rank 0 unless said otherwise, nothing of a search for a while: it cannot run it; return it."""
        trainer = self.trainers[instance_id or lease.instance_id]
        trainer.unable_until[lease.search_id] = now + UNABLE_BACKOFF_SECONDS
        self.pools.doubt(trainer.profile.pool, lease.search_id)
        return trainer

    def note_epoch(self, lease: Lease, epoch: int, value: float) -> None:
        """Take note of how far a training is."""
        lease.epoch, lease.value = epoch, value
        self.pools.trust(self.trainers[lease.instance_id].profile.pool, lease.search_id)

    def note_measured(self, lease: Lease) -> None:
        """Take note that a trainer has measured a trial."""
        self.trainers[lease.instance_id].measured += 1
        for member in lease.members:
            trainer = self.trainers[member]
            self.pools.trust(trainer.profile.pool, lease.search_id)

    def place(self, demands: Sequence[Demand], now: float) -> Iterator[Placement]:
        """Yield a trainer for each next trial; the caller grants it before it asks for another."""
        yield from place(self.trainers, self._roomy.values(), self.bookings, demands, now)

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

    def _release(self, trainer: Trainer, lease: Lease, now: float) -> None:
        if not trainer.spare(1):
            trainer.free_since = now
        del trainer.leases[lease.fence]
        if not trainer.leases and trainer.unable_until.get(lease.search_id, now) <= now:
            trainer.idle_since = now  # who only says again that it is unable has been idle all the while
        self._note_room(trainer)
        self._forget_if_gone(trainer)

    def _take_in_members(self, trainer: Trainer, held: Sequence[int]) -> None:
        """Take a trainer back into gangs of which a restart left rank 0 only; it serves the same namespace as that does."""
        for fence in held:
            lease = self.leases.get(fence)
            if lease is None or lease.is_whole or trainer.profile.instance_id in lease.members:
                continue
            if trainer.standing.namespace in {None, self.trainers[lease.instance_id].standing.namespace}:
                lease.others.append(trainer.profile.instance_id)
                self._hold(trainer, lease)

    def _note_room(self, trainer: Trainer) -> None:
        if trainer.spare(MOST_PER_SLOT):
            self._roomy[trainer.profile.instance_id] = trainer
        else:
            self._roomy.pop(trainer.profile.instance_id, None)

    def _forget_if_gone(self, trainer: Trainer) -> None:
        if not trainer.connected and not trainer.leases:
            del self.trainers[trainer.profile.instance_id], self._roomy[trainer.profile.instance_id]

"""What searches ask of the fleet: leases of its trainers, and slots of the pools that they select. Pure.

The demand of a search is what it could use at once. The slots that its trials occupy and the free ones that suit it are there,
whatever pool they are of. What is missing is asked of all the pools that it selects, in equal parts, rounded up. What one of
them cannot bring, since it is as large as it may be or its pods find no node, is still missing once the others' parts have
come, and is asked of all of them again. So the pools together are never asked for as much as a slot for each above the demand,
and the search has all its slots in the end if any of its pools can grow so far.

A pool of which a trainer said that it cannot run the search is asked for one slot only, until a trainer of it has shown
that it can: a pool that is mended shows it by that one, and one that is not stays small.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import chain, islice

from nasfleet.names import PoolName
from nasfleet_controller.free_slots import FreeSlots
from nasfleet_controller.placing import Demand
from nasfleet_controller.pools import Pools, selects
from nasfleet_controller.search import Search
from nasfleet_controller.trainers import Trainer


def demand_of(search: Search) -> Demand:
    """Return how many leases a search could have beside those that it has, and of whom."""
    return Demand(
        search.search_id,
        search.available,
        search.running,
        search.spec.weight,
        search.name.namespace,
        search.selector,
        search.spec.trial.lease_seconds,
        search.spec.gang.size,
    )


def wanted_slots(pools: Pools, searches: Iterable[Search], trainers: Iterable[Trainer], now: float) -> Counter[PoolName]:
    """Return how many slots of each declared pool searches could use now, those that they occupy included.

    Args:
        pools: all that are declared.
        searches: all of them.
        trainers: the whole fleet.
        now: the time, in seconds.
    """
    trainers = list(trainers)
    occupied, free = _occupied(trainers), FreeSlots(trainers, now)
    wanted: Counter[PoolName] = Counter()
    for search in searches:
        slots = chain(occupied[search.search_id], (trainer.profile.pool for trainer in free.suiting(demand_of(search))))
        there = Counter(islice(slots, search.wanted_leases * search.spec.gang.size))
        wanted += _parts(pools, search, there)
    return wanted


def _parts(pools: Pools, search: Search, there: Counter[PoolName | None]) -> Counter[PoolName]:
    """Return the slots of each pool that a search asks for, given those that are there for it."""
    missing = search.wanted_leases * search.spec.gang.size - there.total()
    names = [
        pool.name
        for pool in list(pools.declared.values())
        if pool.name.namespace == search.name.namespace and selects(search.selector, pool.labels)
    ]
    trusted = sum(not pools.doubts(name, search.search_id) for name in names)
    return Counter(
        {
            name: max(there[name], min(1, missing))
            if pools.doubts(name, search.search_id)
            else there[name] + math.ceil(missing / trusted)
            for name in names
        }
    )


def _occupied(trainers: Iterable[Trainer]) -> defaultdict[int, list[PoolName | None]]:
    """Return the pool of each slot that a search's trial occupies; what waits behind another has no slot."""
    occupied: defaultdict[int, list[PoolName | None]] = defaultdict(list)
    for trainer in trainers:
        begun_first = sorted(trainer.leases.values(), key=lambda lease: (lease.started_at is None, lease.fence))
        for lease in begun_first[: trainer.profile.slots]:
            occupied[lease.search_id].append(trainer.profile.pool)
    return occupied

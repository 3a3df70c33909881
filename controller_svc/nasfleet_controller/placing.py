"""Which trainer gets the next trial, and which trainers are kept free for a gang. Pure: `now` comes in.

Searches are served by weight: next comes the one with the fewest trainers for each unit of weight. A trial of a gang needs a
free slot at each of n trainers that compute on one kind of device, all at once; no slot is held for a part of it, so that no
two gangs wait for each other's trainers. Lest it wait for ever while others take each slot as it falls free, a gang that
cannot be placed in its turn stands in line, and so does, while a gang does, every search that cannot. Whoever stands in line
has as many trainers booked as its trial needs, those soonest free, the first in line before the others; a booked trainer gets
nothing else. Who is placed leaves the line and comes to its end when it has to wait again. A gang that needs more trainers
than there are does not stand in line, and holds nobody up.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from nasfleet_controller.pools import selects
from nasfleet_controller.trainers import Trainer

PREFETCH_PER_SLOT = 1
MOST_PER_SLOT = 1 + PREFETCH_PER_SLOT


@dataclass(slots=True)
class Demand:
    """What one search asks of the fleet: `available` more leases of so many seconds, beside the `running` ones it has.

    Each lease is one of `gang` trainers at once.
    """

    search_id: int
    available: int
    running: int
    weight: float
    namespace: str
    labels: Mapping[str, str]
    lease_seconds: float = inf
    gang: int = 1

    @property
    def share(self) -> float:
        """Trainers for each unit of weight; the search with the smallest is served first."""
        return self.running * self.gang / self.weight


@dataclass(frozen=True, slots=True)
class Placement:
    """A trainer for the next trial of a search; in a gang it is rank 0, and `others` are the further ranks in order."""

    search_id: int
    instance_id: str
    others: tuple[str, ...] = ()


class Bookings:
    """Who stands in line for trainers, and which are booked for whom.

    Attributes:
        line: searches in the order in which they are served.
        booked: by search, the trainers that get nothing else.
        short: by search, how many trainers could be in one gang, if these are fewer than it needs.
    """

    def __init__(self) -> None:
        self.line: list[int] = []
        self.booked: dict[int, frozenset[str]] = {}
        self.short: dict[int, int] = {}

    def against(self, search_id: int) -> frozenset[str]:
        """Return the trainers that are booked for others."""
        return frozenset().union(*(names for other, names in self.booked.items() if other != search_id))

    def renew(self, fleet: Iterable[Trainer], demands: Sequence[Demand], now: float) -> None:
        """Book anew for those in line that still want something, as the fleet is now."""
        waiting = {demand.search_id: demand for demand in demands if demand.available > 0}
        line = [waiting[search_id] for search_id in self.line if search_id in waiting]
        self.line, self.booked, self.short = [], {}, {}
        for demand in line if any(demand.gang > 1 for demand in line) else ():
            self._append(fleet, demand, now)

    def stand_in_line(self, fleet: Iterable[Trainer], demand: Demand, now: float) -> None:
        """Put a search that cannot be placed at the end of the line, unless it is there, or the fleet is too small for it."""
        if demand.search_id not in self.line and (self.line or demand.gang > 1):
            self._append(fleet, demand, now)

    def _append(self, fleet: Iterable[Trainer], demand: Demand, now: float) -> None:
        able = sorted((one for one in fleet if one.takes_work(now) and suits(one, demand, now)), key=_soonest)
        if team(able, demand.gang) is None:
            kinds = Counter(trainer.profile.device for trainer in able)
            self.short[demand.search_id] = max(kinds.values(), default=0)
            return
        taken = self.against(demand.search_id)
        chosen = team((trainer for trainer in able if trainer.profile.instance_id not in taken), demand.gang)
        self.line.append(demand.search_id)
        self.booked[demand.search_id] = frozenset(chosen or ())

    def leave(self, search_id: int) -> None:
        """Take note that a search is placed."""
        if search_id in self.line:
            self.line.remove(search_id)
            del self.booked[search_id]


def place(
    fleet: Mapping[str, Trainer], roomy: Iterable[Trainer], bookings: Bookings, demands: Sequence[Demand], now: float
) -> Iterator[Placement]:
    """Yield trainers for each next trial; the caller grants it before it asks for another.

    Trainers with a free slot come first, in the order in which they joined the fleet, so that whoever is not needed stays idle;
    then one trial for each slot is given ahead of time, so that no trainer waits between two children; a gang's never.

    Args:
        fleet: all trainers, by instance.
        roomy: those of them that may hold more.
        bookings: what was kept free until now; it is brought up to date.
        demands: those of all searches that have trials to give out.
        now: the time, in seconds.
    """
    bookings.renew(fleet.values(), demands, now)
    roomy = sorted((trainer for trainer in roomy if trainer.takes_work(now)), key=lambda trainer: trainer.rank)
    for per_slot in (1, MOST_PER_SLOT):
        spare = {trainer.profile.instance_id: trainer for trainer in roomy if trainer.has_room(per_slot)}
        waiting = [demand for demand in demands if demand.available > 0 and (demand.gang == 1 or per_slot == 1)]
        while waiting and (spare or bookings.line or any(demand.gang > 1 for demand in waiting)):
            demand = min(waiting, key=lambda candidate: candidate.share)
            taken = bookings.against(demand.search_id)
            suiting = (trainer for name, trainer in spare.items() if name not in taken and suits(trainer, demand, now))
            chosen = team(suiting, demand.gang)
            if chosen is None:
                waiting.remove(demand)
                bookings.stand_in_line(fleet.values(), demand, now)
                continue
            bookings.leave(demand.search_id)
            yield Placement(demand.search_id, chosen[0], tuple(chosen[1:]))
            demand.available -= 1
            demand.running += 1
            if demand.available <= 0:
                waiting.remove(demand)
            for name in chosen:
                if not spare[name].spare(per_slot):
                    del spare[name]


def suits(trainer: Trainer, demand: Demand, now: float) -> bool:
    """Return whether a lease makes sense: one that would expire at once is none."""
    if now - trainer.heard_at > demand.lease_seconds or trainer.unable_until.get(demand.search_id, now) > now:
        return False
    if demand.gang > 1 and not trainer.profile.gang_host:
        return False
    standing = trainer.standing
    return standing.namespace in {None, demand.namespace} and selects(demand.labels, standing.labels)


def team(trainers: Iterable[Trainer], size: int) -> list[str] | None:
    """Return the first so many trainers that compute on one kind of device, or None if there are not so many."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for trainer in trainers:
        names = alike[trainer.profile.device]
        names.append(trainer.profile.instance_id)
        if len(names) == size:
            return names
    return None


def _soonest(trainer: Trainer) -> tuple[int, int]:
    """Return how many leases must end before a slot is free, and then who joined first."""
    return max(0, len(trainer.leases) - trainer.profile.slots + 1), trainer.rank

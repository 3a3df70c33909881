"""Gangs get all their trainers at once or none, and wait for ever neither for each other nor behind smaller searches."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet_controller.dispatcher import UNABLE_BACKOFF_SECONDS, Dispatcher
from nasfleet_controller.placing import MOST_PER_SLOT, Demand, Placement
from nasfleet_controller.rebalancing import PATIENCE_SECONDS, wanted_back
from nasfleet_controller.trainers import Lease, TrainerProfile


def fleet(*slots: int, host: str = "10.0.0.1", device: str = "cpu", first: str = "t") -> Dispatcher:
    dispatcher = Dispatcher(last_fence=0)
    join(dispatcher, *slots, host=host, device=device, first=first)
    return dispatcher


def join(dispatcher: Dispatcher, *slots: int, host: str = "10.0.0.1", device: str = "cpu", first: str = "t") -> None:
    for index, count in enumerate(slots):
        name = f"{first}{index}"
        dispatcher.connect(TrainerProfile(name, name, count, device=device, gang_host=host), (), now=0.0)


def demand(search_id: int = 1, *, available: int, gang: int, running: int = 0, weight: float = 1) -> Demand:
    return Demand(search_id, available, running, weight, "default", {}, gang=gang)


def placed(dispatcher: Dispatcher, *demands: Demand, now: float = 0.0) -> list[Lease]:
    return [dispatcher.grant(placement, 0, 30.0, now) for placement in dispatcher.place(demands, now)]


def test_a_gang_has_one_lease_that_all_its_members_hold_and_that_ends_for_all() -> None:
    dispatcher = fleet(1, 1, 1)
    [lease] = placed(dispatcher, demand(available=1, gang=3))
    assert lease.members == ["t0", "t1", "t2"]
    assert list(dispatcher.leases) == [lease.fence]
    assert all(trainer.leases == {lease.fence: lease} for trainer in dispatcher.trainers.values())
    dispatcher.end(lease.fence, now=1.0)
    assert not any(trainer.leases for trainer in dispatcher.trainers.values())


def test_a_gang_is_of_different_trainers_on_one_kind_of_device_that_others_can_reach() -> None:
    dispatcher = fleet(4, first="wide")
    assert placed(dispatcher, demand(available=1, gang=2)) == []
    join(dispatcher, 1, first="gpu", device="NVIDIA H200")
    join(dispatcher, 1, first="older", host="")
    assert placed(dispatcher, demand(available=1, gang=2)) == []
    assert dispatcher.bookings.short == {1: 1}
    join(dispatcher, 1, first="gpu-too", device="NVIDIA H200")
    [lease] = placed(dispatcher, demand(available=1, gang=2))
    assert lease.members == ["gpu0", "gpu-too0"]
    assert dispatcher.bookings.short == {}


def test_nothing_of_a_gang_is_given_ahead_of_time_and_it_is_not_wanted_back() -> None:
    dispatcher = fleet(1, 1)
    [lease] = placed(dispatcher, demand(available=5, gang=2))
    assert lease.started_at is None
    assert placed(dispatcher, demand(available=4, gang=2, running=1)) == []
    join(dispatcher, 1, 1, first="free")
    demands = {1: demand(available=0, gang=2, running=1)}
    assert wanted_back(dispatcher.trainers.values(), demands, PATIENCE_SECONDS) == []


def test_a_gang_that_waits_books_trainers_and_only_once_it_is_placed_do_others_get_them() -> None:
    dispatcher = fleet(1, 1)
    [busy] = placed(dispatcher, demand(2, available=1, gang=1))
    gang, small = demand(1, available=1, gang=2), demand(2, available=9, gang=1, running=1)
    assert placed(dispatcher, gang, small) == []
    dispatcher.end(busy.fence, now=1.0)
    small.running = 0
    leases = placed(dispatcher, small, gang)
    assert [lease.members for lease in leases] == [["t0", "t1"], ["t0"]], "what waits behind the gang waits where it is known"
    assert dispatcher.bookings.booked == {}
    leases[0].meeting = ("10.0.0.1", 4321)
    assert [lease.members for lease in placed(dispatcher, small)] == [["t1"]]


def test_a_gang_larger_than_the_fleet_holds_nobody_up_and_says_how_many_there_are() -> None:
    dispatcher = fleet(1, 1, 1)
    leases = placed(dispatcher, demand(1, available=1, gang=4), demand(2, available=3, gang=1))
    assert [lease.search_id for lease in leases] == [2, 2, 2]
    assert dispatcher.bookings.short == {1: 3}


def test_a_booking_ends_with_its_search_and_with_a_trainer_that_leaves_or_cannot() -> None:
    for undo in ("search", "drain", "unable"):
        dispatcher = fleet(1, 1)
        [busy] = placed(dispatcher, demand(2, available=1, gang=1))
        gang, now = demand(1, available=1, gang=2), 0.0
        assert placed(dispatcher, gang) == []
        assert dispatcher.bookings.booked == {1: frozenset({"t0", "t1"})}
        if undo == "drain":
            dispatcher.tell_to_leave(["t0"])
        elif undo == "unable":
            dispatcher.trainers["t0"].unable_until[1] = UNABLE_BACKOFF_SECONDS
        asked = [demand(3, available=1, gang=1)] + ([] if undo == "search" else [gang])
        [lease] = placed(dispatcher, *asked, now=now)
        assert lease.search_id == 3, undo
        assert dispatcher.bookings.booked == {}
        assert busy.fence in dispatcher.leases


def test_slots_that_are_kept_for_a_gang_want_nothing_back() -> None:
    dispatcher = fleet(1, 1)
    begun, _ahead = placed(dispatcher, demand(2, available=2, gang=1))
    dispatcher.end(begun.fence, now=0.0)
    [again] = placed(dispatcher, demand(2, available=1, gang=1, running=1))
    assert again.instance_id == "t0"
    dispatcher = fleet(1, 1)
    first, second = placed(dispatcher, demand(2, available=1, gang=1)) + [
        dispatcher.grant(placement, 0, 30.0, 0.0) for placement in [Placement(2, "t0")]
    ]
    first.started_at = 0.0
    demands = {2: demand(2, available=0, gang=1, running=2)}
    trainers = dispatcher.trainers.values()
    assert wanted_back(trainers, demands, PATIENCE_SECONDS) == [second]
    assert wanted_back(trainers, demands, PATIENCE_SECONDS, {"t1"}) == []


SEARCHES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5)


class World:
    """A fleet whose children end at random, and searches that never run out of trials."""

    def __init__(self, slots: list[int], searches: list[tuple[int, int, int]], seed: int) -> None:
        self.dispatcher = fleet(*slots)
        self.searches = dict(enumerate(searches))
        self.random = Random(seed)
        self.served: Counter[int] = Counter()

    def running(self, search_id: int) -> int:
        return sum(lease.search_id == search_id for lease in self.dispatcher.leases.values())

    def demands(self) -> list[Demand]:
        asked = []
        for search_id, (gang, parallelism, weight) in self.searches.items():
            running = self.running(search_id)
            asked.append(Demand(search_id, parallelism - running, running, weight, "default", {}, gang=gang))
        return [demand for demand in asked if demand.available > 0]

    def step(self) -> None:
        before = set(self.dispatcher.leases)
        for lease in placed(self.dispatcher, *self.demands()):
            self.served[lease.search_id] += 1
            lease.meeting = ("10.0.0.1", 4321)
            self.begin(lease)
        self.check(before)
        begun = [lease for lease in self.dispatcher.leases.values() if lease.started_at is not None]
        ended = self.random.choice(begun)
        self.dispatcher.end(ended.fence, now=0.0)
        for lease in list(self.dispatcher.leases.values()):
            self.begin(lease)

    def begin(self, lease: Lease) -> None:
        """Begin what has a slot at each of its members; what has none waits for the next end."""
        for member in lease.members:
            trainer = self.dispatcher.trainers[member]
            ahead = sorted(other for other in trainer.leases if other < lease.fence)
            if len(ahead) >= trainer.profile.slots:
                return
        lease.started_at = 0.0

    def check(self, before: set[int]) -> None:
        fences = [lease.fence for lease in self.dispatcher.leases.values()]
        assert len(fences) == len(set(fences))
        for search_id, (_, parallelism, _) in self.searches.items():
            assert self.running(search_id) <= parallelism
        for trainer in self.dispatcher.trainers.values():
            gangs = [lease for lease in trainer.leases.values() if lease.size > 1]
            assert len(gangs) <= trainer.profile.slots, "two gangs on one slot"
            assert len(trainer.leases) <= trainer.profile.slots * MOST_PER_SLOT
        for fence in self.dispatcher.leases.keys() - before:
            lease = self.dispatcher.leases[fence]
            gang = self.searches[lease.search_id][0]
            assert lease.size == gang == len(set(lease.members)), "a gang in part"
            assert gang == 1 or lease.started_at is not None, "a gang that waits for a slot"


def test_gangs_that_could_always_be_placed_again_do_not_starve_a_search_without_one() -> None:
    world = World([1, 1], [(2, 3, 3), (1, 2, 1)], seed=0)
    for _ in range(20):
        world.step()
    assert min(world.served[0], world.served[1]) >= 5


@settings(deadline=None, max_examples=12)
@given(slots=st.lists(st.integers(1, 2), min_size=1, max_size=6), searches=SEARCHES, seed=st.integers(0, 2**16))
def test_every_gang_that_fits_and_a_search_beside_are_served_again_and_again_and_no_gang_in_part(
    slots: list[int], searches: list[tuple[int, int, int]], seed: int
) -> None:
    gangs = [search for search in searches if 1 < search[0] <= len(slots)]
    fitting = [*gangs, (1, 2, 1)]  # several without a gang share a fleet by weight, and that is tested elsewhere
    world = World(slots, fitting, seed)
    for _ in range(2):
        world.served.clear()
        for _ in range(60 * len(fitting)):
            world.step()
        assert set(world.served) == set(world.searches), f"{world.served} of {fitting} on {slots}"

"""The slots that searches ask of pools: divided so that pools that share a search come to rest and none of it starves."""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import Budget, PoolSelector
from nasfleet.names import PoolName, SearchName
from nasfleet_controller.demand import wanted_slots
from nasfleet_controller.dispatcher import UNABLE_BACKOFF_SECONDS, Dispatcher
from nasfleet_controller.placing import Demand
from nasfleet_controller.records import PoolDeclared, Proposal, SearchState
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.thinking import new_search
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.specs import smallest_spec

A, B, C = (PoolName("default", name) for name in "abc")
OTHER = PoolName("other", "a")
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"))


def search(search_id: int, namespace: str, trials: int, parallelism: int, selector: dict[str, str]) -> Search:
    spec = smallest_spec(
        budget=Budget(trials=trials), parallelism=parallelism, trainer_pool_selector=PoolSelector(match_labels=selector)
    )
    name = SearchName(namespace, f"s{search_id}")
    return new_search(SearchSnapshot(search_id, name, "u", spec, SearchState.RUNNING, "", 0.0, 0.0, 0.0))


def pools(*names: PoolName, **labels: str) -> Dispatcher:
    return Dispatcher(0, [PoolDeclared(name, labels, "", 0) for name in names])


def join(dispatcher: Dispatcher, pool: PoolName | None, name: str, slots: int = 1) -> None:
    dispatcher.connect(TrainerProfile(name, name, slots, pool), (), now=0.0)


def lease(dispatcher: Dispatcher, one: Search, available: int, now: float = 0.0) -> list[int]:
    """Give out leases of a search; return their fences."""
    asked = Demand(one.search_id, available, 0, 1.0, one.name.namespace, one.selector)
    return [dispatcher.grant(placement, 0, 30.0, now).fence for placement in dispatcher.place([asked], now)]


def wanted(dispatcher: Dispatcher, *searches: Search, now: float = 0.0) -> Counter[PoolName]:
    return wanted_slots(dispatcher.pools, searches, dispatcher.trainers.values(), now)


SEARCHES = st.lists(
    st.tuples(st.sampled_from(["default", "other"]), st.integers(1, 20), st.integers(1, 20), LABELS), max_size=4
)
FLEET = st.lists(st.tuples(st.sampled_from([None, A, B, OTHER]), st.integers(1, 3)), max_size=6)


@given(labels=LABELS, parts=SEARCHES, trainers=FLEET, leased=st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_pools_are_asked_for_all_that_is_missing_and_for_less_than_a_slot_for_each_above_it(
    labels: dict[str, str],
    parts: list[tuple[str, int, int, dict[str, str]]],
    trainers: list[tuple[PoolName | None, int]],
    leased: list[int],
) -> None:
    dispatcher = pools(A, B, OTHER, **labels)
    for index, (pool, slots) in enumerate(trainers):
        join(dispatcher, pool, f"t{index}", slots)
    searches = [search(index, *part) for index, part in enumerate(parts)]
    for one, available in zip(searches, leased, strict=False):
        lease(dispatcher, one, available)
    for one in searches:
        selected = [
            name for name in (A, B, OTHER) if name.namespace == one.name.namespace and one.selector.items() <= labels.items()
        ]
        asked = wanted(dispatcher, one)
        assert asked.keys() <= set(selected)
        assert asked.total() < one.wanted_leases + max(1, len(selected))
        if not dispatcher.trainers and selected:
            assert asked.total() >= one.wanted_leases
    assert all(one.suspend(1.0) for one in searches)
    assert wanted(dispatcher, *searches).total() == 0


def test_wanted_slots_count_what_is_left_and_not_what_others_have() -> None:
    mine, elsewhere = search(1, "default", 20, 8, {"gpu": "h200"}), search(2, "other", 20, 8, {})
    picky, short = search(3, "default", 20, 8, {"gpu": "b200"}), search(4, "default", 3, 8, {})
    dispatcher = pools(A, gpu="h200")
    assert wanted(dispatcher, mine, elsewhere, picky, short) == {A: 8 + 3}
    for index in range(5):
        dispatcher.connect(TrainerProfile(f"t{index}", f"t{index}", 1, None, {"gpu": "h200"}), (), now=0.0)
    assert wanted(dispatcher, mine, elsewhere, picky) == {A: 3}, "what is free elsewhere need not be made"
    lease(dispatcher, mine, 5)
    assert wanted(dispatcher, mine, elsewhere, picky, short) == {A: 3 + 3}


def test_a_trial_that_waits_behind_another_has_no_slot_yet() -> None:
    one, dispatcher = search(1, "default", 20, 8, {}), pools(A, B)
    for index in range(4):
        join(dispatcher, A, f"t{index}")
    assert len(lease(dispatcher, one, 8)) == 8
    assert wanted(dispatcher, one) == {A: 4 + 2, B: 2}


def test_a_search_whose_space_is_exhausted_wants_no_more_slots_than_it_has_open_trials() -> None:
    one = search(1, "default", 20, 8, {})
    batch = one.begin_batch()
    assert batch is not None
    one.propose(batch, 0, None, [Proposal(0, (0, 0, 0), "h")], 0.0)
    assert wanted(pools(A), one) == {A: 1}


@dataclass
class GrowingPool:
    """A pool as an operator scales it: up at once with what is asked, down over the idle; with so many slots for each."""

    name: PoolName
    slots: int
    most: int
    finds_nodes: bool
    size: int = 0

    def scale(self, dispatcher: Dispatcher, asked: int, fresh: "count[int]") -> bool:
        """Return whether its size changes."""
        mine = [trainer for trainer in dispatcher.trainers.values() if trainer.profile.pool == self.name]
        idle = [trainer.profile.name for trainer in mine if not trainer.leases]
        needed = min(self.most, math.ceil(asked / self.slots))
        kept = len(mine) - len(idle) if self.finds_nodes else 0
        before, self.size = self.size, max(needed, self.size if needed >= self.size else kept)
        for name in idle[: max(0, len(mine) - self.size)]:
            dispatcher.disconnect(name)
        if self.finds_nodes:
            for _ in range(self.size - len(mine)):
                join(dispatcher, self.name, f"new-{next(fresh)}", self.slots)
        return self.size != before


POOLS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 12), st.booleans()), min_size=1, max_size=3)


@given(limits=POOLS, parallelism=st.integers(1, 40))
def test_pools_that_share_a_search_come_to_rest_with_all_that_it_can_have_and_nothing_more(
    limits: list[tuple[int, int, bool]], parallelism: int
) -> None:
    one = search(1, "default", 1000, parallelism, {})
    fleet = [GrowingPool(name, *limit) for name, limit in zip((A, B, C), limits, strict=False)]
    dispatcher, fresh = pools(*(pool.name for pool in fleet)), count()
    for _ in range(60):
        asked = wanted(dispatcher, one)
        moved = [pool.scale(dispatcher, asked[pool.name], fresh) for pool in fleet]
        for fence in list(dispatcher.leases):
            dispatcher.end(fence, now=0.0)
        lease(dispatcher, one, parallelism)
        if not any(moved):
            break
    else:
        raise AssertionError([(pool, asked[pool.name]) for pool in fleet])
    there = sum(pool.size * pool.slots for pool in fleet if pool.finds_nodes)
    possible = sum(pool.most * pool.slots for pool in fleet if pool.finds_nodes)
    assert min(parallelism, possible) <= there < parallelism + sum(pool.slots for pool in fleet)


def test_two_pools_at_zero_do_not_both_grow_to_the_whole_demand() -> None:
    assert wanted(pools(A, B), search(1, "default", 20, 8, {})) == {A: 4, B: 4}


def test_a_pool_that_cannot_run_a_search_is_asked_for_one_slot_until_it_has_shown_that_it_can() -> None:
    one, dispatcher = search(1, "default", 20, 8, {}), pools(A, B)
    for index in range(2):
        join(dispatcher, A, f"t{index}")
    for fence in lease(dispatcher, one, 2, now=1.0):
        dispatcher.mark_unable(dispatcher.leases[fence], now=2.0)
        dispatcher.end(fence, now=2.0)
    assert wanted(dispatcher, one, now=3.0) == {A: 1, B: 8}
    assert [trainer.idle_since for trainer in dispatcher.trainers.values()] == [0.0, 0.0], "to say so is no work"
    later = 2.0 + UNABLE_BACKOFF_SECONDS
    for trainer in dispatcher.trainers.values():
        trainer.heard_at = later
    fence, *_ = lease(dispatcher, one, 1, now=later)
    assert wanted(dispatcher, one, now=later)[A] <= 2
    dispatcher.note_epoch(dispatcher.leases[fence], 1, 0.5)
    assert wanted(dispatcher, one, now=later) == {A: 2 + 3, B: 3}


def test_a_pool_alone_that_cannot_run_a_search_is_not_held_at_its_maximum() -> None:
    one, dispatcher = search(1, "default", 20, 8, {}), pools(A)
    join(dispatcher, A, "t")
    [fence] = lease(dispatcher, one, 1)
    assert wanted(dispatcher, one) == {A: 8}
    dispatcher.mark_unable(dispatcher.leases[fence], now=0.0)
    dispatcher.end(fence, now=0.0)
    assert wanted(dispatcher, one, now=1.0) == {A: 1}
    dispatcher.disconnect("t")
    assert wanted(dispatcher, one, now=1.0) == {A: 1}, "one trainer stays to find out"
    dispatcher.delete_pool(A)
    dispatcher.declare(PoolDeclared(A, {}, "", 0), ())
    assert wanted(dispatcher, one, now=1.0) == {A: 8}, "a pool that is made anew has said nothing yet"

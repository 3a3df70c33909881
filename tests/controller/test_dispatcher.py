from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nasfleet_controller.connection import Connection
from nasfleet_controller.dispatcher import UNABLE_BACKOFF_SECONDS, Dispatcher
from nasfleet_controller.moment import Moment
from nasfleet_controller.placing import MOST_PER_SLOT, PREFETCH_PER_SLOT, Demand, Placement
from nasfleet_controller.state import ControllerState
from nasfleet_controller.trainers import SILENT_SECONDS, Lease, TrainerProfile


def profile(name: str, *, slots: int = 1, labels: dict[str, str] | None = None) -> TrainerProfile:
    return TrainerProfile(name, name, slots, labels=labels or {})


def fleet(*profiles: TrainerProfile) -> Dispatcher:
    dispatcher = Dispatcher(last_fence=0)
    for known in profiles:
        dispatcher.connect(known, (), now=0.0)
    return dispatcher


def demand(
    search_id: int = 1, *, available: int, running: int = 0, weight: float = 1, labels: dict[str, str] | None = None
) -> Demand:
    return Demand(search_id, available, running, weight, "default", labels or {})


def placed(dispatcher: Dispatcher, demands: list[Demand], now: float = 0.0) -> list[Lease]:
    leases = []
    for number, placement in enumerate(dispatcher.place(demands, now)):
        leases.append(dispatcher.grant(placement, number, 30.0, now))
    return leases


def test_every_trainer_has_a_child_before_any_has_one_ahead_of_time() -> None:
    dispatcher = fleet(profile("a"), profile("b"), profile("c"))
    leases = placed(dispatcher, [demand(available=5)])
    assert Counter(lease.instance_id for lease in leases[:3]) == {"a": 1, "b": 1, "c": 1}
    assert max(Counter(lease.instance_id for lease in leases).values()) == 1 + PREFETCH_PER_SLOT


@given(slots=st.lists(st.integers(1, 4), min_size=1, max_size=6), available=st.integers(0, 60))
def test_no_trainer_holds_more_than_its_slots_and_what_is_ahead_of_time(slots: list[int], available: int) -> None:
    dispatcher = fleet(*(profile(f"t{index}", slots=count) for index, count in enumerate(slots)))
    leases = placed(dispatcher, [demand(available=available)])
    assert len(leases) == min(available, sum(slots) * (1 + PREFETCH_PER_SLOT))
    held = Counter(lease.instance_id for lease in leases)
    assert all(held[f"t{index}"] <= count * (1 + PREFETCH_PER_SLOT) for index, count in enumerate(slots))
    assert [lease.fence for lease in leases] == list(range(1, len(leases) + 1))


def test_who_joined_first_is_served_first_so_that_whoever_is_not_needed_stays_idle() -> None:
    dispatcher = fleet(profile("b"), profile("a"), profile("c"))
    leases = placed(dispatcher, [demand(available=6)])
    for lease in reversed(leases):
        dispatcher.end(lease.fence, now=1.0)
    for _ in range(2):
        first, second = placed(dispatcher, [demand(available=2)], now=2.0)
        assert [first.instance_id, second.instance_id] == ["b", "a"]
        dispatcher.end(second.fence, now=2.0)
        dispatcher.end(first.fence, now=2.0)
    assert dispatcher.trainers["c"].idle_since == 1.0


@given(
    slots=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    steps=st.lists(st.tuples(st.sampled_from(["place", "end", "leave", "return"]), st.integers(0, 20)), max_size=30),
)
def test_after_anything_a_trainer_is_served_exactly_if_it_has_room(slots: list[int], steps: list[tuple[str, int]]) -> None:
    profiles = [profile(f"t{index}", slots=count) for index, count in enumerate(slots)]
    dispatcher = fleet(*profiles)
    for step, number in steps:
        leases = sorted(dispatcher.leases)
        known = profiles[number % len(profiles)]
        if step == "place":
            placed(dispatcher, [demand(available=number)])
        elif step == "end" and leases:
            dispatcher.end(leases[number % len(leases)], now=0.0)
        elif step == "leave" and known.instance_id in dispatcher.trainers:
            dispatcher.disconnect(known.instance_id)
        elif step == "return":
            dispatcher.connect(replace(known, slots=1 + number % 3), leases, now=0.0)
    there = {name: trainer for name, trainer in dispatcher.trainers.items() if trainer.connected}
    room = {name: max(0, trainer.profile.slots * MOST_PER_SLOT - len(trainer.leases)) for name, trainer in there.items()}
    given_out = Counter(lease.instance_id for lease in placed(dispatcher, [demand(available=100)]))
    assert given_out == Counter({name: count for name, count in room.items() if count})


def test_searches_share_the_fleet_by_weight() -> None:
    dispatcher = fleet(*(profile(f"t{index}") for index in range(40)))
    leases = placed(dispatcher, [demand(1, available=100, weight=3), demand(2, available=100, weight=1)])
    assert Counter(lease.search_id for lease in leases[:40]) == {1: 30, 2: 10}


def test_a_search_gets_only_trainers_with_its_labels_and_holds_up_nobody_else() -> None:
    dispatcher = fleet(profile("cpu"), profile("gpu", labels={"gpu": "h200", "zone": "a"}))
    picky, modest = demand(1, available=9, labels={"gpu": "h200"}), demand(2, available=1, running=9)
    leases = placed(dispatcher, [picky, modest])
    assert {lease.instance_id for lease in leases if lease.search_id == 1} == {"gpu"}
    assert {lease.instance_id for lease in leases if lease.search_id == 2} == {"cpu"}


def test_no_lease_is_given_that_would_expire_at_once() -> None:
    dispatcher = fleet(profile("silent"), profile("heard"))
    dispatcher.hear("heard", now=4.0)
    short = replace(demand(available=9), lease_seconds=3.0)
    assert {lease.instance_id for lease in placed(dispatcher, [short], now=4.0)} == {"heard"}


def test_a_trainer_that_cannot_run_a_search_gets_others_and_is_asked_again_later() -> None:
    dispatcher = fleet(profile("a"))
    [lease] = placed(dispatcher, [demand(1, available=1)])
    dispatcher.mark_unable(lease, now=0.0)
    dispatcher.end(lease.fence, now=0.0)
    dispatcher.hear("a", UNABLE_BACKOFF_SECONDS)
    assert not placed(dispatcher, [demand(1, available=1)], now=1.0)
    assert placed(dispatcher, [demand(2, available=1)], now=1.0)
    assert placed(dispatcher, [demand(1, available=1)], now=UNABLE_BACKOFF_SECONDS)


def test_a_silent_trainer_keeps_what_it_has_but_gets_nothing_new() -> None:
    dispatcher = fleet(profile("a"))
    placed(dispatcher, [demand(available=1)])
    later = SILENT_SECONDS + 1
    assert not placed(dispatcher, [demand(available=1)], now=later)
    assert not dispatcher.expired(later)
    dispatcher.hear("a", later)
    assert placed(dispatcher, [demand(available=1)], now=later)


def test_a_lease_expires_when_its_trainer_was_silent_for_longer_than_its_search_allows() -> None:
    dispatcher = fleet(profile("a"), profile("b"))
    for trainer, seconds in (("a", 10.0), ("b", 60.0)):
        dispatcher.grant(Placement(1, trainer), 0, seconds, 0.0)
    assert [lease.instance_id for lease in dispatcher.expired(now=10.0)] == []
    assert [lease.instance_id for lease in dispatcher.expired(now=10.1)] == ["a"]
    assert [lease.instance_id for lease in dispatcher.expired(now=61.0)] == ["a", "b"]


def test_coming_back_tells_which_leases_were_dropped_and_which_are_held_in_vain() -> None:
    dispatcher = fleet(profile("a", slots=2))
    kept, dropped = placed(dispatcher, [demand(available=2)])
    dispatcher.disconnect("a")
    assert dispatcher.connect(profile("a", slots=2), (kept.fence, 77), now=1.0) == ([dropped], [77])


def test_a_trainer_is_forgotten_when_it_is_gone_and_holds_nothing() -> None:
    dispatcher = fleet(profile("a"))
    [lease] = placed(dispatcher, [demand(available=1)])
    dispatcher.disconnect("a")
    assert "a" in dispatcher.trainers
    dispatcher.end(lease.fence, now=1.0)
    assert "a" not in dispatcher.trainers


def test_a_controller_that_stood_still_takes_no_lease_back_for_it() -> None:
    moments = [Moment(now, now) for now in (0.0, 100.0, 100.5, 131.0)]
    state = ControllerState([], 0, 0, moments[0])
    state.connect(Connection("a"), profile("a"), (), moments[0])
    lease = state.dispatcher.grant(Placement(1, "a"), 0, 30.0, moments[0].now)
    for moment in moments[:3]:
        state.advance(moment)
    assert not state.dispatcher.expired(moments[2].now)
    assert state.dispatcher.expired(moments[3].now) == [lease], "who stays silent after that has lost it"

"""Leases given ahead of time go back once another trainer could begin them, and what has begun never does."""

from collections import Counter
from collections.abc import ItemsView, Iterable

from hypothesis import given
from hypothesis import strategies as st

from nasfleet_controller.dispatcher import Dispatcher
from nasfleet_controller.placing import Demand, Placement, suits
from nasfleet_controller.rebalancing import PATIENCE_SECONDS, wanted_back
from nasfleet_controller.trainers import Lease, TrainerProfile

LATER = PATIENCE_SECONDS
NOTHING_MORE = {1: Demand(1, 0, 9, 1.0, "default", {})}


def fleet(**slots: int) -> Dispatcher:
    dispatcher = Dispatcher(0)
    for name, count in slots.items():
        dispatcher.connect(TrainerProfile(name, name, count), (), now=0.0)
    return dispatcher


def held(dispatcher: Dispatcher, trainer: str, *started: bool, now: float = 0.0) -> list[Lease]:
    leases = [dispatcher.grant(Placement(1, trainer), number, 30.0, now) for number in range(len(started))]
    for lease, begun in zip(leases, started, strict=True):
        lease.started_at = now if begun else None
    return leases


def asked(dispatcher: Dispatcher, now: float = LATER) -> list[Lease]:
    return wanted_back(dispatcher.trainers.values(), NOTHING_MORE, now)


def test_what_waits_behind_a_child_is_wanted_back_for_a_trainer_with_a_free_slot() -> None:
    dispatcher = fleet(busy=1, free=1)
    _, ahead = held(dispatcher, "busy", True, False)
    assert asked(dispatcher, LATER - 0.1) == []
    assert asked(dispatcher) == [ahead]


def test_nothing_is_wanted_back_while_no_slot_is_free_or_none_that_suits() -> None:
    dispatcher = fleet(busy=1, full=1)
    held(dispatcher, "busy", True, False)
    held(dispatcher, "full", True)
    assert asked(dispatcher) == []
    dispatcher.connect(TrainerProfile("draining", "draining", 1), (), now=0.0)
    dispatcher.tell_to_leave(["draining"])
    assert asked(dispatcher) == []
    dispatcher.connect(TrainerProfile("free", "free", 1), (), now=0.0)
    assert wanted_back(dispatcher.trainers.values(), {1: Demand(1, 0, 9, 1.0, "default", {"gpu": "h200"})}, LATER) == []


def test_a_free_slot_asks_once_and_for_the_lease_that_would_begin_last() -> None:
    dispatcher = fleet(busy=2, free=1)
    *_, last = held(dispatcher, "busy", True, True, False, False)
    assert asked(dispatcher) == [last]
    last.wanted_back = True
    assert asked(dispatcher) == []


def test_a_trainer_that_comes_back_is_asked_again() -> None:
    dispatcher = fleet(busy=1, free=1)
    first, ahead = held(dispatcher, "busy", True, False)
    ahead.wanted_back = True
    dispatcher.disconnect("busy")
    assert asked(dispatcher) == []
    dispatcher.connect(TrainerProfile("busy", "busy", 1), (first.fence, ahead.fence), now=0.0)
    assert asked(dispatcher) == [ahead]


FLEET = st.lists(st.tuples(st.integers(1, 3), st.lists(st.booleans(), max_size=6)), min_size=1, max_size=6)


def filled(parts: Iterable[tuple[int, list[bool]]]) -> Dispatcher:
    parts = list(parts)
    dispatcher = fleet(**{f"t{index}": slots for index, (slots, _) in enumerate(parts)})
    for index, (slots, given_out) in enumerate(parts):
        wishes = given_out[: 2 * slots]
        held(dispatcher, f"t{index}", *(begun and sum(wishes[:place]) < slots for place, begun in enumerate(wishes)))
    return dispatcher


@given(parts=FLEET)
def test_only_what_has_not_begun_is_wanted_back_and_only_as_much_as_can_begin_elsewhere(
    parts: list[tuple[int, list[bool]]],
) -> None:
    dispatcher = filled(parts)
    wanted = asked(dispatcher)
    free = sum(max(0, trainer.profile.slots - len(trainer.leases)) for trainer in dispatcher.trainers.values())
    assert len(wanted) <= free
    assert all(lease.started_at is None for lease in wanted)
    for name, count in Counter(lease.instance_id for lease in wanted).items():
        trainer = dispatcher.trainers[name]
        assert len(trainer.leases) - count >= trainer.profile.slots


@given(parts=FLEET)
def test_what_has_moved_stays_where_it_is(parts: list[tuple[int, list[bool]]]) -> None:
    dispatcher = filled(parts)
    wanted = asked(dispatcher)
    for lease in wanted:
        dispatcher.end(lease.fence, now=LATER)
    again = [Demand(1, len(wanted), 0, 1.0, "default", {})]
    for placement in dispatcher.place(again, now=LATER):
        dispatcher.grant(placement, 0, 30.0, LATER)
    assert again[0].available == 0
    assert asked(dispatcher, 2 * LATER) == []


class CountedSelector(dict[str, str]):
    """A search's selector that counts how often it was compared with the labels of a trainer."""

    compared = 0

    def items(self) -> ItemsView[str, str]:
        self.compared += 1
        return super().items()


def two_kinds(count: int) -> Dispatcher:
    """Return trainers that are busy and hold a trial ahead of time, and as many idle ones of another kind."""
    dispatcher = Dispatcher(0)
    for index in range(count):
        for kind in ("busy", "idle"):
            name = f"{kind}-{index}"
            dispatcher.connect(TrainerProfile(name, name, 1, labels={"kind": kind}), (), now=0.0)
        held(dispatcher, f"busy-{index}", True, False)
    return dispatcher


def test_what_suits_is_decided_once_for_each_kind_of_trainer_however_large_the_fleet() -> None:
    for count in (1, 10, 100):
        selector = CountedSelector(kind="busy")
        demands = {1: Demand(1, 0, 2 * count, 1.0, "default", selector)}
        assert wanted_back(two_kinds(count).trainers.values(), demands, LATER) == []
        assert selector.compared == 1, count


KINDS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.integers(0, 12)), max_size=8)
SELECTED = st.lists(
    st.tuples(st.sampled_from([{}, {"kind": "a"}, {"kind": "b"}]), st.sampled_from([1.0, 5.0, 30.0])), max_size=8
)


@given(idle=KINDS, searches=SELECTED)
def test_a_lease_is_wanted_back_if_a_slot_that_suits_is_left_and_only_then(
    idle: list[tuple[str, bool, int]], searches: list[tuple[dict[str, str], float]]
) -> None:
    now, dispatcher, demands, waiting = 20.0, Dispatcher(0), {}, []
    for index, (selector, lease_seconds) in enumerate(searches):
        demands[index] = Demand(index, 0, 2, 1.0, "default", selector, lease_seconds)
        dispatcher.connect(TrainerProfile(f"busy-{index}", f"busy-{index}", 1), (), now=0.0)
        begun, ahead = (dispatcher.grant(Placement(index, f"busy-{index}"), number, 30.0, 0.0) for number in (0, 1))
        begun.started_at = 0.0
        waiting.append(ahead)
    for index, (kind, unable, silent) in enumerate(idle):
        name = f"idle-{index}"
        dispatcher.connect(TrainerProfile(name, name, 1, labels={"kind": kind}), (), now=now - silent)
        if unable:
            dispatcher.trainers[name].unable_until = dict.fromkeys(demands, now + 1.0)
    wanted = wanted_back(dispatcher.trainers.values(), demands, now)
    free = [trainer for trainer in dispatcher.trainers.values() if not trainer.leases]
    for lease in waiting:
        suiting = [trainer for trainer in free if suits(trainer, demands[lease.search_id], now)]
        if lease in wanted:
            assert suiting
        else:
            rivals = [one for one in wanted if any(suits(trainer, demands[one.search_id], now) for trainer in suiting)]
            assert len(rivals) >= len(suiting)

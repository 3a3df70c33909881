"""When resources are looked at, by a clock that the test moves."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.pacing import Pace
from nasfleet_operator.work_queue import Schedule, Spacing, WorkQueue

SPACING = Spacing(interval=0.5, first_backoff=1.0, last_backoff=8.0)


@pytest.fixture
def schedule() -> Schedule[str]:
    return Schedule(SPACING, random.Random(1))


def drain(schedule: Schedule[str], now: float) -> list[str]:
    taken = []
    while (key := schedule.take(now)) is not None:
        taken.append(key)
    return taken


def test_a_burst_about_one_key_is_one_pass_now_and_one_after_the_interval(schedule: Schedule[str]) -> None:
    passes = []
    for millisecond in range(1000):
        now = millisecond / 1000
        schedule.add("pool", now)
        for key in drain(schedule, now):
            passes.append(now)
            schedule.succeed(key, now + 0.01, None)
    assert passes == [0.0, 0.5]


def test_only_what_makes_a_key_due_sooner_is_worth_waking_a_worker_for(schedule: Schedule[str]) -> None:
    assert schedule.add("pool", 0.0)
    assert not schedule.add("pool", 0.1)
    assert schedule.take(0.2) == "pool"
    assert schedule.add("pool", 0.3)
    assert not schedule.add("pool", 0.4)
    assert schedule.add("another", 0.4)
    schedule.succeed("pool", 0.5, None)
    assert schedule.take(0.5) == "another"
    assert schedule.take(0.7) == "pool"
    schedule.succeed("pool", 0.8, 60.0)
    assert schedule.add("pool", 2.0)


def test_what_happens_during_a_pass_is_seen_by_another(schedule: Schedule[str]) -> None:
    schedule.add("pool", 0.0)
    assert schedule.take(0.0) == "pool"
    schedule.add("pool", 0.1)
    assert schedule.take(10.0) is None  # one key, one worker
    schedule.succeed("pool", 10.0, None)
    assert schedule.take(10.0) == "pool"


def test_a_failed_key_waits_longer_each_time_though_things_happen_to_it_and_starts_anew_after_a_success(
    schedule: Schedule[str],
) -> None:
    waits, now = [], 0.0
    schedule.add("pool", now)
    for _ in range(6):
        assert schedule.take(now) == "pool"
        schedule.fail("pool", now)
        schedule.add("pool", now)
        due = schedule.next_due()
        assert due is not None
        waits.append(due - now)
        assert schedule.take(due - 0.001) is None
        now = due
    for wait, backoff in zip(waits, [1.0, 2.0, 4.0, 8.0, 8.0, 8.0], strict=True):
        assert backoff * 0.8 <= wait <= backoff * 1.2
    assert schedule.take(now) == "pool"
    schedule.succeed("pool", now, None)
    schedule.add("pool", now + 1.0)
    assert schedule.take(now + 1.0) == "pool"
    schedule.fail("pool", now + 1.0)
    assert schedule.next_due() == pytest.approx(now + 2.0, abs=0.2)


def test_a_key_that_fails_for_days_is_looked_at_as_often_as_ever(schedule: Schedule[str]) -> None:
    now = 0.0
    schedule.add("pool", now)
    for _ in range(2000):
        assert schedule.take(now) == "pool"
        schedule.fail("pool", now)
        due = schedule.next_due()
        assert due is not None
        assert due - now <= 8.0 * 1.2
        now = due


def test_keys_that_are_always_due_do_not_starve_a_quiet_one(schedule: Schedule[str]) -> None:
    taken = []
    schedule.add("quiet", 0.2)
    for step in range(30):  # one worker, ten keys that something happens to all the time, each pass as long as the interval
        for number in range(10):
            schedule.add(f"busy {number}", step / 2)
        key = schedule.take(step / 2)
        assert key is not None
        taken.append(key)
        schedule.succeed(key, step / 2 + 0.5, None)
    assert taken.index("quiet") <= 10
    assert min(taken.count(f"busy {number}") for number in range(10)) >= 2


def test_a_key_comes_again_when_its_plan_wanted_to_look_again(schedule: Schedule[str]) -> None:
    schedule.add("pool", 0.0)
    assert schedule.take(0.0) == "pool"
    schedule.succeed("pool", 1.0, 30.0)
    assert schedule.next_due() == 31.0
    schedule.add("pool", 2.0)
    assert schedule.next_due() == 2.0


def test_nothing_is_remembered_of_keys_that_are_quiet(schedule: Schedule[str]) -> None:
    for number in range(1000):
        schedule.add(str(number), number)
        assert schedule.take(number) == str(number)
        schedule.succeed(str(number), number + 0.7, None)
    assert len(schedule._entries) <= 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "take", "succeed", "fail"])), max_size=60))
def test_no_key_is_in_work_twice_and_none_that_was_added_is_forgotten(steps: list[tuple[str, str]]) -> None:
    schedule: Schedule[str] = Schedule(SPACING, random.Random(1))
    in_work: set[str] = set()
    owed: set[str] = set()
    for now, (key, step) in enumerate(steps):
        if step == "add":
            schedule.add(key, now)
            owed.add(key)
        elif step == "take" and (taken := schedule.take(now)) is not None:
            assert taken not in in_work
            in_work.add(taken)
            owed.discard(taken)
        elif key in in_work:
            in_work.discard(key)
            if step == "fail":
                schedule.fail(key, now)
                owed.add(key)
            else:
                schedule.succeed(key, now, None)
    for key in in_work:
        schedule.succeed(key, 100, None)
    assert set(drain(schedule, 1000)) == owed


async def test_workers_take_what_is_added_while_they_wait() -> None:
    queue: WorkQueue[int] = WorkQueue(Schedule(SPACING, random.Random(1)), asyncio.get_running_loop().time)
    workers = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in range(3):
        queue.add(key)
    assert sorted(await asyncio.gather(*workers)) == [0, 1, 2]


def test_calls_are_let_through_in_a_burst_and_then_at_a_steady_rate() -> None:
    pace = Pace(per_second=10, burst=3)
    assert [pace.reserve(5.0) for _ in range(5)] == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2])
    assert pace.reserve(6.0) == 0.0

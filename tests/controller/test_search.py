from collections.abc import Callable
from dataclasses import replace

import pytest

from nasfleet.catalogue import Batching, Budget, Reinforce, Retries, SearchSpec, TrialSettings
from nasfleet.errors import ConflictError
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.records import Proposal, SearchMoved, SearchState, TrialRequeued, TrialSettled, TrialState
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease, SearchSnapshot
from nasfleet_controller.thinking import new_search
from nasfleet_testing.specs import smallest_spec

FENCES = iter(range(1, 1_000_000))


def search(spec: SearchSpec | None = None, **changes: object) -> Search:
    declared = spec or smallest_spec(**({"budget": Budget(trials=8), "strategy": Reinforce(batch_size=4)} | changes))
    return new_search(SearchSnapshot(1, SearchName("default", "s"), "u", declared, SearchState.RUNNING, "", 0.0, 0.0, 0.0))


def draw(machine: Search, *, short_by: int = 0) -> None:
    wanted = machine.begin_batch()
    assert wanted is not None
    numbers = range(wanted.first_number, wanted.first_number + wanted.count - short_by)
    machine.propose(wanted, 0, None, [Proposal(number, (number,), f"{number}") for number in numbers], 0.0)


def lease(machine: Search) -> int:
    number = machine.next_queued()
    machine.start(HeldLease(next(FENCES), "t", "i"), 0.0, 0.0)
    return number


def measured(value: float, seconds: float = 1.0) -> Measurement:
    return Measurement(value, (EpochMeasurement(1, value, seconds),), seconds, seconds)


def settle(machine: Search, value: float = 0.5, at: float = 1.0, seconds: float = 1.0) -> list[object]:
    return list(machine.measure(lease(machine), "o", measured(value, seconds), at))


def moves(records: list[object]) -> list[SearchState]:
    return [record.state for record in records if isinstance(record, SearchMoved)]


def test_proposals_never_exceed_the_budget() -> None:
    machine = search(budget=Budget(trials=6))
    for _ in range(2):
        draw(machine)
        while machine.queued:
            settle(machine)
    assert machine.proposed == 6
    assert machine.state is SearchState.COMPLETED


def test_no_batch_is_wanted_while_one_waits_or_is_being_drawn() -> None:
    machine = search()
    assert machine.begin_batch() is not None
    assert machine.begin_batch() is None


def test_a_learning_search_draws_only_when_nothing_waits_and_its_parallelism_leaves_room() -> None:
    machine = search(parallelism=4, budget=Budget(trials=100))
    draw(machine)
    for _ in range(4):
        assert machine.begin_batch() is None
        lease(machine)
    assert machine.begin_batch() is None, "parallelism is used up"


def test_an_exhausted_space_completes_when_its_last_trial_is_settled() -> None:
    machine = search()
    draw(machine, short_by=1)
    for _ in range(2):
        settle(machine)
    assert machine.state is SearchState.RUNNING
    assert moves(settle(machine)) == [SearchState.COMPLETED]
    assert "3 architectures" in machine.message


@pytest.mark.parametrize(
    ("budget", "value", "seconds", "message"),
    [
        (Budget(trials=9, target_reward=0.9), 0.95, 1.0, "target reward 0.9"),
        (Budget(trials=9, trainer_hours=1.0), 0.1, 3600.0, "1 trainer hours"),
        (Budget(trials=9, duration=10.0), 0.1, 1.0, "10 s are over"),
    ],
)
def test_whichever_budget_is_used_up_first_ends_the_search(budget: Budget, value: float, seconds: float, message: str) -> None:
    machine = search(budget=budget)
    draw(machine)
    other = lease(machine)
    records = settle(machine, value, at=11.0, seconds=seconds)
    assert moves(records) == [SearchState.COMPLETED]
    assert message in machine.message
    assert [record.number for record in records if isinstance(record, TrialRequeued)] == [other]
    assert machine.running == 0


def test_a_raised_budget_lets_a_completed_search_go_on() -> None:
    machine = search(budget=Budget(trials=4))
    draw(machine)
    for _ in range(4):
        settle(machine)
    assert machine.state is SearchState.COMPLETED
    machine.change(smallest_spec(budget=Budget(trials=5), strategy=Reinforce(batch_size=4)), 2.0)
    assert machine.state is SearchState.RUNNING
    assert machine.begin_batch() is not None


def fail(machine: Search, kind: FailureKind) -> object:
    return machine.fail(lease(machine), "o", Failure(kind, "why"), 1.0, 1.0)[1]


def test_loss_model_failure_and_timeout_have_budgets_of_their_own() -> None:
    settings = TrialSettings(retries=Retries(lost=2, model_failure=1, timeout=1), failure_reward=-1.0)
    machine = search(trial=settings)
    draw(machine)
    kinds = [FailureKind.LEASE_EXPIRED, FailureKind.NOT_FINITE, FailureKind.TIMED_OUT, FailureKind.LEASE_EXPIRED]
    for kind in kinds:
        assert isinstance(fail(machine, kind), TrialRequeued)
    given_up = fail(machine, FailureKind.NOT_FINITE)
    assert isinstance(given_up, TrialSettled)
    assert (given_up.number, given_up.state, given_up.reward) == (0, TrialState.FAILED, -1.0)
    assert (machine.tally.failed, machine.tally.lost) == (1, 0)


@pytest.mark.parametrize("kind", [FailureKind.LEASE_EXPIRED, FailureKind.TIMED_OUT])
def test_only_a_model_failure_earns_the_failure_reward(kind: FailureKind) -> None:
    machine = search(trial=TrialSettings(retries=Retries(lost=0, timeout=0), failure_reward=-1.0))
    draw(machine)
    given_up = fail(machine, kind)
    assert isinstance(given_up, TrialSettled)
    assert given_up.reward is None
    assert (machine.tally.failed, machine.tally.lost) == (0, 1)


def test_a_lease_handed_back_in_order_costs_nothing_however_often() -> None:
    machine = search(trial=TrialSettings(retries=Retries(lost=0, model_failure=0, timeout=0)))
    draw(machine)
    for _ in range(20):
        assert isinstance(fail(machine, FailureKind.RETURNED), TrialRequeued)


def test_a_batch_is_ready_when_all_of_it_is_settled_and_a_lost_trial_shrinks_it() -> None:
    machine = search(trial=TrialSettings(retries=Retries(lost=0)))
    draw(machine)
    fail(machine, FailureKind.LEASE_EXPIRED)
    for _ in range(2):
        settle(machine)
    assert machine.begin_learning() is None
    settle(machine, 0.7)
    group = machine.begin_learning()
    assert group is not None
    assert [(trial.number, trial.reward) for trial in group] == [(0, None), (1, 0.5), (2, 0.5), (3, 0.7)]


def test_arrival_takes_the_first_to_settle_whatever_their_batch() -> None:
    machine = search(strategy=Reinforce(batch_size=2, batching=Batching.ARRIVAL), parallelism=8)
    draw(machine)
    numbers = [lease(machine), lease(machine)]
    draw(machine)
    late = lease(machine)
    machine.measure(late, "o", measured(0.1), 1.0)
    machine.measure(numbers[1], "o", measured(0.2), 1.0)
    group = machine.begin_learning()
    assert group is not None
    assert [trial.number for trial in group] == [late, numbers[1]]


def test_suspending_hands_leases_back_in_the_order_of_their_numbers() -> None:
    machine = search()
    draw(machine)
    for _ in range(3):
        lease(machine)
    records = machine.suspend(1.0)
    assert moves(list(records)) == [SearchState.SUSPENDED]
    assert machine.available == 0
    machine.resume(2.0)
    assert [lease(machine) for _ in range(4)] == [0, 1, 2, 3]


def test_time_spent_suspended_does_not_count() -> None:
    machine = search()
    machine.suspend(10.0)
    machine.resume(100.0)
    assert machine.running_seconds(105.0) == 15.0


@pytest.mark.parametrize("wish", [Search.suspend, Search.resume])
def test_an_ended_search_is_neither_suspended_nor_resumed(wish: Callable[[Search, float], object]) -> None:
    machine = search()
    machine.cancel(1.0)
    assert machine.cancel(2.0) == []
    with pytest.raises(ConflictError, match="cancelled"):
        wish(machine, 2.0)


def test_the_best_trial_is_the_first_of_the_best_and_the_average_moves() -> None:
    machine = search(budget=Budget(trials=100), strategy=Reinforce(batch_size=8))
    draw(machine)
    for value in (0.2, 0.8, 0.8):
        settle(machine, value)
    assert machine.tally.best == (1, 0.8)
    # 0.2, then 0.95 * 0.2 + 0.05 * 0.8 = 0.23, then 0.95 * 0.23 + 0.05 * 0.8 = 0.2585
    assert machine.tally.average_reward == pytest.approx(0.2585)


def completed(*, suspend: bool) -> Search:
    machine = search(budget=Budget(trials=1), suspend=suspend)
    machine.resume(0.0)
    draw(machine)
    settle(machine)
    assert machine.state is SearchState.COMPLETED
    return machine


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [(True, False, SearchState.RUNNING), (False, True, SearchState.SUSPENDED), (True, True, SearchState.SUSPENDED)],
)
def test_a_completed_search_with_a_raised_budget_goes_on_as_declared(before: bool, after: bool, state: SearchState) -> None:  # noqa: FBT001 - parameters
    machine = completed(suspend=before)
    machine.change(replace(machine.spec, suspend=after, budget=Budget(trials=2)), 2.0)
    assert machine.state is state


def test_a_change_that_is_refused_changes_nothing() -> None:
    machine = completed(suspend=True)
    declared = machine.spec
    with pytest.raises(ConflictError, match="completed"):
        machine.change(replace(declared, suspend=False), 2.0)
    assert machine.spec is declared


def test_what_a_failed_strategy_was_to_learn_from_waits_in_order_until_the_search_is_resumed() -> None:
    machine = search(strategy=Reinforce(batch_size=2), budget=Budget(trials=100))
    for _ in range(2):
        draw(machine)
        settle(machine)
        settle(machine)
    first, second = machine.begin_learning(), machine.begin_learning()
    assert first is not None
    assert second is not None
    machine.give_up("its strategy failed", 2.0)
    assert machine.begin_learning() is None
    machine.resume(3.0)
    assert [machine.begin_learning(), machine.begin_learning()] == [first, second]


def test_how_long_it_has_run_is_noted_now_and_then() -> None:
    machine = search()
    assert machine.clock(9.0) == []
    [noted] = machine.clock(11.0)
    assert isinstance(noted, SearchMoved)
    assert (noted.state, noted.running_seconds) == (SearchState.RUNNING, 11.0)
    assert machine.running_seconds(15.0) == 15.0

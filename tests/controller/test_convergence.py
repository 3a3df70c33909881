"""A search ends when the mean rewards of its last updates are steady and good enough, also after a restart."""

from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest

from nasfleet.catalogue import Budget, Convergence, InvalidParametersError, Reinforce
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.ending import Usage, end_reason
from nasfleet_controller.records import BatchLearned, BatchProposed, Proposal, SearchCreated, SearchMoved, SearchState
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease, SearchSnapshot
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.thinking import new_search
from nasfleet_testing.specs import smallest_spec

STEADY = Convergence(updates=3, max_std=2.0, min_mean=10.0)


def reason(mean_rewards: tuple[float, ...], convergence: Convergence = STEADY) -> str | None:
    usage = Usage(4, None, 0.0, 0.0, exhausted=False, mean_rewards=mean_rewards)
    return end_reason(Budget(trials=1000, convergence=convergence), usage)


def test_steady_and_good_rewards_end_a_search() -> None:
    # Mean 11, standard deviation of the population sqrt(2/3).
    said = f"the mean rewards of the last 3 updates have settled at 11, standard deviation {sqrt(2 / 3):g}"
    assert reason((-100.0, 10.0, 11.0, 12.0)) == said


@pytest.mark.parametrize(
    "rewards",
    [
        (),
        (11.0, 11.0),  # too few
        (9.0, 9.9, 9.9),  # steady, and not good
        (8.0, 11.0, 14.0),  # good, with a standard deviation of sqrt(6)
        (11.0, 11.0, 11.0, -50.0),  # no longer
    ],
)
def test_rewards_that_are_few_or_bad_or_unsteady_do_not(rewards: tuple[float, ...]) -> None:
    assert reason(rewards) is None


def test_a_mean_at_its_bound_is_enough_and_a_deviation_at_its_bound_is_not() -> None:
    assert reason((10.0, 10.0, 10.0)) is not None
    two = Convergence(updates=2, max_std=1.0, min_mean=0.0)
    assert reason((1.0, 3.0), two) is None
    assert reason((1.0, 2.9), two) is not None


def search(mean_rewards: tuple[float, ...] = ()) -> Search:
    spec = smallest_spec(budget=Budget(trials=100, convergence=STEADY), strategy=Reinforce(batch_size=2))
    snapshot = SearchSnapshot(1, SearchName("default", "s"), "u", spec, SearchState.RUNNING, "", 0.0, 0.0, 0.0)
    return new_search(replace(snapshot, mean_rewards=mean_rewards))


def learn(machine: Search, mean_reward: float) -> list[object]:
    """Let a batch be proposed, measured and learned from."""
    wanted = machine.begin_batch()
    assert wanted is not None
    numbers = range(wanted.first_number, wanted.first_number + wanted.count)
    machine.propose(wanted, 0, None, [Proposal(number, (number,), f"{number}") for number in numbers], 0.0)
    for number in numbers:
        assert machine.next_queued() == number
        machine.start(HeldLease(number + 1, "t", "i"), 0.0, 0.0)
        machine.measure(number, "o", Measurement(mean_reward, (EpochMeasurement(1, mean_reward, 1.0),), 1.0, 1.0), 1.0)
    group = machine.begin_learning()
    assert group is not None
    return list(machine.learn(group, update(1, mean_reward), 2.0))


def update(version: int, mean_reward: float) -> Update:
    return Update(version, 0.5, mean_reward, 1.0, 1.0, 0, b"")


def test_the_update_that_makes_rewards_steady_ends_the_search() -> None:
    machine = search()
    for _ in range(2):
        assert not [record for record in learn(machine, 11.0) if isinstance(record, SearchMoved)]
    learned, moved = learn(machine, 11.0)
    assert isinstance(learned, BatchLearned)
    assert isinstance(moved, SearchMoved)
    assert moved.state is SearchState.COMPLETED
    assert "have settled at 11" in machine.message


def test_what_was_learned_before_a_restart_counts() -> None:
    machine = search(mean_rewards=(50.0, 11.0, 11.0))
    learn(machine, 11.0)
    assert machine.state is SearchState.COMPLETED


def test_without_the_rule_a_completed_search_goes_on() -> None:
    machine = search(mean_rewards=(11.0, 11.0, 11.0))
    machine.end_if_due(1.0)
    assert machine.state is SearchState.COMPLETED
    machine.change(replace(machine.spec, budget=Budget(trials=100)), 2.0)
    assert machine.state is SearchState.RUNNING


def test_the_store_has_the_mean_rewards_in_their_order(tmp_path: Path) -> None:
    spec = smallest_spec(strategy=Reinforce())
    created = SearchCreated(1, SearchName("default", "s"), "u", spec, SearchState.RUNNING, 1.0)
    proposals = tuple(Proposal(number, (0,), f"{number:016x}") for number in range(1100))
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        store.commit([created, BatchProposed(1, 0, 0, None, proposals, 1.0)])
        store.commit([BatchLearned(1, (number,), update(number + 1, float(number)), 2.0) for number in range(1100)])
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        assert store.load().searches[0].mean_rewards == tuple(map(float, range(100, 1100)))


def test_a_search_that_makes_no_updates_is_refused() -> None:
    with pytest.raises(InvalidParametersError, match="convergence is given with the strategy random, which makes no updates"):
        smallest_spec(budget=Budget(trials=1, convergence=STEADY))

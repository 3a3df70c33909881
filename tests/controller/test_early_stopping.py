"""Which children are stopped early, by numbers worked out by hand, and what follows from it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import (
    Budget,
    Duplicates,
    ImageClassification,
    InvalidParametersError,
    InversePerplexity,
    InverseSquaredPerplexity,
    LanguageModeling,
    Median,
    NegativeError,
    Reinforce,
    SuccessiveHalving,
    Synthetic,
    Tabular,
)
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.early_stopping import EarlyStopping, TrialCurve
from nasfleet_controller.records import Proposal, SearchState, TrialReused, TrialSettled
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease, SearchSnapshot
from nasfleet_controller.thinking import new_search
from nasfleet_testing.specs import smallest_spec

FENCES = iter(range(1, 1_000_000))


def rule(section: Median | SuccessiveHalving, **changes: object) -> EarlyStopping:
    return EarlyStopping(smallest_spec(**({"task": Synthetic(epochs=100), "early_stopping": section} | changes)))


def epochs(*values: float, first: int = 1) -> tuple[EpochMeasurement, ...]:
    return tuple(EpochMeasurement(epoch, value, 1.0) for epoch, value in enumerate(values, first))


def settled(stopping: EarlyStopping, curves: Sequence[Sequence[float]]) -> None:
    for number, curve in enumerate(curves):
        stopping.begin(number)
        stopping.measured(number, epochs(*curve))


def test_a_child_is_stopped_if_its_best_is_below_the_median_of_running_averages() -> None:
    stopping = rule(Median(min_trials=3))
    # Running averages at epoch 2: (0.2 + 0.4) / 2 = 0.3, (0.4 + 0.6) / 2 = 0.5, (0.9 + 0.1) / 2 = 0.5; the median is 0.5.
    settled(stopping, [(0.2, 0.4), (0.4, 0.6), (0.9, 0.1)])
    # At epoch 1 the median is 0.4.
    assert not stopping.report(10, epochs(0.4))
    assert stopping.report(10, epochs(0.49, first=2))
    assert not stopping.report(11, epochs(0.5, 0.1))  # its best is 0.5, at epoch 1
    assert stopping.report(12, epochs(0.39))


def test_the_median_of_an_even_number_is_between_the_middle_two() -> None:
    stopping = rule(Median(min_trials=2))
    settled(stopping, [(0.2,), (0.4,)])
    assert stopping.report(10, epochs(0.29))
    assert not stopping.report(11, epochs(0.31))


def test_nobody_is_judged_before_enough_trials_and_epochs() -> None:
    stopping = rule(Median(min_trials=2, min_epochs=3))
    settled(stopping, [(0.9, 0.9, 0.9)])
    assert not stopping.report(10, epochs(0.1, 0.1, 0.1, 0.1))
    settled(stopping, [(0.9, 0.9, 0.9)])
    assert not stopping.report(11, epochs(0.1, 0.1))
    assert stopping.report(11, epochs(0.1, first=3))
    assert not stopping.report(11, epochs(0.1, first=4)), "only one trial has come so far as epoch 4"


def test_at_a_rung_the_best_part_goes_on_and_the_first_always() -> None:
    stopping = rule(SuccessiveHalving(min_epochs=2, reduction_factor=3))
    # Of n seen at a rung max(1, n // 3) go on: one of the first five, two of six.
    stopped = [stopping.report(number, epochs(0.0, value)) for number, value in enumerate((0.5, 0.4, 0.6, 0.55, 0.6))]
    assert stopped == [False, True, False, True, False]
    assert stopping.report(5, epochs(0.0, 0.58))  # of six; better are 0.6 and 0.6
    assert not stopping.report(6, epochs(0.0, 0.7))


def test_rungs_are_the_first_epochs_times_powers_of_the_factor() -> None:
    stopping = rule(SuccessiveHalving(min_epochs=2, reduction_factor=3))
    stopping.report(0, epochs(*[1.0] * 60))
    assert [epoch for epoch in range(1, 61) if stopping.report(100 + epoch, epochs(0.5, first=epoch))] == [2, 6, 18, 54]


def test_another_attempt_takes_its_own_place_at_the_rungs() -> None:
    stopping = rule(SuccessiveHalving(reduction_factor=2))
    stopping.report(0, epochs(0.9))
    stopping.begin(0)
    assert not stopping.report(1, epochs(0.1)), "the first attempt's 0.9 is gone with it"
    assert not stopping.report(0, epochs(0.9))


@pytest.mark.parametrize("section", [Median(min_trials=1), SuccessiveHalving()])
def test_where_less_is_better_the_larger_error_is_stopped(section: Median | SuccessiveHalving) -> None:
    stopping = rule(section, reward=NegativeError())
    settled(stopping, [(0.5,)])
    assert stopping.report(10, epochs(0.6))
    assert not stopping.report(11, epochs(0.4))


@pytest.mark.parametrize("reward", [InversePerplexity(), InverseSquaredPerplexity()])
@pytest.mark.parametrize("section", [Median(min_trials=1), SuccessiveHalving()])
def test_the_larger_perplexity_is_stopped(
    section: Median | SuccessiveHalving, reward: InversePerplexity | InverseSquaredPerplexity
) -> None:
    stopping = rule(section, task=LanguageModeling(), reward=reward)
    settled(stopping, [(90.0, 80.0)])
    assert stopping.report(10, epochs(100.0))
    assert not stopping.report(11, epochs(85.0))


@pytest.mark.parametrize("section", [Median(min_trials=1), SuccessiveHalving()])
def test_an_epoch_that_comes_twice_is_judged_once(section: Median | SuccessiveHalving) -> None:
    stopping = rule(section)
    settled(stopping, [(0.5,)])
    assert stopping.report(10, epochs(0.4))
    assert not stopping.report(10, epochs(0.4))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8), st.floats(0, 1)), max_size=40))
def test_stored_epochs_in_whatever_order_lead_to_the_same_decision(reports: list[tuple[int, int, float]]) -> None:
    section = SuccessiveHalving(reduction_factor=2)
    live, first = rule(section), dict[tuple[int, int], float]()
    for number, epoch, value in reports:
        live.report(number, epochs(value, first=epoch))
        first.setdefault((number, epoch), value)
    stored = [
        TrialCurve(number, tuple((at, first[of, at]) for of, at in sorted(first) if of == number), measured=False)
        for number in range(6)
    ]
    rebuilt = EarlyStopping(smallest_spec(task=Synthetic(epochs=100), early_stopping=section), reversed(stored))
    for epoch in (1, 2, 4, 8):
        assert live.report(100, epochs(0.5, first=epoch)) == rebuilt.report(100, epochs(0.5, first=epoch))


# What follows in a search.


def search(section: Median | SuccessiveHalving, **changes: object) -> Search:
    parts = {
        "strategy": Reinforce(batch_size=2),
        "budget": Budget(trials=8),
        "task": Synthetic(epochs=10),
        "early_stopping": section,
    }
    declared = smallest_spec(**(parts | changes))
    machine = new_search(SearchSnapshot(1, SearchName("default", "s"), "u", declared, SearchState.RUNNING, "", 0.0, 0.0, 0.0))
    wanted = machine.begin_batch()
    assert wanted is not None
    machine.propose(wanted, 0, None, [Proposal(number, (0,), "same") for number in range(2)], 0.0)
    return machine


def lease(machine: Search) -> int:
    number = machine.next_queued()
    machine.start(HeldLease(next(FENCES), "t", "i"), 0.0, 0.0)
    return number


def stopped(value: float) -> Measurement:
    return Measurement(value, epochs(value / 2, value), 2.0, 2.0, stopped_early=True)


@pytest.mark.parametrize(("teach", "taught"), [(True, 0.3), (False, None)])
def test_a_stopped_trial_has_the_reward_of_its_epochs_and_teaches_if_it_is_to(teach: bool, taught: float | None) -> None:  # noqa: FBT001 - parameters
    machine = search(SuccessiveHalving(teach=teach))
    machine.measure(lease(machine), "a", Measurement(0.5, epochs(0.5), 1.0, 1.0), 1.0)
    _, record = machine.measure(lease(machine), "b", stopped(0.3), 1.0)
    assert isinstance(record, TrialSettled)
    assert (record.reward, record.epochs_saved) == (0.3, 8)
    group = machine.begin_learning()
    assert group is not None
    assert [trial.reward for trial in group] == [0.5, taught]


def test_the_reward_of_a_stopped_twin_is_reused_with_its_flag() -> None:
    machine = search(SuccessiveHalving(teach=False), duplicates=Duplicates.REUSE)
    _, _, record = machine.measure(lease(machine), "a", stopped(0.3), 1.0)
    assert isinstance(record, TrialReused)
    assert record.stopped_early
    group = machine.begin_learning()
    assert group is not None
    assert [trial.reward for trial in group] == [None, None]


def test_a_trial_that_is_tried_again_is_judged_by_its_new_attempt() -> None:
    machine = search(SuccessiveHalving(reduction_factor=2))
    first, second = lease(machine), lease(machine)
    assert not machine.report(first, epochs(0.9))
    machine.fail(first, None, Failure(FailureKind.LEASE_EXPIRED, "silent"), 1.0, 1.0)
    assert machine.report(second, epochs(0.5)), "0.9 is still what the last attempt at the other one showed"
    assert lease(machine) == first
    assert machine.report(first, epochs(0.4)), "its 0.9 is gone with the attempt, and 0.5 is better"


# What is refused.


@pytest.mark.parametrize(
    ("task", "section", "message"),
    [
        (Tabular(file="t.csv"), Median(), r"earlyStopping is given with a tabular task, which has no epochs"),
        (Synthetic(), Median(), r"earlyStopping.median.minEpochs is 1, but the task has 1 epochs.*give less than 1"),
        (Synthetic(epochs=9), SuccessiveHalving(min_epochs=9), r"earlyStopping.successiveHalving.minEpochs is 9"),
        (ImageClassification(epochs=3), SuccessiveHalving(min_epochs=4), r"but the task has 3 epochs"),
    ],
)
def test_a_rule_that_could_stop_nobody_is_refused(task: object, section: object, message: str) -> None:
    with pytest.raises(InvalidParametersError, match=message):
        smallest_spec(task=task, early_stopping=section)

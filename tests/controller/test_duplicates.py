"""What becomes of networks that were proposed before: trained again, given the reward that is known, or drawn anew."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import (
    Bayesian,
    Budget,
    ChoiceDecision,
    Choices,
    Duplicates,
    Evolution,
    Exhaustive,
    Median,
    Random,
    Reinforce,
    Retries,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
    TrialSettings,
)
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.batching import BatchRequest
from nasfleet_controller.records import BatchProposed, Proposal, Record, SearchCreated, SearchState, TrialReused, TrialState
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease, SearchSnapshot
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.resampling import RESAMPLES, resampled
from nasfleet_controller.thinking import Mind, new_search
from nasfleet_testing.specs import smallest_spec

Strategy = Reinforce | Random | Exhaustive | Evolution | Bayesian
FENCES = iter(range(1, 1_000_000))
SMALL = SearchSpaceSection(
    space=Choices(decisions=tuple(ChoiceDecision(name=name, options=(0, 1, 2)) for name in ("a", "b", "c")))
)


def search(**changes: object) -> Search:
    parts = {"strategy": Reinforce(batch_size=4), "budget": Budget(trials=40), "duplicates": Duplicates.REUSE} | changes
    declared = smallest_spec(**parts)
    return new_search(SearchSnapshot(1, SearchName("default", "s"), "u", declared, SearchState.RUNNING, "", 0.0, 0.0, 0.0))


def draw(machine: Search, networks: Sequence[int]) -> list[Record]:
    wanted = machine.begin_batch()
    assert wanted is not None
    assert wanted.count == len(networks)
    proposals = [Proposal(wanted.first_number + n, (network,), f"{network}") for n, network in enumerate(networks)]
    return machine.propose(wanted, 0, None, proposals, 0.0)


def lease(machine: Search) -> int:
    number = machine.next_queued()
    machine.start(HeldLease(next(FENCES), "t", "i"), 0.0, 0.0)
    return number


def measure(machine: Search, value: float) -> list[Record]:
    epochs = (EpochMeasurement(1, value, 1.0),)
    return machine.measure(lease(machine), "o", Measurement(value, epochs, 1.0, 1.0), 1.0)


def reused(records: Sequence[Record]) -> list[tuple[int, int, float]]:
    return [(one.number, one.source, one.reward) for one in records if isinstance(one, TrialReused)]


def test_a_network_that_is_known_has_its_reward_at_once_and_teaches_like_any_other() -> None:
    machine = search()
    draw(machine, [1, 2, 3, 4])
    for value in (0.1, 0.2, 0.3, 0.4):
        measure(machine, value)
    machine.begin_learning()
    records = draw(machine, [2, 5, 4, 2])
    assert reused(records) == [(4, 1, 0.2), (6, 3, 0.4), (7, 1, 0.2)]
    assert (machine.queued, machine.tally.succeeded) == (1, 7)
    measure(machine, 0.9)
    group = machine.begin_learning()
    assert group is not None
    assert [(trial.number, trial.tokens, trial.reward) for trial in group] == [
        (4, (2,), 0.2),
        (5, (5,), 0.9),
        (6, (4,), 0.4),
        (7, (2,), 0.2),
    ]


def test_a_network_in_training_is_waited_for() -> None:
    machine = search()
    draw(machine, [1, 1, 2, 1])
    assert (machine.queued, machine.waiting) == (2, 4)
    assert [lease(machine), lease(machine)] == [0, 2]
    records = machine.measure(0, "o", Measurement(0.5, (), 1.0, 1.0), 1.0)
    assert reused(records) == [(1, 0, 0.5), (3, 0, 0.5)]
    assert (machine.queued, machine.waiting, machine.running) == (0, 0, 1)


def test_when_the_one_in_training_is_lost_for_good_the_next_is_trained_in_its_place() -> None:
    machine = search(trial=TrialSettings(retries=Retries(lost=0)))
    draw(machine, [1, 1, 2, 1])
    number = lease(machine)
    machine.fail(number, None, Failure(FailureKind.LEASE_EXPIRED, "silent"), 1.0, 1.0)
    assert machine.next_queued() == 1
    assert reused(measure(machine, 0.5)) == [(3, 1, 0.5)]


def test_a_failure_of_the_network_is_known_as_well() -> None:
    machine = search(trial=TrialSettings(retries=Retries(model_failure=0), failure_reward=-1.0))
    draw(machine, [1, 1, 2, 3])
    records = machine.fail(lease(machine), "o", Failure(FailureKind.OUT_OF_MEMORY, "too large"), 1.0, 1.0)
    assert reused(records) == [(1, 0, -1.0)]
    assert (machine.tally.failed, machine.tally.succeeded) == (2, 0)


def test_a_policy_that_has_made_up_its_mind_does_not_propose_its_whole_budget_while_one_child_is_trained() -> None:
    machine = search(parallelism=8)
    draw(machine, [1, 1, 1, 1])
    assert lease(machine) == 0
    draw(machine, [1, 1, 1, 1])
    assert machine.begin_batch() is None


def test_twins_that_wait_keep_a_search_that_looks_ahead_from_proposing_ever_more() -> None:
    machine = search(strategy=Random(batch_size=4), parallelism=2)
    draw(machine, [1, 2, 3, 1])
    lease(machine)
    assert (machine.queued, machine.waiting) == (2, 3)
    assert machine.begin_batch() is None


def test_a_search_of_few_networks_spends_its_whole_budget_without_a_lease_for_known_ones() -> None:
    machine = search(strategy=Random(batch_size=4), parallelism=2, budget=Budget(trials=40))
    while machine.state is SearchState.RUNNING:
        if machine.available:
            measure(machine, 0.5)
        else:
            draw(machine, [number % 3 for number in range(machine.proposed, machine.proposed + 4)])
    assert machine.tally.settled == 40
    assert machine.tally.trainer_seconds == 3.0


def test_twins_that_wait_ask_for_no_trainer() -> None:
    machine = search(budget=Budget(trials=4))
    draw(machine, [1, 1, 1, 2])
    assert machine.wanted_leases == 2


def test_the_target_that_one_trial_reaches_ends_the_search_with_its_twins_settled() -> None:
    machine = search(budget=Budget(trials=40, target_reward=0.9))
    draw(machine, [1, 1, 2, 3])
    assert reused(measure(machine, 0.95)) == [(1, 0, 0.95)]
    assert machine.state is SearchState.COMPLETED
    assert machine.tally.best == (0, 0.95)


def test_without_reuse_every_proposal_is_trained_and_flagged_if_it_came_before() -> None:
    machine = search(duplicates=Duplicates.REEVALUATE)
    [record] = draw(machine, [1, 1, 2, 1])
    assert isinstance(record, BatchProposed)
    assert [proposal.duplicate for proposal in record.proposals] == [False, True, False, True]
    assert (machine.queued, record.duplicates) == (4, 2)


def spec(strategy: Strategy, **changes: object) -> SearchSpec:
    parts = {"search_space": SMALL, "strategy": strategy, "duplicates": Duplicates.RESAMPLE} | changes
    return smallest_spec(**parts)


STRATEGIES = [
    Reinforce(batch_size=6, hidden_units=4, embedding_size=4, layers=1),
    Random(batch_size=6),
    Evolution(population=4, sample_size=2, batch_size=6),
    Bayesian(startup_trials=4, batch_size=6),
]
IDS = ["reinforce", "random", "evolution", "bayesian"]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=IDS)
def test_resampling_proposes_new_networks_only_while_there_are_any(strategy: Strategy) -> None:
    mind, hashes = Mind(spec(strategy), None), set[str]()
    for batch in range(3):
        drawn = mind.draw(BatchRequest(batch, 6 * batch, 6), hashes).proposals
        hashes |= {proposal.canonical_hash for proposal in drawn}
    assert len(hashes) == 18  # of 27
    plain = Mind(spec(strategy, duplicates=Duplicates.REEVALUATE), None)
    again = [proposal.tokens for batch in range(3) for proposal in plain.draw(BatchRequest(batch, 6 * batch, 6), ()).proposals]
    assert len(set(again)) < 18, "what is not drawn anew repeats itself, else this test shows nothing"


@pytest.mark.parametrize("strategy", STRATEGIES, ids=IDS)
def test_the_same_seed_and_batch_are_resampled_alike_however_many_are_wanted(strategy: Strategy) -> None:
    known = {proposal.canonical_hash for proposal in Mind(spec(strategy), None).draw(BatchRequest(0, 0, 6), ()).proposals}
    whole = Mind(spec(strategy), None).draw(BatchRequest(1, 6, 6), known).proposals
    assert Mind(spec(strategy), None).draw(BatchRequest(1, 6, 6), known).proposals == whole
    assert Mind(spec(strategy), None).draw(BatchRequest(1, 6, 2), known).proposals == whole[:2]


@pytest.mark.parametrize("strategy", STRATEGIES[2:], ids=IDS[2:])
def test_a_strategy_that_drew_anew_goes_on_as_one_that_is_built_of_the_trials(strategy: Strategy) -> None:
    assert len(proposed_hashes(strategy, Duplicates.RESAMPLE)) > len(proposed_hashes(strategy, Duplicates.REEVALUATE))


def proposed_hashes(strategy: Strategy, duplicates: Duplicates) -> set[str]:
    """Run a search whose every batch is drawn alike by the mind that grew with it and by one that is built for it."""
    machine = search(search_space=SMALL, strategy=strategy, duplicates=duplicates, budget=Budget(trials=18))
    mind = Mind(machine.spec, None)
    while machine.state is SearchState.RUNNING:
        if (wanted := machine.begin_batch()) is None:
            measure(machine, machine.trial(machine.next_queued()).tokens[0] / 4)
            continue
        drawn = mind.draw(wanted, machine.hashes)
        assert Mind(machine.spec, None).draw(wanted, machine.hashes) == drawn
        machine.propose(wanted, 0, None, drawn.proposals, 0.0)
    return machine.hashes


def test_a_reward_that_is_reused_counts_in_hindsight() -> None:
    machine = search(strategy=Evolution(population=8, sample_size=2, batch_size=1))
    draw(machine, [1])
    measure(machine, 0.5)
    draw(machine, [1])
    wanted = machine.begin_batch()
    assert wanted is not None
    assert [(credit.number, credit.tokens, credit.reward) for credit in wanted.history.credits] == [
        (0, (1,), 0.5),
        (1, (1,), 0.5),
    ]
    assert wanted.history.open == {}


@pytest.mark.parametrize("teach", [True, False])
def test_hindsight_after_a_restart_is_that_of_the_search_that_went_on(tmp_path: Path, *, teach: bool) -> None:
    machine = search(
        strategy=Evolution(population=3, sample_size=2, batch_size=1),
        task=Synthetic(epochs=4),
        early_stopping=Median(teach=teach),
    )
    records: list[Record] = [SearchCreated(1, machine.name, "u", machine.spec, SearchState.RUNNING, 0.0)]
    for network, stopped in [(1, False), (2, False), (3, True), (1, False), (3, True), (4, False)]:
        records += draw(machine, [network])
        if machine.queued:
            number = machine.next_queued()
            records += machine.start(HeldLease(next(FENCES), "t", "i"), 0.0, 0.0)
            measured = Measurement(network / 8, (EpochMeasurement(1, network / 8, 1.0),), 1.0, 1.0, stopped_early=stopped)
            records += machine.measure(number, f"o{number}", measured, 1.0)
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        store.commit(records)
        again = new_search(store.load().searches[0])
    there, here = machine.begin_batch(), again.begin_batch()
    assert there is not None
    assert here is not None
    assert here.history == there.history
    assert [credit.number for credit in there.history.credits] == ([3, 4, 5] if teach else [1, 3, 5])


def test_exhaustive_search_has_nothing_to_draw_anew() -> None:
    strategy = Exhaustive(batch_size=27)
    drawn = Mind(spec(strategy), None).draw(BatchRequest(0, 0, 27), {"whatever"}).proposals
    assert len({proposal.tokens for proposal in drawn}) == 27


def test_a_space_that_is_used_up_is_proposed_again_after_a_bounded_number_of_draws() -> None:
    attempts = []

    def redraw(attempt: int) -> list[tuple[int, ...]]:
        attempts.append(attempt)
        return [(1,), (1,)]

    assert resampled([(0,), (1,)], {"(0,)", "(1,)"}, redraw, str) == [(1,), (1,)]
    assert attempts == list(range(1, RESAMPLES + 1))


@given(
    rows=st.lists(st.lists(st.integers(0, 5), min_size=5, max_size=5), min_size=RESAMPLES + 1, max_size=RESAMPLES + 1),
    known=st.sets(st.integers(0, 5).map(lambda one: f"({one},)"), max_size=4),
    wanted=st.integers(0, 5),
)
def test_first_ones_of_a_resampled_batch_do_not_depend_on_how_many_are_wanted(
    rows: list[list[int]], known: set[str], wanted: int
) -> None:
    draws = [[(one,) for one in row] for row in rows]
    whole = resampled(draws[0], known, draws.__getitem__, str)
    assert resampled(draws[0][:wanted], known, draws.__getitem__, str) == whole[:wanted]


def test_a_known_state_is_that_of_the_source() -> None:
    machine = search(trial=TrialSettings(retries=Retries(model_failure=0)))
    draw(machine, [1, 1, 2, 3])
    records = machine.fail(lease(machine), "o", Failure(FailureKind.CRASHED, "why"), 1.0, 1.0)
    assert [one.state for one in records if isinstance(one, TrialReused)] == [TrialState.FAILED]


def test_what_is_reused_may_not_change_after_the_start() -> None:
    from nasfleet.catalogue.changes import changes

    declared = smallest_spec()
    assert changes(declared, replace(declared, duplicates=Duplicates.REUSE)) == ((), ("spec.duplicates",))

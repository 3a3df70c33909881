from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet.catalogue import Budget, ConvChain, Evolution, Growth, PluginSpace, SearchSpaceSection
from nasfleet.spaces.building import build_space
from nasfleet.spaces.decision import Choice, Decision, Index, Subset
from nasfleet_controller.hindsight import Hindsight
from nasfleet_controller.open_trials import OpenTrials
from nasfleet_controller.snapshots import HeldLease, OpenTrial
from nasfleet_controller.strategies.evolution import EvolutionStrategy, mutated
from nasfleet_controller.strategies.strategy import Credit, History
from nasfleet_testing.spaces import decision_lists
from nasfleet_testing.specs import smallest_spec
from nasfleet_testing.stepped_searches import TRYING_ONCE, SteppedSearch

BITS = SearchSpaceSection(space=PluginSpace(object="a:b", decisions=tuple(Choice(f"c{n}", "c", (0, 1)) for n in range(8))))


# Any two of these differ in four bits at least, so that a child tells its parent.
CODE = [tuple((bit & number).bit_count() & 1 for bit in range(8)) for number in range(8)]


def population(*rewards: float) -> History:
    return History(tuple(Credit(number, CODE[number], None, reward, 0) for number, reward in enumerate(rewards)))


def differences(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_child_is_the_best_of_the_sample_with_one_decision_changed() -> None:
    known = population(0.1, 0.2, 0.9, 0.3)
    strategy = EvolutionStrategy(BITS, Evolution(population=4, sample_size=4), 1)

    children = strategy.propose(0, 4, 64, known)

    of_best = [child for child in children if differences(child, known.credits[2].tokens) == 1]
    # The best of four is in a sample of four with probability 1 - 0.75 ** 4 = 0.68; without selection it is 0.25.
    assert len(of_best) > 64 * 0.5
    assert all(min(differences(child, credit.tokens) for credit in known.credits) == 1 for child in children)


def test_the_oldest_trial_dies_however_good_it_was() -> None:
    known = population(9.0, *[0.1] * 4)
    strategy = EvolutionStrategy(BITS, Evolution(population=4, sample_size=4), 1)

    children = strategy.propose(0, 5, 64, known)

    living = [credit.tokens for credit in known.credits[1:]]
    assert all(min(differences(child, parent) for parent in living) == 1 for child in children)


def test_proposals_are_random_until_the_population_is_full() -> None:
    strategy = EvolutionStrategy(BITS, Evolution(population=6, sample_size=6), 1)

    drawn = strategy.propose(0, 5, 64, population(*[1.0] * 5))

    assert len(set(drawn)) > 45  # of 256; five parents have 40 children


@given(decisions=decision_lists(), mutations=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_child_differs_in_so_many_decisions_and_stays_in_the_space(
    decisions: tuple[Decision, ...], mutations: int, seed: int
) -> None:
    space = SearchSpaceSection(space=PluginSpace(object="a:b", decisions=decisions))
    strategy = EvolutionStrategy(space, Evolution(population=1, sample_size=1, mutations=mutations), seed)
    (parent,) = strategy.propose(0, 0, 1)

    children = strategy.propose(1, 1, 5, History((Credit(0, parent, None, 1.0, 0),)))

    before = build_space(space).decode(parent)
    variable = sum(decision.size > 1 for decision in decisions)
    for child in children:
        after = build_space(space).decode(child)
        assert sum(before[name] != after[name] for name in before) == min(mutations, variable)


@pytest.mark.parametrize(
    ("decision", "taken", "neighbours"),
    [
        (Choice("a", "a", ("x", "y", "z")), (1,), {(0,), (2,)}),
        (Index("a", "a", 4), (0,), {(1,), (2,), (3,)}),
        (Subset("a", "a", 3), (0, 1, 0), {(1, 1, 0), (0, 0, 0), (0, 1, 1)}),
    ],
)
def test_a_mutation_takes_a_decision_otherwise_each_way_as_likely(
    decision: Decision, taken: tuple[int, ...], neighbours: set[tuple[int, ...]]
) -> None:
    random, times = Random(1), 3000

    drawn = Counter(mutated(decision, taken, random) for _ in range(times))

    assert drawn.keys() == neighbours
    assert all(abs(count - times / len(neighbours)) < 5 * (times / 4) ** 0.5 for count in drawn.values())


def test_children_of_a_shallower_network_are_grown_to_the_depth_that_is_due() -> None:
    space = SearchSpaceSection(space=ConvChain(layers=2), growth=Growth(layers=1, every_trials=4, max_layers=3))
    strategy = EvolutionStrategy(space, Evolution(population=1, sample_size=1), 1)
    shallow = build_space(space, 2)
    (parent,) = strategy.propose(0, 0, 1)

    children = strategy.propose(1, 4, 32, History((Credit(0, parent, 2, 1.0, 0),)))

    for child in children:
        build_space(space, 3).decode(child)
        assert differences(child[: len(parent)], parent) <= 1
        shallow.decode(child[: len(parent)])
    assert len({child[len(parent) :] for child in children}) > 16


def test_failed_trials_are_parents_with_the_failure_reward_and_lost_ones_are_none() -> None:
    hindsight = Hindsight((), 10)

    hindsight.settle(OpenTrial(0, 0, 0, None, (1,)), -1.0, 0)
    hindsight.settle(OpenTrial(1, 0, 0, None, (2,)), None, 0)

    assert [(credit.number, credit.reward) for credit in hindsight.history(OpenTrials(())).credits] == [(0, -1.0)]


def test_what_waits_is_few_beside_what_is_in_training() -> None:
    hindsight = Hindsight((), 10)
    leased = [OpenTrial(number, 0, 0, None, (1,), lease=HeldLease(number + 1, "t", "i")) for number in range(40)]

    assert hindsight.few(64, OpenTrials(leased), 100) == 10
    assert hindsight.few(64, OpenTrials(leased), 3) == 3
    assert hindsight.few(64, OpenTrials(()), 100) == 1
    assert Hindsight((), 0).few(64, OpenTrials(()), 100) == 64


def test_twice_as_many_are_asked_for_as_trainers_found_nothing_to_do() -> None:
    hindsight = Hindsight((), 10)
    for number, queued in enumerate((0, 0, 0, 5)):
        hindsight.settle(OpenTrial(number, 0, 0, None, (1,)), 1.0, queued)

    assert [hindsight.few(64, OpenTrials(()), 100) for _ in range(2)] == [6, 1]


def test_a_search_keeps_no_more_trials_in_memory_than_the_population() -> None:
    spec = smallest_spec(
        strategy=Evolution(population=3, sample_size=2), search_space=BITS, budget=Budget(trials=20), trial=TRYING_ONCE
    )
    stepped = SteppedSearch(spec, None, Random(1))

    while not stepped.ended:
        stepped.step()

    assert len(stepped.search._hindsight.history(OpenTrials(())).credits) == 3

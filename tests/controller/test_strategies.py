import itertools
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet.catalogue import (
    Budget,
    ChoiceDecision,
    Choices,
    ConvChain,
    Exhaustive,
    Growth,
    LayerType,
    PluginSpace,
    PoolOperation,
    Random,
    Reinforce,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
)
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.conditions import settled
from nasfleet.spaces.decision import Decision
from nasfleet_controller.strategies.building import build_strategy
from nasfleet_controller.strategies.seeding import stream_seed
from nasfleet_controller.strategies.strategy import Credit, Strategy
from nasfleet_testing.spaces import decision_lists

Decisions = tuple[Decision, ...]
Section = Reinforce | Random | Exhaustive
EVERY_STRATEGY: list[Section] = [
    Reinforce(batch_size=5, hidden_units=4, embedding_size=4, layers=1),
    Random(batch_size=5),
    Exhaustive(batch_size=5),
]
TWO_DECISIONS = SearchSpaceSection(
    space=Choices(decisions=(ChoiceDecision(name="a", options=(1, 2, 3)), ChoiceDecision(name="b", options=("x", "y"))))
)


def strategy_for(section: Section, space: SearchSpaceSection = TWO_DECISIONS, seed: int = 1) -> Strategy:
    spec = SearchSpec(search_space=space, strategy=section, task=Synthetic(), budget=Budget(trials=10), seed=seed)
    return build_strategy(spec)


@pytest.mark.parametrize("section", EVERY_STRATEGY, ids=lambda section: type(section).__name__)
@given(decisions=decision_lists(), batch=st.integers(0, 100), wanted=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_proposals_are_architectures_of_the_space(
    section: Section, decisions: tuple[Decision, ...], batch: int, wanted: int
) -> None:
    space = SearchSpaceSection(space=PluginSpace(object="a:b", decisions=decisions))
    strategy = strategy_for(section, space)

    drawn = strategy.propose(batch, batch * strategy.batch_size, wanted)

    assert len(drawn) <= min(wanted, strategy.batch_size)
    for tokens in drawn:
        build_space(space).decode(tokens)


@pytest.mark.parametrize("section", EVERY_STRATEGY, ids=lambda section: type(section).__name__)
def test_a_batch_follows_from_seed_and_number_alone(section: Section) -> None:
    strategy, other = strategy_for(section), strategy_for(section)
    strategy.propose(0, 0, 5)

    assert strategy.propose(1, 1, 5) == other.propose(1, 1, 5)
    assert strategy.propose(1, 1, 5)[:2] == other.propose(1, 1, 2)


@pytest.mark.parametrize("section", [Random(), Exhaustive()], ids=lambda section: type(section).__name__)
def test_strategies_that_do_not_learn_make_no_update(section: Section) -> None:
    strategy = strategy_for(section)

    assert strategy.observe([Credit(0, (0, 0), None, 1.0, 0)]) is None
    strategy.restore(b"")
    assert strategy.version == 0


def test_random_proposes_every_architecture_equally_often() -> None:
    strategy = strategy_for(Random(batch_size=6000))

    drawn = Counter(strategy.propose(0, 0, 6000))

    assert len(drawn) == 6
    # Binomial with n = 6000 and p = 1/6: the standard deviation is 29.
    assert all(abs(times - 1000) < 5 * 29 for times in drawn.values())


def test_random_proposes_anew_in_every_batch_and_for_every_seed() -> None:
    space = SearchSpaceSection(space=ConvChain(layers=6))
    one, other = strategy_for(Random(), space, seed=1), strategy_for(Random(), space, seed=2)

    drawn = [*one.propose(0, 0, 8), *one.propose(1, 8, 8), *other.propose(0, 0, 8)]

    assert len(set(drawn)) == 24


def test_random_takes_the_depth_of_a_batch_s_first_trial() -> None:
    space = SearchSpaceSection(space=ConvChain(layers=2), growth=Growth(layers=1, every_trials=8, max_layers=4))
    strategy = strategy_for(Random(), space)

    for first_number in (0, 8, 24, 80):
        deep = build_space(space, layers_at(space, first_number))
        for tokens in strategy.propose(0, first_number, 8):
            deep.decode(tokens)


def test_exhaustive_proposes_every_architecture_once_in_the_order_of_its_tokens() -> None:
    strategy = strategy_for(Exhaustive(batch_size=4))

    batches = [strategy.propose(batch, 4 * batch, 4) for batch in range(3)]

    assert [*map(len, batches)] == [4, 2, 0]
    assert [*itertools.chain(*batches)] == [*itertools.product(range(3), range(2))]


def test_exhaustive_goes_on_from_a_trial_s_number_alone() -> None:
    assert strategy_for(Exhaustive()).propose(7, 3, 2) == [(1, 1), (2, 0)]


def test_exhaustive_begins_at_once_in_a_space_that_nobody_can_go_through() -> None:
    space = SearchSpaceSection(space=ConvChain(layers=64))

    first, second = strategy_for(Exhaustive(), space).propose(0, 0, 2)

    assert sum(first) == 0
    assert second == (*first[:-1], 1)


def test_exhaustive_refuses_a_space_that_grows() -> None:
    growing = SearchSpaceSection(space=ConvChain(layers=2), growth=Growth())

    with pytest.raises(InvalidInputError, match=r"searchSpace\.growth is given with the exhaustive strategy"):
        strategy_for(Exhaustive(), growing)


@pytest.mark.parametrize(
    ("strategy", "optuna"),
    [("Random()", 0), ("Exhaustive()", 0), ("Evolution()", 0), ("Grid()", 0), ("Bayesian(batch_size=8)", 1)],
)
def test_strategies_without_a_policy_import_no_torch_and_one_of_them_optuna(strategy: str, optuna: int) -> None:
    program = f"""
import sys
from nasfleet.catalogue import *
from nasfleet_controller.strategies.building import build_strategy
space = SearchSpaceSection(space=ConvChain())
spec = SearchSpec(search_space=space, strategy={strategy}, task=Synthetic(), budget=Budget(trials=1))
assert len(build_strategy(spec).propose(0, 0, 8)) == 8
sys.exit(("optuna" in sys.modules) + 2 * ("torch" in sys.modules))
"""

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == optuna


def test_streams_of_different_purpose_number_or_seed_are_different() -> None:
    seeds = {stream_seed(seed, purpose, number) for seed in range(10) for purpose in ("a", "b") for number in range(10)}

    assert len(seeds) == 200


TYPED = SearchSpaceSection(
    space=ConvChain(
        layers=2,
        layer_types=(LayerType.CONVOLUTION, LayerType.POOLING, LayerType.DROPOUT),
        filter_heights=(1, 3),
        filter_widths=(1,),
        filter_counts=(8, 16),
        pool_operations=(PoolOperation.MAX,),
    )
)


def test_exhaustive_proposes_every_architecture_with_layer_types_once() -> None:
    space = build_space(TYPED)
    strategy = strategy_for(Exhaustive(batch_size=256), TYPED)

    drawn = strategy.propose(0, 0, 256)

    # A convolution has 2 heights and 2 counts, a pooling 2 sizes, a dropout 3 rates; the second may read the first.
    assert space.size() == 9 * 9 * 2 == len(drawn) == len({space.decode(tokens) for tokens in drawn})
    assert strategy.propose(1, 256, 256) == []


@pytest.mark.parametrize("section", EVERY_STRATEGY, ids=lambda section: type(section).__name__)
def test_proposals_have_0_where_a_decision_does_not_arise(section: Section) -> None:
    decisions = build_space(TYPED).decisions

    drawn = [tokens for batch in range(8) for tokens in strategy_for(section, TYPED).propose(batch, 5 * batch, 5)]

    assert [settled(decisions, tokens) for tokens in drawn] == drawn
    assert len(set(drawn)) > 8

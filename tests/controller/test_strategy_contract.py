"""What holds for every strategy in every space that suits it, with trials that fail or are lost, and after any restart."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nasfleet.catalogue import (
    Batching,
    Bayesian,
    Budget,
    ChoiceDecision,
    Choices,
    ConvChain,
    Evolution,
    Exhaustive,
    Grid,
    Growth,
    InvalidParametersError,
    PluginSpace,
    Random,
    Reinforce,
    Sampler,
    SearchSpaceSection,
    SearchSpec,
)
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.decision import Choice, Index, Subset
from nasfleet_controller.records import SearchState
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.building import build_strategy
from nasfleet_controller.strategies.strategy import Credit, History
from nasfleet_testing.specs import smallest_spec
from nasfleet_testing.stepped_searches import TRYING_ONCE, ran

SMALL_POLICY = {"hidden_units": 4, "embedding_size": 4, "layers": 1}
STRATEGIES: dict[str, Any] = {
    "reinforce": Reinforce(batch_size=4, learning_rate=0.1, **SMALL_POLICY),
    "reinforce-arrival": Reinforce(batch_size=4, learning_rate=0.1, batching=Batching.ARRIVAL, **SMALL_POLICY),
    "random": Random(batch_size=3),
    "exhaustive": Exhaustive(batch_size=3),
    "evolution": Evolution(population=5, sample_size=3, mutations=2),
    "grid": Grid(batch_size=3),
    "tpe": Bayesian(startup_trials=4, batch_size=2),
    "tpe-univariate": Bayesian(startup_trials=4, multivariate=False, constant_liar=False),
}
OF_ALL_KINDS = (
    Choice("a", "a", ("x", "y", "z")),
    Choice("fixed", "fixed", (1,)),
    *(Index(f"node{n}", "node", n + 1) for n in range(3)),
    *(Subset(f"layer{n}", "layer", n) for n in range(4)),
)
SPACES = {
    "choices": SearchSpaceSection(space=Choices(decisions=(ChoiceDecision(name="a", options=(1, 2, 3, 4, 5, 6, 7, 8)),))),
    "convChain": SearchSpaceSection(space=ConvChain(layers=3)),
    "plugin": SearchSpaceSection(space=PluginSpace(object="a:b", decisions=OF_ALL_KINDS)),
    "growing": SearchSpaceSection(space=ConvChain(layers=1), growth=Growth(layers=1, every_trials=8, max_layers=3)),
    "one-architecture": SearchSpaceSection(space=Choices(decisions=(ChoiceDecision(name="a", options=(1,)),))),
}
OF_ONE_SPACE = {"exhaustive", "grid", "tpe", "tpe-univariate", "gaussian-process"}
PAIRS = [
    pytest.param(STRATEGIES[strategy], space, id=f"{strategy}-{name}")
    for (strategy, (name, space)) in itertools.product(STRATEGIES, SPACES.items())
    if not (name == "growing" and strategy in OF_ONE_SPACE)
]
TRIALS = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path_factory.mktemp('store')}/nasfleet.db") as opened:
        yield opened


def spec_of(strategy: Any, space: SearchSpaceSection, **changes: Any) -> SearchSpec:
    said: dict[str, Any] = {"budget": Budget(trials=TRIALS), "parallelism": 5, "seed": 3, "trial": TRYING_ONCE}
    return smallest_spec(strategy=strategy, search_space=space, **(said | changes))


def history_of(space: SearchSpaceSection, trials: int, opened: int) -> History:
    """Return what a search knows after so many trials that were drawn at random."""
    drawn = build_strategy(spec_of(Random(batch_size=trials + opened), space)).propose(0, 0, trials + opened)
    settled = enumerate(drawn[:trials])
    layers = layers_at(space, 0)
    credits_earned = tuple(Credit(number, tokens, layers, number % 5 / 5, 0) for number, tokens in settled)
    return History(credits_earned, dict(enumerate(drawn[trials:], trials)))


@pytest.mark.parametrize(("strategy", "space"), PAIRS)
def test_a_controller_that_starts_anew_after_every_step_proposes_what_another_does(
    store: Store, strategy: Any, space: SearchSpaceSection
) -> None:
    spec = spec_of(strategy, space)

    steady, restarting = ran(spec), ran(spec, store)

    assert restarting.proposed == steady.proposed
    assert steady.search.state is SearchState.COMPLETED
    assert len(steady.proposed) == TRIALS or steady.search.exhausted
    for number, tokens in enumerate(steady.proposed):
        build_space(space, steady_layers(spec, number, steady.proposed)).decode(tokens)


def steady_layers(spec: SearchSpec, number: int, proposed: list[tuple[int, ...]]) -> int | None:
    """Return the depth of a proposal: its length tells, since a batch has the depth of its first trial."""
    growth = spec.search_space.growth
    if growth is None:
        return None
    depths = range(1, growth.max_layers + 1)
    widths = {sum(d.width for d in build_space(spec.search_space, depth).decisions): depth for depth in depths}
    return widths[len(proposed[number])]


@pytest.mark.parametrize(("strategy", "space"), PAIRS)
def test_asking_for_fewer_gives_the_first_ones_and_the_same_question_gets_the_same_answer(
    strategy: Any, space: SearchSpaceSection
) -> None:
    spec, history = spec_of(replace(strategy, batch_size=4), space), history_of(space, 12, 3)
    one, other = build_strategy(spec), build_strategy(spec)

    drawn = one.propose(3, 15, 4, history)

    assert drawn == one.propose(3, 15, 4, history) == other.propose(3, 15, 4, history)
    assert drawn[:2] == other.propose(3, 15, 2, history)
    assert not one.propose(3, 15, 0, history)


@pytest.mark.parametrize("strategy", ["reinforce", "random", "evolution", "tpe", "tpe-univariate"])
def test_another_seed_proposes_otherwise(strategy: str) -> None:
    space, history = SPACES["plugin"], history_of(SPACES["plugin"], 12, 0)

    drawn = [
        build_strategy(spec_of(replace(STRATEGIES[strategy], batch_size=6), space, seed=seed)).propose(0, 12, 6, history)
        for seed in (1, 2)
    ]

    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if not name.startswith("reinforce")])
def test_a_strategy_without_a_policy_makes_no_update_and_leaves_no_checkpoint(strategy: str) -> None:
    ended = ran(spec_of(STRATEGIES[strategy], SPACES["convChain"]))

    assert ended.search.update is None
    assert ended.mind.strategy.version == 0


@pytest.mark.parametrize("strategy", sorted(OF_ONE_SPACE & STRATEGIES.keys()))
def test_a_space_that_grows_is_refused_where_a_strategy_cannot_go_through_it(strategy: str) -> None:
    with pytest.raises(InvalidParametersError, match=r"searchSpace\.growth is given with the \w+ strategy, which .* one space"):
        spec_of(STRATEGIES[strategy], SPACES["growing"])


KNOWN = SearchSpaceSection(space=ConvChain(layers=2))  # 8,192 architectures of 7 tokens


@pytest.mark.parametrize(
    ("strategy", "trials"),
    [
        pytest.param(Evolution(population=20, sample_size=5), 150, id="evolution"),
        pytest.param(Bayesian(), 80, id="tpe"),
        pytest.param(Bayesian(multivariate=False), 80, id="tpe-univariate"),
    ],
)
def test_a_strategy_that_learns_ends_above_all_that_random_search_averages(strategy: Any, trials: int) -> None:
    last = {
        name: ran(spec_of(section, KNOWN, budget=Budget(trials=trials), parallelism=8)).rewards[-trials // 4 :]
        for name, section in (("learning", strategy), ("random", Random()))
    }

    # A token of random search agrees in 2 of 7 on average, with a standard deviation of a trial of about 0.17.
    assert mean(last["random"]) < 0.4
    assert mean(last["learning"]) > 0.55


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def test_gaussian_processes_restart_and_answer_alike(store: Store) -> None:
    strategy = Bayesian(sampler=Sampler.GAUSSIAN_PROCESS, startup_trials=4)
    spec = spec_of(strategy, SPACES["choices"], budget=Budget(trials=7), parallelism=3)

    steady, restarting = ran(spec), ran(spec, store)

    assert restarting.proposed == steady.proposed
    assert len(steady.proposed) == 7

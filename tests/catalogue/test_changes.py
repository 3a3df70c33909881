"""What differs between two declarations of one search is told by path, and whether it may change."""

import pytest
from hypothesis import given, settings

from nasfleet.catalogue import (
    Budget,
    ConvChain,
    Growth,
    PoolSelector,
    Random,
    Reinforce,
    Retries,
    SearchSpaceSection,
    SearchSpec,
    TrialSettings,
    Weights,
)
from nasfleet.document import changes
from nasfleet_testing.specs import smallest_spec, specs

_REINFORCE = smallest_spec(strategy=Reinforce())
_GROWING = SearchSpaceSection(space=ConvChain(), growth=Growth())


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (smallest_spec(budget=Budget(trials=2)), "spec.budget.trials"),
        (smallest_spec(budget=Budget(trials=1, duration=5.0)), "spec.budget.duration"),
        (smallest_spec(parallelism=3), "spec.parallelism"),
        (smallest_spec(suspend=True), "spec.suspend"),
        (smallest_spec(weights=Weights.ALL), "spec.weights"),
        (smallest_spec(trial=TrialSettings(retries=Retries(lost=2))), "spec.trial.retries.lost"),
        (smallest_spec(trainer_pool_selector=PoolSelector(match_labels={"a": "b"})), "spec.trainerPoolSelector"),
    ],
)
def test_a_change_that_is_allowed_is_named(new: SearchSpec, path: str) -> None:
    assert changes(smallest_spec(), new) == ((path,), ())


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (smallest_spec(), smallest_spec(seed=1), "spec.seed"),
        (smallest_spec(), _REINFORCE, "spec.strategy"),
        (smallest_spec(), smallest_spec(strategy=Random(batch_size=9)), "spec.strategy.random.batchSize"),
        (_REINFORCE, smallest_spec(strategy=Reinforce(learning_rate=0.1)), "spec.strategy.reinforce.learningRate"),
        (
            smallest_spec(),
            smallest_spec(search_space=SearchSpaceSection(space=ConvChain(layers=7))),
            "spec.searchSpace.convChain.layers",
        ),
        (smallest_spec(), smallest_spec(search_space=_GROWING), "spec.searchSpace.growth"),
        (smallest_spec(), smallest_spec(artifacts="models"), "spec.artifacts"),
    ],
)
def test_a_change_that_is_refused_is_named(old: SearchSpec, new: SearchSpec, path: str) -> None:
    assert changes(old, new) == ((), (path,))


def test_allowed_and_refused_changes_are_told_apart() -> None:
    new = smallest_spec(seed=1, weight=2, parallelism=9)

    assert changes(smallest_spec(), new) == (("spec.parallelism", "spec.weight"), ("spec.seed",))


@settings(max_examples=20, deadline=None)
@given(specs)
def test_nothing_differs_from_itself(spec: SearchSpec) -> None:
    assert changes(spec, spec) == ((), ())


@settings(max_examples=15, deadline=None)
@given(specs, specs)
def test_specs_that_differ_differ_by_name(old: SearchSpec, new: SearchSpec) -> None:
    assert (changes(old, new) == ((), ())) == (old == new)

"""What is particular about Optuna's samplers here; the laws of all strategies are in the contract suite."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from nasfleet.catalogue import Bayesian, PluginSpace, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.decision import Choice, Subset
from nasfleet_controller.strategies.bayesian import BayesianStrategy
from nasfleet_controller.strategies.strategy import Credit, History
from nasfleet_controller.strategies.suiting import check_suits
from nasfleet_testing.specs import smallest_spec

SPACE = SearchSpaceSection(
    space=PluginSpace(
        object="a:b", decisions=(Choice("a", "a", tuple(range(12))), *(Subset(f"s{n}", "s", n) for n in range(3)))
    )
)


def settled(*rewards: float) -> tuple[Credit, ...]:
    return tuple(Credit(n, (n % 12, n % 2, 0, n % 2), None, reward, 0) for n, reward in enumerate(rewards))


def test_a_study_that_grew_with_the_search_proposes_as_one_that_was_made_of_its_trials() -> None:
    section, known = Bayesian(startup_trials=3, batch_size=4), settled(0.1, 0.9, 0.4, 0.2)
    grown = BayesianStrategy(SPACE, section, 1)
    first = grown.propose(0, 4, 4, History(known))
    opened = dict(enumerate(first, 4))
    # Trial 6 is measured before trial 5, which is lost; 4 and 7 are in training.
    later = History((*known, Credit(6, opened.pop(6), None, 0.7, 0)), {number: opened[number] for number in (4, 7)})

    afresh = BayesianStrategy(SPACE, section, 1)

    assert grown.propose(1, 8, 4, later) == afresh.propose(1, 8, 4, later)


def test_with_a_constant_liar_those_in_training_are_avoided() -> None:
    known = settled(*[0.1] * 11, 1.0)  # option 11 is the best of all by far
    in_training = {20 + n: (11, 0, 0, 0) for n in range(12)}

    avoided = {
        liar: sum(
            tokens[0] == 11
            for seed in range(20)
            for tokens in BayesianStrategy(SPACE, Bayesian(constant_liar=liar), seed).propose(
                0, 40, 1, History(known, in_training)
            )
        )
        for liar in (True, False)
    }

    assert avoided[True] < avoided[False]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without_optuna(name: str) -> ModuleSpec | None:
        return None if name == "optuna" else find(name)

    monkeypatch.setattr("nasfleet_controller.strategies.suiting.find_spec", without_optuna)

    with pytest.raises(InvalidInputError, match=r"spec\.strategy\.bayesian needs optuna.*pip install 'nasfleet\[bayesian\]'"):
        check_suits(smallest_spec(strategy=Bayesian()))
    check_suits(smallest_spec())

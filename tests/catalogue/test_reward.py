"""What a measurement is worth."""

import pytest

from nasfleet.catalogue import (
    Accuracy,
    BestOfLastEpochsCubed,
    ImageClassification,
    InvalidParametersError,
    InversePerplexity,
    InverseSquaredPerplexity,
    LanguageModeling,
    LunarLander,
    MlpChoices,
    NegativeError,
    PluginTask,
    SearchSpaceSection,
    Synthetic,
    Tabular,
)
from nasfleet.measurement import EpochMeasurement, Measurement, NotFiniteError
from nasfleet.reward import Reward, reward_of
from nasfleet_testing.specs import smallest_spec

_RISING: set[type[Reward]] = {Accuracy, BestOfLastEpochsCubed}
_FALLING: set[type[Reward]] = {NegativeError, InversePerplexity, InverseSquaredPerplexity}
_MLP = SearchSpaceSection(space=MlpChoices())


def _measured(*values: float) -> Measurement:
    epochs = tuple(EpochMeasurement(number, value, 1.0) for number, value in enumerate(values, 1))
    return Measurement(value=values[-1], epochs=epochs, seconds=1.0, trainer_seconds=1.0)


def test_accuracy_is_the_value_at_the_end() -> None:
    assert reward_of(Accuracy(), _measured(0.9, 0.5)) == 0.5


def test_only_the_last_epochs_count_for_the_best_of_them() -> None:
    # The 0.9 came too early: max(0.5, 0.6)^3 = 0.216.
    assert reward_of(BestOfLastEpochsCubed(epochs=2), _measured(0.9, 0.6, 0.5)) == pytest.approx(0.216)


def test_all_epochs_count_if_there_are_fewer() -> None:
    assert reward_of(BestOfLastEpochsCubed(epochs=5), _measured(0.5, 0.2)) == pytest.approx(0.125)


def test_the_value_counts_if_there_are_no_epochs() -> None:
    measurement = Measurement(value=0.5, epochs=(), seconds=1.0, trainer_seconds=1.0)

    assert reward_of(BestOfLastEpochsCubed(), measurement) == pytest.approx(0.125)


def test_a_smaller_error_is_a_greater_reward() -> None:
    assert reward_of(NegativeError(), _measured(60.0)) == -60.0
    assert reward_of(NegativeError(), _measured(59.0)) > reward_of(NegativeError(), _measured(60.0))


def test_a_constant_over_the_perplexity_or_its_square_is_the_papers_reward_for_language() -> None:
    # 80 / 100 and 80 / 100^2; the perplexity at the end counts, not the best.
    assert reward_of(InversePerplexity(), _measured(90.0, 100.0)) == pytest.approx(0.8)
    assert reward_of(InverseSquaredPerplexity(), _measured(90.0, 100.0)) == pytest.approx(0.008)
    assert reward_of(InverseSquaredPerplexity(scale=50.0), _measured(10.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("reward", [InversePerplexity(), InverseSquaredPerplexity()])
def test_what_is_no_perplexity_has_no_such_reward(reward: InversePerplexity | InverseSquaredPerplexity) -> None:
    assert reward_of(reward, _measured(1.0)) == 80.0
    with pytest.raises(NotFiniteError, match=r"the measurement's value is 0\.9, and no perplexity is less than 1"):
        reward_of(reward, _measured(0.9))


@pytest.mark.parametrize(
    ("task", "suited"),
    [
        (ImageClassification(), _RISING),
        (LunarLander(), _RISING),
        (LanguageModeling(), _FALLING),
        (Synthetic(epochs=5), _RISING | _FALLING),
        (Tabular(file="t.csv"), _RISING | _FALLING),
        (PluginTask(object="a.b:C"), _RISING | _FALLING),
    ],
    ids=lambda given: type(given).__name__,
)
@pytest.mark.parametrize("reward", sorted(_RISING | _FALLING, key=lambda reward: reward.__name__))
def test_a_reward_that_would_seek_the_worst_networks_is_refused(
    task: object, suited: set[type[Reward]], reward: type[Reward]
) -> None:
    try:
        smallest_spec(search_space=_MLP, task=task, reward=reward())
    except InvalidParametersError as error:
        (problem,) = error.problems
        assert problem.path == ("reward", reward.__name__[0].lower() + reward.__name__[1:])
        assert reward not in suited
    else:
        assert reward in suited

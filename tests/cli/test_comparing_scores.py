"""What a comparison says of its runs, by hand and as laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet_cli.comparing.runs import Run, SettledTrial
from nasfleet_cli.comparing.scores import (
    Axis,
    band,
    best_at,
    best_so_far,
    probability_of_beating,
    score,
    top_model_gains,
    top_models,
)

_rewards = st.none() | st.floats(-10, 10)
_ends = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=8).map(np.array)


def run(*rewards: float | None, name: str = "random", seed: int = 0) -> Run:
    """Return a run whose trials take two seconds each, one after the other, and are all different."""
    trials = [SettledTrial(f"{place}", reward, 2.0 * place, 4.0 * place) for place, reward in enumerate(rewards, start=1)]
    return Run(name, seed, tuple(trials))


@given(st.lists(_rewards, min_size=1, max_size=30))
def test_the_best_so_far_is_the_largest_reward_up_to_there(rewards: list[float | None]) -> None:
    for place, best in enumerate(best_so_far(run(*rewards).trials), start=1):
        known = [reward for reward in rewards[:place] if reward is not None]
        assert best == max(known) if known else math.isnan(best)


def test_the_best_is_read_at_what_was_spent() -> None:
    # Trials settle after 2, 4 and 6 s: nothing is known before 2 s, and the last best stays.
    found = best_at(run(0.5, 0.4, 0.9), Axis.SECONDS, np.array([1.9, 2.0, 5.9, 6.0, 100.0]))
    np.testing.assert_array_equal(found, [math.nan, 0.5, 0.5, 0.9, 0.9])
    trainer = best_at(run(0.5, 0.4, 0.9), Axis.TRAINER_SECONDS, np.array([3.9, 4.0, 12.0]))
    np.testing.assert_array_equal(trainer, [math.nan, 0.5, 0.9])


def test_a_band_is_the_mean_over_seeds_with_its_standard_error_where_all_have_a_best() -> None:
    # After the second trial the bests are 1, 2 and 3: mean 2, deviation 1, error 1 / sqrt 3.
    found = band([run(None, 1.0), run(0.0, 2.0), run(3.0, 0.0)], Axis.TRIALS, np.array([1.0, 2.0]))
    np.testing.assert_allclose((found.points, found.means, found.errors), ([2.0], [2.0], [1 / math.sqrt(3)]))


@given(_ends, _ends)
def test_of_two_contenders_one_beats_the_other_with_probabilities_that_add_up_to_1(
    ends: np.ndarray, others: np.ndarray
) -> None:
    assert probability_of_beating(ends, others) + probability_of_beating(others, ends) == pytest.approx(1.0)


def test_the_probability_counts_pairs_and_half_of_the_equal_ones() -> None:
    # Of 2 x 2 pairs: 3 > 1, 3 > 2, 2 > 1 are better, 2 = 2 counts half.
    assert probability_of_beating(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == 3.5 / 4


def test_top_models_are_different_ones_with_their_first_reward() -> None:
    trials = [SettledTrial(name, reward, 0.0, 0.0) for name, reward in (("a", 0.5), ("a", 0.9), ("b", 0.7), ("c", None))]
    assert top_models(trials, 1) == 0.7
    assert top_models(trials, 2) == pytest.approx(0.6)
    assert math.isnan(top_models(trials, 3))


def test_gains_over_random_search_are_differences_seed_by_seed() -> None:
    # Top 1 after one and two trials: 2 - 1 and 2 - 4 for the first seed, 3 - 3 and 5 - 3 for the second.
    gains = top_model_gains([run(2.0, 0.0), run(3.0, 5.0)], [run(1.0, 4.0), run(3.0, 1.0)], 1, np.array([1.0, 2.0]))
    np.testing.assert_allclose((gains.means, gains.errors), ([0.5, 0.0], [0.5, 2.0]))


def test_a_standing_is_measured_against_the_mean_random_architecture_and_the_optimum() -> None:
    random = [run(0.2, 0.4), run(0.4, 0.6)]  # mean of all 0.4, ends at 0.4 and 0.6
    found = score([run(0.5, 0.7, name="reinforce"), run(0.9, 0.1, name="reinforce")], random, optimum=1.0)
    assert found.best == pytest.approx(0.8)
    assert found.average == pytest.approx(0.55)
    assert found.improvement == pytest.approx(100.0)
    assert found.regret == pytest.approx(0.2)
    assert (found.distinct, found.beats) == (2.0, 1.0)
    assert found.p_value == pytest.approx(1 / 3)  # of the 6 ways to rank two of four, one is this and one its mirror image
    assert score(random, random, None).p_value is None

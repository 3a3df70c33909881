"""What the learner makes of a measurement."""

import math
from typing import assert_never

from nasfleet.catalogue.rewards import (
    Accuracy,
    BestOfLastEpochsCubed,
    InversePerplexity,
    InverseSquaredPerplexity,
    NegativeError,
)
from nasfleet.measurement import Measurement, NotFiniteError

Reward = Accuracy | BestOfLastEpochsCubed | NegativeError | InverseSquaredPerplexity | InversePerplexity


def reward_of(section: Reward, measurement: Measurement) -> float:
    """Return the reward of a measurement; of one without epochs, its value stands for the only one.

    Raises:
        NotFiniteError: if the reward is too large for a number.
    """
    reward = _reward_of(section, measurement)
    if not math.isfinite(reward):
        raise NotFiniteError(f"the reward of a measurement with the value {measurement.value} is {reward}")
    return reward


def _reward_of(section: Reward, measurement: Measurement) -> float:
    match section:
        case Accuracy():
            return measurement.value
        case BestOfLastEpochsCubed():
            values = [epoch.value for epoch in measurement.epochs[-section.epochs :]] or [measurement.value]
            best = float(max(values))
            return best * best * best  # a power would raise OverflowError
        case NegativeError():
            return -measurement.value
        case InverseSquaredPerplexity():
            return section.scale / _perplexity(measurement) / _perplexity(measurement)
        case InversePerplexity():
            return section.scale / _perplexity(measurement)
        case _:
            assert_never(section)


def _perplexity(measurement: Measurement) -> float:
    """Return the value of a measurement that has to be a perplexity: of the surest guess, which is right, it is 1."""
    if measurement.value < 1:
        raise NotFiniteError(f"the measurement's value is {measurement.value}, and no perplexity is less than 1")
    return measurement.value

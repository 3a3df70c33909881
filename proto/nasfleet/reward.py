"""What the learner makes of a measurement."""

from typing import assert_never

from nasfleet.catalogue.rewards import Accuracy, BestOfLastEpochsCubed, NegativeError
from nasfleet.measurement import Measurement

Reward = Accuracy | BestOfLastEpochsCubed | NegativeError


def reward_of(section: Reward, measurement: Measurement) -> float:
    """Return the reward of a measurement; of one without epochs, its value stands for the only one."""
    match section:
        case Accuracy():
            return measurement.value
        case BestOfLastEpochsCubed():
            values = [epoch.value for epoch in measurement.epochs[-section.epochs :]] or [measurement.value]
            return float(max(values) ** 3)
        case NegativeError():
            return -measurement.value
        case _:
            assert_never(section)

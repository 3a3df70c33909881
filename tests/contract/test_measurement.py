"""Measurements that cannot be true cannot be made."""

import math
from typing import Any

import pytest

from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Measurement, NotFiniteError


def measurement(**figures: Any) -> Measurement:
    return Measurement(**{"value": 0.5, "epochs": (), "seconds": 1.0, "trainer_seconds": 1.0} | figures)


@pytest.mark.parametrize("name", ["seconds", "trainer_seconds", "parameters", "multiply_adds"])
def test_what_is_counted_or_timed_is_never_negative(name: str) -> None:
    assert getattr(measurement(**{name: 0}), name) == 0
    with pytest.raises(InvalidInputError, match=f"^{name} is -1: give 0 or more$"):
        measurement(**{name: -1})


def test_no_epoch_takes_negative_time() -> None:
    with pytest.raises(InvalidInputError, match=r"^seconds is -0\.5: give 0 or more$"):
        EpochMeasurement(1, 0.5, -0.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_values_are_bounded_as_rewards_are(sign: int) -> None:
    assert measurement(value=sign * 1e12).value == EpochMeasurement(1, sign * 1e12, 1.0).value
    with pytest.raises(InvalidInputError, match=r"^value is -?1\.1e\+12: give a figure of merit between -1e\+12 and 1e\+12$"):
        measurement(value=sign * 1.1e12)
    with pytest.raises(InvalidInputError, match="figure of merit"):
        EpochMeasurement(1, sign * 1.1e12, 1.0)


def test_a_loss_may_be_as_large_as_a_number_can_be() -> None:
    assert EpochMeasurement(1, 0.5, 1.0, loss=1e300).loss == 1e300


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_told_apart(figure: float) -> None:
    with pytest.raises(NotFiniteError):
        measurement(value=figure)

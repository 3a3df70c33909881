import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet_cli import figures


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0.0s"),
        (-3, "0.0s"),
        (2.345, "2.3s"),
        (12, "12s"),
        (72, "1m12s"),
        (119.7, "2m0s"),
        (3_700, "1h1m"),
        (90_000, "1d1h"),
        (86_400 * 3 + 59, "3d0h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float | None, text: str) -> None:
    assert figures.duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_durations_are_short_and_never_empty(seconds: float) -> None:
    assert 0 < len(figures.duration(seconds)) <= len("11574d23h")


@pytest.mark.parametrize(
    ("rate", "text"), [(1.7, "1.7 trials/s"), (1234.5, "1,234 trials/s"), (0.05, "3 trials/min"), (0.001, "3.6 trials/h")]
)
def test_rates_are_written_in_a_unit_that_leaves_a_readable_number(rate: float, text: str) -> None:
    assert figures.rate(rate) == text


@pytest.mark.parametrize(("size", "text"), [(None, "-"), (150_024_028_160, "140 GiB"), (2**34, "16 GiB")])
def test_memories_are_written_in_binary_units(size: int | None, text: str) -> None:
    assert figures.memory(size) == text

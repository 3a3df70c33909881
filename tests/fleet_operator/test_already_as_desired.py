from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.deployment import deployment
from nasfleet_operator.sameness import agrees, difference
from nasfleet_testing.observed_resources import SETTINGS, pool


@pytest.mark.parametrize(
    ("desired", "found"),
    [
        pytest.param({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1000m"}}, id="a quantity in another spelling"),
        pytest.param({"limits": {"memory": "1.5Gi"}}, {"limits": {"memory": "1536Mi"}}, id="and in another unit"),
        pytest.param({"limits": {"nvidia.com/gpu": 1}}, {"limits": {"nvidia.com/gpu": "1"}}, id="and as a number"),
        pytest.param({"requests": {"cpu": 0.1}}, {"requests": {"cpu": "100m"}}, id="and as a number that no binary one equals"),
        pytest.param({"emptyDir": {"sizeLimit": "1Gi"}}, {"emptyDir": {"sizeLimit": "1024Mi"}}, id="and of a volume"),
        pytest.param({"divisor": "1024Ki"}, {"divisor": "1Mi"}, id="and of the downward API"),
        pytest.param({"requests": {"cpu": "0.3333"}}, {"requests": {"cpu": "334m"}}, id="and finer than it is kept"),
        pytest.param({"limits": {"memory": "0.3"}}, {"limits": {"memory": "300m"}}, id="and of less than a byte"),
        pytest.param({"limits": {"memory": "99999999P"}}, {"limits": {"memory": "9223372036854775807"}}, id="and too large"),
        pytest.param({"emptyDir": {"sizeLimit": "0.1n"}}, {"emptyDir": {"sizeLimit": "1n"}}, id="and of a volume, finer"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="a default of the API server"),
        pytest.param({"hostNetwork": False, "args": [], "labels": {}}, {}, id="what the API server leaves out"),
        pytest.param({"env": [{"name": "A"}]}, {"env": [{"name": "B"}, {"name": "A", "value": ""}]}, id="another's entry"),
        pytest.param({"command": ["a", "b"]}, {"command": ["a", "b"]}, id="a list"),
    ],
)
def test_these_are_as_desired(desired: dict[str, Any], found: dict[str, Any]) -> None:
    assert agrees(desired, found)


@pytest.mark.parametrize(
    ("desired", "found"),
    [
        pytest.param({"requests": {"cpu": "1"}}, {"requests": {"cpu": "2"}}, id="another quantity"),
        pytest.param({"requests": {"cpu": "0.3333"}}, {"requests": {"cpu": "333m"}}, id="one rounded down"),
        pytest.param({"emptyDir": {"sizeLimit": "0.1"}}, {"emptyDir": {"sizeLimit": "101m"}}, id="one of a volume, by milli"),
        pytest.param({"requests": {"cpu": "1"}}, {"requests": {}}, id="no quantity"),
        pytest.param({"labels": {"version": "1"}}, {"labels": {"version": "1.0"}}, id="texts that are no quantities"),
        pytest.param({"replicas": 0}, {"replicas": 1}, id="zero and not zero"),
        pytest.param({"command": ["a", "b"]}, {"command": ["b", "a"]}, id="another order"),
        pytest.param({"command": ["a"]}, {"command": ["a", "b"]}, id="a longer list"),
        pytest.param({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}, id="another value"),
        pytest.param({"env": [{"name": "A"}]}, {"env": []}, id="an entry gone"),
        pytest.param(
            {"topologySpreadConstraints": [{"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
            {"topologySpreadConstraints": [{"topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}]},
            id="another entry of half its key",
        ),
        pytest.param({"spec": {"a": 1}}, {"spec": 1}, id="no map"),
        pytest.param({"a": 1}, {}, id="a field gone"),
    ],
)
def test_these_are_not(desired: dict[str, Any], found: dict[str, Any]) -> None:
    assert not agrees(desired, found)


@pytest.mark.parametrize(
    ("desired", "found", "where"),
    [
        ({"spec": {"replicas": 2}}, {"spec": {"replicas": 5}}, "spec.replicas"),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}, "env[A].value"),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": []}, "env[A]"),
        ({"command": ["a"]}, {"command": ["b"]}, "command"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, {"limits": {"cpu": "1", "memory": "2Gi"}}, "limits.memory"),
    ],
)
def test_what_is_not_as_desired_is_named(desired: dict[str, Any], found: dict[str, Any], where: str) -> None:
    assert difference(desired, found) == where


def test_a_field_that_the_pool_no_longer_asks_for_is_seen_too() -> None:
    before, after = TrainerPoolSpec(node_selector={"gpu": "h200"}), TrainerPoolSpec()
    found = deployment(pool(before), before, 1, SETTINGS)
    assert agrees(deployment(pool(after), after, 1, SETTINGS)["spec"], found["spec"])
    assert not agrees(deployment(pool(after), after, 1, SETTINGS), found)


SUFFIXES = {
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P"), -3)},
    **{suffix: Fraction(1024**power) for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), 1)},
}
PLACES = [("limits", "cpu", 1000, "m"), ("requests", "memory", 1000, "m"), ("emptyDir", "sizeLimit", 10**9, "n")]
DIGITS = st.text("0123456789", min_size=1, max_size=15)


@given(whole=DIGITS, part=DIGITS, suffix=st.sampled_from(sorted(SUFFIXES)), place=st.sampled_from(PLACES))
def test_a_quantity_is_as_desired_rounded_up_and_no_other(
    whole: str, part: str, suffix: str, place: tuple[str, str, int, str]
) -> None:
    within, name, units, unit = place
    text = f"{whole}.{part}{suffix}"
    kept = ceil(Fraction(f"{whole}.{part}") * SUFFIXES[suffix] * units)
    largest = (2**63 - 1) * units
    assert agrees({within: {name: text}}, {within: {name: f"{min(kept, largest)}{unit}"}})
    for other in (kept - 1, kept + 1):
        assert kept >= largest or not agrees({within: {name: text}}, {within: {name: f"{other}{unit}"}})

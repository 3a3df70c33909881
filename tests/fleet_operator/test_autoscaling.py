import pytest

from nasfleet.catalogue import Autoscaling
from nasfleet_operator.autoscaling import autoscale, idle_times, seconds_to_next
from nasfleet_testing.observed_resources import busy, idle, pod
from nasfleet_testing.planned_worlds import NOW

LIMITS = Autoscaling(min_replicas=0, max_replicas=10, idle_seconds=60)


@pytest.mark.parametrize(
    ("current", "wanted_slots", "idle_seconds", "pods", "expected"),
    [
        pytest.param(0, 7, [], 0, 4, id="from zero, at once, with enough slots"),
        pytest.param(2, 7, [], 2, 4, id="up at once"),
        pytest.param(2, 100, [], 2, 10, id="never above the maximum"),
        pytest.param(4, 0, [5, 5, 59, 0], 4, 4, id="not down while all were at work lately"),
        pytest.param(4, 0, [60, 60], 4, 2, id="down over those that stay idle"),
        pytest.param(4, 6, [60, 60, 60, 60], 4, 3, id="but not below what is wanted"),
        pytest.param(4, 0, [60, 60, 60, 60], 4, 0, id="to zero"),
        pytest.param(2, 0, [60, 60], 4, 2, id="what is on its way out makes no room for more"),
        pytest.param(10, 0, [60, 60], 3, 1, id="pods that could not be made are no longer wanted"),
        pytest.param(4, 8, [], 0, 4, id="pods that are not made yet are waited for"),
        pytest.param(2, 0, [], 4, 2, id="a pool that is scaled down by hand is not scaled up again"),
    ],
)
def test_replicas_follow_what_searches_could_use(
    current: int, wanted_slots: int, idle_seconds: list[float], pods: int, expected: int
) -> None:
    assert autoscale(LIMITS, current, 2, wanted_slots, idle_seconds, pods) == expected


def test_a_minimum_stays() -> None:
    assert autoscale(Autoscaling(min_replicas=2, max_replicas=4, idle_seconds=0), 4, 1, 0, [9, 9, 9, 9], 4) == 2


def test_a_pod_that_never_became_a_trainer_is_idle_since_it_was_made() -> None:
    pods = [pod(0), pod(1), pod(2, created_at=NOW - 40)]
    trainers = {one.name: one for one in (idle(0, 12.0), busy(1))}
    assert list(idle_times(pods, trainers, NOW)) == [12.0, 40.0]


def test_the_next_look_is_when_the_next_one_has_been_idle_for_long_enough() -> None:
    assert seconds_to_next(LIMITS, [12.0, 59.0, 61.0]) == 1.0
    assert seconds_to_next(LIMITS, [61.0]) is None

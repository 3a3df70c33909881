from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet_operator.observed import Pod
from nasfleet_operator.scaling_down import deletion_costs, idle_and_busy
from nasfleet_testing.observed_resources import busy, idle, pod

costs = st.lists(st.integers(-5, 5), max_size=8)


def priced(first: int, prices: list[int]) -> list[Pod]:
    return [pod(first + number, deletion_cost=price) for number, price in enumerate(prices)]


def names(pods: list[Pod]) -> list[str]:
    return [one.name[-1] for one in pods]


def test_who_has_nothing_to_lose_may_go_first() -> None:
    pods = [pod(0), pod(1), pod(2), pod(3, ready=False)]
    trainers = {one.name: one for one in (idle(0), busy(1), busy(3))}
    may_go, at_work = idle_and_busy(pods, trainers)
    assert (names(may_go), names(at_work)) == (["0", "2", "3"], ["1"])


def test_few_idle_among_many_busy_are_made_cheaper() -> None:
    assert deletion_costs(priced(0, [0]), priced(1, [0, 0, 0])) == {pod(0).name: -1}


def test_few_busy_among_many_idle_are_made_dearer() -> None:
    assert deletion_costs(priced(0, [0, 0, 0]), priced(3, [0])) == {pod(3).name: 1}


def test_nothing_is_written_when_all_are_alike_or_told_apart_already() -> None:
    assert deletion_costs(priced(0, [0, 0]), []) == {}
    assert deletion_costs([], priced(0, [0, 0])) == {}
    assert deletion_costs(priced(0, [-1]), priced(1, [0, 0])) == {}


def test_the_pod_that_decided_is_written_last() -> None:
    # Its cost stands until the others have theirs, so that whoever goes on in between decides alike.
    assert list(deletion_costs(priced(0, [0, 0, 2]), priced(3, [-5, 1]))) == [pod(4).name, pod(3).name]
    assert list(deletion_costs(priced(0, [5, 1]), priced(2, [0, 0, 0]))) == [pod(1).name, pod(0).name]


@settings(deadline=None)
@given(costs, costs)
def test_afterwards_each_idle_pod_is_cheaper_than_any_busy_one(idle_costs: list[int], busy_costs: list[int]) -> None:
    may_go, at_work = priced(0, idle_costs), priced(len(idle_costs), busy_costs)
    new = deletion_costs(may_go, at_work)
    assert len(new) <= min(len(may_go), len(at_work))
    after = [[new.get(one.name, one.deletion_cost) for one in pods] for pods in (may_go, at_work)]
    assert not all(after) or max(after[0]) < min(after[1])
    assert all(cost != one.deletion_cost for one in (*may_go, *at_work) if (cost := new.get(one.name)) is not None)

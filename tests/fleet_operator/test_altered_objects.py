"""What others alter again and again is put right ever more rarely, and told of."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.applications import FORGET_SECONDS, LONGEST_HOLD_SECONDS, REPAIRS, applied
from nasfleet_operator.observed import PoolObserved
from nasfleet_operator.plan import ApplyObject, WriteStatus
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_testing.observed_resources import SETTINGS, pool, settled_pool
from nasfleet_testing.planned_worlds import NOW, carry_out_on_pool

FOUR = TrainerPoolSpec(replicas=4)
IMAGE = "spec.template.spec.containers[trainer].image"


def altered(observed: PoolObserved, image: str = "example.com/patched:1") -> PoolObserved:
    changed = deepcopy(dict(observed.deployment or {}))
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return replace(observed, deployment=changed)


def pass_over(observed: PoolObserved, now: float) -> tuple[PoolObserved, list[ApplyObject]]:
    """Return the pool after a pass, as the operator remembers it, and what was applied."""
    effects = plan_pool(observed, SETTINGS, now).effects
    made = [effect for effect in effects if isinstance(effect, ApplyObject)]
    memory = {**observed.applied}
    for effect in made:
        kind = effect.manifest["kind"]
        memory[kind] = applied(memory.get(kind), effect, now)
    return replace(carry_out_on_pool(effects, observed), applied=memory), made


def contested(seconds: int) -> Iterator[tuple[float, PoolObserved]]:
    """Yield when something was applied to what somebody alters after each pass, with the pool then; a pass a second."""
    observed = settled_pool(FOUR, 4)
    for second in range(seconds):
        observed, made = pass_over(altered(observed), NOW + second)
        if made:
            yield second, observed


def degraded(observed: PoolObserved) -> tuple[Any, ...]:
    [found] = [one for one in observed.pool.conditions if one.type == "Degraded"]
    return found.status, found.reason, found.message


def test_what_is_altered_after_each_pass_is_applied_ever_more_rarely() -> None:
    times = [at for at, _ in contested(3600)]
    assert times[: REPAIRS + 1] == [0, 1, 2, 3]
    waits = [later - earlier for earlier, later in zip(times[REPAIRS:], times[REPAIRS + 1 :], strict=False)]
    assert waits == [16, 32, 64, 128, 256, *[LONGEST_HOLD_SECONDS] * (len(waits) - 5)]


def test_it_is_told_with_the_field_and_does_not_come_and_go() -> None:
    states = [degraded(observed) for _, observed in contested(1200)]
    assert [reason for _, reason, _ in states[:REPAIRS]] == ["NothingWrong"] * REPAIRS
    assert {(status, reason) for status, reason, _ in states[REPAIRS + 1 :]} == {("True", "AlteredByOthers")}
    assert f"Deployment gpu-trainers, {IMAGE}" in states[-1][2]


def test_a_person_who_changes_something_now_and_then_is_corrected_at_once() -> None:
    observed = settled_pool(FOUR, 4)
    for number in range(2 * REPAIRS):
        observed, made = pass_over(altered(observed), NOW + number * (FORGET_SECONDS + 1))
        assert [effect.because for effect in made] == [IMAGE]


def test_what_the_pool_says_anew_is_applied_at_once() -> None:
    *_, (at, observed) = contested(60)
    resource = replace(observed.pool, generation=2, declared=replace(FOUR, image="example.com/newer:2"))
    _, made = pass_over(altered(replace(observed, pool=resource)), NOW + at + 1)
    assert len(made) == 1


def test_it_is_over_once_it_stays_as_it_was_applied() -> None:
    *_, (at, observed) = contested(60)
    later = NOW + at + LONGEST_HOLD_SECONDS
    [status] = [effect for effect in plan_pool(observed, SETTINGS, later).effects if isinstance(effect, WriteStatus)]
    assert {"type": "Degraded", "status": "False"}.items() <= status.status["conditions"][3].items()
    assert observed.pool.identity == pool().identity

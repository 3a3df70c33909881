"""Where an operator is killed: each place in its life once, known by what its effects are about."""

import pytest

from nasfleet.errors import InvalidInputError
from nasfleet_testing.failpoints import Failpoint, Failpoints, KilledError


async def nothing() -> None:
    """Be an effect that works."""


async def refuse() -> None:
    raise InvalidInputError("imagePullPolicy")


async def life(points: Failpoints) -> None:
    """Have two passes, in the second of which an effect is refused."""
    points.begin_pass()
    await points.had("apply", "2", nothing)
    await points.had("announce", "ScalingUp", nothing)
    points.begin_pass()
    await points.had("set deletion cost", "-1", nothing)
    await points.had("set deletion cost", "-1", nothing)
    with pytest.raises(InvalidInputError):
        await points.had("apply", "2", refuse)
    await points.had("write status", "Refused", nothing)


async def test_each_place_before_between_and_after_the_effects_of_a_pass_is_named_once() -> None:
    points = Failpoints()
    await life(points)
    assert list(map(str, points.all())) == [
        "before apply: 2",
        "before announce: ScalingUp",
        "after announce: ScalingUp",
        "before set deletion cost: -1",
        "after set deletion cost: -1",
        "before set deletion cost: -1 #1",
        "after set deletion cost: -1 #1",
        "before apply: 2 #1",
        "before write status: Refused",
        "after write status: Refused",
    ]


async def test_an_operator_is_killed_at_the_place_that_is_named_and_only_once() -> None:
    seen = Failpoints()
    await life(seen)
    for point in seen.all():
        points = Failpoints()
        points.arm(point)
        with pytest.raises(KilledError, match=str(point)):
            await life(points)
        assert points.was_hit
        assert points.passes[-1][-1] == point.effect
        await life(points)


async def test_a_place_that_is_passed_by_was_not_hit() -> None:
    seen = Failpoints()
    await life(seen)
    points = Failpoints(next(point for point in seen.all() if point.effect.about == "Refused"))
    await points.had("write status", "TemplateRefused", nothing)
    assert not points.was_hit
    assert list(points.all()) == [Failpoint(points.passes[0][0], after=False), Failpoint(points.passes[0][0], after=True)]

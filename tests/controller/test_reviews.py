"""What is remembered of reviews, and for how long."""

import asyncio
import base64
import json

import pytest

from nasfleet.errors import TooOftenError, UnavailableError
from nasfleet_controller.access.caller import Caller
from nasfleet_controller.access.kubernetes_reviews import token_end
from nasfleet_controller.access.reviews import (
    CALLER_SECONDS,
    MOST_REMEMBERED,
    RIGHT_SECONDS,
    UNKNOWN_AT_ONCE,
    UNKNOWN_OF_HOST_AT_ONCE,
    UNKNOWN_PER_SECOND,
    RememberedReviews,
)
from nasfleet_controller.access.rights import Right

READ = Right("get", "architecturesearches", "vision", "digits")


class CountedReviews:
    """An API server that knows one token and says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.until = float("inf")
        self.answers = True

    async def caller(self, token: str) -> Caller | None:
        await self._ask()
        return Caller("jane", until=self.until) if token == "jane's" else None

    async def allows(self, caller: Caller, right: Right) -> bool:
        await self._ask()
        return caller.user == "jane" and right == READ

    async def _ask(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.answers:
            raise UnavailableError("the API server does not answer")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def counted() -> CountedReviews:
    return CountedReviews()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wall_clock() -> Clock:
    return Clock()


@pytest.fixture
def reviews(counted: CountedReviews, clock: Clock, wall_clock: Clock) -> RememberedReviews:
    return RememberedReviews(counted, clock, wall_clock)


async def test_many_who_come_at_once_with_one_token_cause_one_review(
    counted: CountedReviews, reviews: RememberedReviews
) -> None:
    found = await asyncio.gather(*(reviews.caller("jane's", "host") for _ in range(100)))
    assert {caller.user for caller in found if caller} == {"jane"}
    assert counted.asked == 1


async def test_an_answer_holds_for_its_time_and_no_longer(
    counted: CountedReviews, reviews: RememberedReviews, clock: Clock
) -> None:
    caller = await reviews.caller("jane's", "host")
    assert caller is not None
    assert await reviews.allows(caller, READ)
    clock.now += RIGHT_SECONDS - 1
    assert (await reviews.caller("jane's", "host"), await reviews.allows(caller, READ), counted.asked) == (caller, True, 2)
    clock.now += 2
    await reviews.allows(caller, READ)
    assert counted.asked == 3
    clock.now += CALLER_SECONDS
    await reviews.caller("jane's", "host")
    assert counted.asked == 4


async def test_a_token_that_ends_is_not_good_for_longer_because_it_is_remembered(
    counted: CountedReviews, reviews: RememberedReviews, wall_clock: Clock
) -> None:
    counted.until = wall_clock.now + 5
    assert await reviews.caller("jane's", "host") is not None
    wall_clock.now += 6
    assert await reviews.caller("jane's", "host") is None


async def test_a_bad_token_is_remembered_too(counted: CountedReviews, reviews: RememberedReviews) -> None:
    assert [await reviews.caller("made up", "host") for _ in range(10)] == [None] * 10
    assert counted.asked == 1


async def test_no_answer_is_remembered_where_there_was_none(counted: CountedReviews, reviews: RememberedReviews) -> None:
    counted.answers = False
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await reviews.caller("jane's", "host")
    counted.answers = True
    assert await reviews.caller("jane's", "host") is not None


async def test_one_who_gives_up_waiting_spoils_it_for_nobody(counted: CountedReviews, reviews: RememberedReviews) -> None:
    impatient, patient = (asyncio.ensure_future(reviews.caller("jane's", "host")) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is not None


async def test_ever_new_tokens_do_not_make_the_memory_grow(reviews: RememberedReviews, clock: Clock) -> None:
    for number in range(MOST_REMEMBERED + 10):
        clock.now += 1 / UNKNOWN_PER_SECOND
        await reviews.caller(f"made up {number}", f"host {number % 50}")
    assert len(reviews._known) <= MOST_REMEMBERED


async def test_a_flood_of_made_up_tokens_costs_few_reviews_and_hinders_nobody_who_is_known(
    counted: CountedReviews, reviews: RememberedReviews
) -> None:
    jane = await reviews.caller("jane's", "host")
    with pytest.raises(TooOftenError):
        await asyncio.gather(
            *(reviews.caller(f"made up {number}", f"host {number % 50}") for number in range(2 * UNKNOWN_AT_ONCE))
        )
    assert counted.asked <= 1 + UNKNOWN_AT_ONCE
    assert await reviews.caller("jane's", "host") == jane


async def test_a_wall_clock_that_is_set_back_keeps_nobody_out_and_no_right_in(
    counted: CountedReviews, reviews: RememberedReviews, clock: Clock, wall_clock: Clock
) -> None:
    caller = await reviews.caller("jane's", "host")
    assert caller is not None
    await reviews.allows(caller, READ)
    wall_clock.now -= 3600
    clock.now += RIGHT_SECONDS + 1
    await reviews.allows(caller, READ)
    assert counted.asked == 3
    assert await reviews.caller("made up", "host") is None


async def test_one_host_that_makes_tokens_up_keeps_no_other_out(counted: CountedReviews, reviews: RememberedReviews) -> None:
    made_up = (reviews.caller(f"made up {number}", "bad") for number in range(2 * UNKNOWN_AT_ONCE))
    answers = await asyncio.gather(*made_up, return_exceptions=True)
    assert sum(isinstance(answer, TooOftenError) for answer in answers) == 2 * UNKNOWN_AT_ONCE - UNKNOWN_OF_HOST_AT_ONCE
    assert counted.asked == UNKNOWN_OF_HOST_AT_ONCE
    assert await reviews.caller("jane's", "good") is not None


async def test_a_token_that_may_do_less_inherits_nothing_from_another_of_the_same_user(
    counted: CountedReviews, reviews: RememberedReviews
) -> None:
    for extra in ({}, {"scopes": ("user:info",)}):
        await reviews.allows(Caller("jane", extra=extra), READ)
    assert counted.asked == 2


def token_with(claims: object) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


def test_a_token_says_when_it_ends() -> None:
    assert token_end(token_with({"exp": 1_800_000_000})) == 1_800_000_000


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.b", token_with({}), token_with([]), token_with({"exp": "soon"})])
def test_one_that_does_not_say_is_taken_to_last(token: str) -> None:
    assert token_end(token) == float("inf")

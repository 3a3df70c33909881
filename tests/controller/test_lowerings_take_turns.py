"""Which of several search spaces a trainer is asked for next: each gets its turn, however many others hang or raise."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from nasfleet.catalogue import Budget, PluginSpace, SearchSpaceSection
from nasfleet.names import SearchName
from nasfleet.spaces.decision import Choice
from nasfleet_controller.connection import Connection
from nasfleet_controller.lowerings import ANSWER_SECONDS, LONGEST_BACKOFF_SECONDS, LOWERING_SECONDS
from nasfleet_controller.moment import Moment
from nasfleet_controller.records import SearchCreated, SearchState
from nasfleet_controller.reports import Lowered, Report, Unable
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.state import ControllerState
from nasfleet_controller.thinking import new_search
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_controller.views import view_search
from nasfleet_testing.specs import smallest_spec

DEPTH = Choice("depth", "depth", (1, 2, 3))
ROUND = LOWERING_SECONDS + ANSWER_SECONDS


@dataclass
class World:
    """A controller whose one trainer answers of a space `fails` after so many seconds that it cannot, of another at once."""

    fails: dict[str, float]
    state: ControllerState = field(default_factory=lambda: ControllerState([], 0, 0, Moment(0.0, 0.0)))
    trainer: Connection = field(default_factory=lambda: Connection("one"))
    asked: list[tuple[str, int]] = field(default_factory=list)
    due: list[tuple[float, Lowered]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state.connect(self.trainer, TrainerProfile("one", "one", slots=1, lowers_spaces=True), (), Moment(0.0, 0.0))

    def declare(self, name: str, at: int = 0) -> int:
        search_id, of = self.state.last_search_id + 1, SearchName.parse(f"namespaces/default/searches/{name}")
        space = SearchSpaceSection(space=PluginSpace(object=f"my.spaces:{name}"))
        created = SearchCreated(
            search_id, of, name, smallest_spec(search_space=space, budget=Budget(trials=4)), SearchState.RUNNING, at
        )
        snapshot = SearchSnapshot(search_id, of, name, created.spec, SearchState.RUNNING, "", at, at, at)
        self.state.add(new_search(snapshot), created)
        return search_id

    def second(self, now: int) -> None:
        """Let a second pass: what is due is answered, and what is asked is noted."""
        answers = tuple(answer for at, answer in self.due if at <= now)
        self.due = [(at, answer) for at, answer in self.due if at > now]
        self.state.report(self.trainer, Report(lowered=answers), Moment(now, now))
        self.state.advance(Moment(now, now))
        for lowering in self.trainer.staged.lowerings:
            name = lowering.space.object.partition(":")[2]
            self.asked.append((name, now))
            slow = self.fails.get(name)
            answer = Lowered(lowering.number, (DEPTH,) if slow is None else Unable("no module named my"))
            self.due.append((now + (slow or 0.0), answer))
        self.trainer.staged.lowerings.clear()

    def first(self, name: str) -> int:
        return next(now for asked, now in self.asked if asked == name)

    def message(self, search_id: int, now: int) -> str:
        return view_search(self.state.searches[search_id], self.state.notices.get(search_id, ""), 0.0, now).message


@pytest.mark.parametrize("seconds", [pytest.param(LOWERING_SECONDS, id="killed"), pytest.param(1e9, id="never answered")])
@pytest.mark.parametrize("late", [0, 1000])
def test_spaces_that_hang_keep_a_good_one_waiting_for_their_turns_only(seconds: float, late: int) -> None:
    world = World({"one": seconds, "two": seconds})
    for name in ("one", "two"):
        world.declare(name)
    for now in range(late + 3 * int(ROUND)):
        if now == late:
            good = world.declare("good", late)
        world.second(now)
    assert world.first("good") - late <= 2 * (ROUND + 1)
    assert world.state.searches[good].spec.search_space.unlowered is None


def test_searches_that_fail_are_asked_for_in_turns_and_each_ever_more_rarely() -> None:
    world = World(dict.fromkeys("abcde", LOWERING_SECONDS))
    for name in "abcde":
        world.declare(name)
    for now in range(3000):
        world.second(now)
    names = "".join(name for name, _ in world.asked)
    assert len(names) >= 3000 / ROUND
    assert names == ("abcde" * len(names))[: len(names)]


def test_the_backoff_doubles_up_to_some_minutes() -> None:
    world = World({"one": 0.0})
    world.declare("one")
    for now in range(1200):
        world.second(now)
    gaps = [after - before for (_, before), (_, after) in pairwise(world.asked)]
    longest = int(LONGEST_BACKOFF_SECONDS)
    # A question is answered a second after it was asked.
    assert gaps == [31, 61, 121, 241, longest + 1, longest + 1]


def test_one_that_waits_its_turn_says_so_and_one_that_failed_says_why() -> None:
    world = World({"one": 50.0})
    one, two = world.declare("one"), world.declare("two")
    waits = "waits for a trainer to lower its search space my.spaces:"
    world.second(0)
    busy = "every trainer that could is busy with another search's space, each of which gets its turn"
    assert world.message(two, 0) == f"{waits}two: {busy}"
    for now in range(1, 52):
        world.second(now)
    assert world.message(one, 51) == f"{waits}one: one cannot: no module named my"
    assert world.message(two, 51) == ""
    world.fails["three"] = 100.0
    three, four = world.declare("three", 52), world.declare("four", 52)
    for now in range(52, 90):
        world.second(now)
    assert world.message(four, 89) == f"{waits}four: {busy}"
    assert world.message(one, 89) == f"{waits}one: one cannot: no module named my"  # though it waits its turn, too
    world.state.disconnect(world.trainer)
    world.state.advance(Moment(90, 90))
    assert "was lost" in world.message(three, 90)
    assert world.message(four, 90).startswith(f"{waits}four: start one")


def test_a_search_that_is_suspended_and_resumed_is_asked_for_at_once() -> None:
    world = World({"one": 0.0})
    search = world.state.searches[world.declare("one")]
    for now in range(100):
        world.second(now)
    for now, command in ((100, search.suspend), (101, search.resume)):
        world.state.keep(command(now), Moment(now, now))
        world.second(now)
    assert [now for _, now in world.asked] == [0, 31, 92, 101]
    for now in range(102, 140):
        world.second(now)
    assert [now for _, now in world.asked][4:] == [132]

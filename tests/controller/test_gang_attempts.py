"""One trial in the hands of several trainers: who is told what and when, and what ends the attempt for all of them."""

from dataclasses import replace

import pytest

from nasfleet.catalogue import Budget, Gang, ImageClassification, TrialSettings
from nasfleet.measurement import Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.connection import Connection
from nasfleet_controller.moment import Moment
from nasfleet_controller.orders import GangPlace
from nasfleet_controller.records import AttemptEnded, AttemptStarted, Proposal, SearchCreated, SearchState, TrialRequeued
from nasfleet_controller.reports import Outcome, OutcomeStatus, Report
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.state import ControllerState
from nasfleet_controller.thinking import new_search
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.specs import smallest_spec

LEASE_SECONDS = 10.0
SPEC = smallest_spec(
    task=ImageClassification(),
    budget=Budget(trials=2),
    parallelism=1,
    gang=Gang(size=3),
    trial=TrialSettings(lease_seconds=LEASE_SECONDS),
)
NAME = SearchName("default", "together")
MEETING = ("10.0.0.1", 4321)
MEASURED = Measurement(0.5, (), 2.0, 6.0)
NAMES = ("a", "b", "c")


def searched() -> Search:
    search = new_search(SearchSnapshot(1, NAME, "u", SPEC, SearchState.RUNNING, "", 0.0, 0.0, 0.0))
    wanted = search.begin_batch()
    assert wanted is not None
    search.propose(wanted, 0, None, [Proposal(number, (0,) * 40, str(number)) for number in range(wanted.count)], 0.0)
    return search


class Bench:
    """A controller's state, and what each of its trainers has been told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state = ControllerState([], 0, 0, self.moment)
        self.state.add(searched(), SearchCreated(1, NAME, "u", SPEC, SearchState.RUNNING, 0.0))
        self.streams: dict[str, Connection] = {}
        for name in NAMES:
            self.join(name)
        self.state.advance(self.moment)

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.now)

    def join(self, name: str, *held: int) -> None:
        self.streams[name] = Connection(name)
        self.state.connect(self.streams[name], TrainerProfile(name, name, 1, gang_host=f"10.0.0.{name}"), held, self.moment)

    def say(self, name: str, **said: object) -> None:
        self.state.report(self.streams[name], Report(**said), self.moment)  # type: ignore[arg-type] # fields by name

    def ends(self, name: str, result: Measurement | Failure, fence: int = 1) -> OutcomeStatus:
        self.say(name, outcomes=(Outcome(f"{name}-{fence}", fence, result),))
        return self.streams[name].staged.acknowledged[-1][1]

    def places(self) -> dict[str, list[GangPlace | None]]:
        return {name: [told.gang for told in stream.staged.assignments] for name, stream in self.streams.items()}

    def stopped(self) -> dict[str, list[int]]:
        return {name: stream.staged.stopped for name, stream in self.streams.items() if stream.staged.stopped}

    def restart(self) -> None:
        """Be the next controller, which knows of its trainers what the store has."""
        [search] = self.state.searches.values()
        self.state = ControllerState([search], self.state.dispatcher.last_fence, 1, self.moment)


def test_rank_0_is_told_first_and_the_others_once_it_has_said_where_they_meet() -> None:
    bench = Bench()
    assert bench.places() == {"a": [GangPlace(0, 3)], "b": [], "c": []}
    bench.say("b", meetings=((1, ("10.6.6.6", 1)),))
    assert bench.places()["c"] == [], "only rank 0 says where"
    bench.say("a", meetings=((1, MEETING),))
    bench.say("a", meetings=((1, MEETING),))
    assert bench.places() == {"a": [GangPlace(0, 3)], "b": [GangPlace(1, 3, MEETING)], "c": [GangPlace(2, 3, MEETING)]}
    assert {told.fence for stream in bench.streams.values() for told in stream.staged.assignments} == {1}
    records = bench.state.take_records()
    assert sum(isinstance(record, AttemptStarted) for record in records) == 1, "one attempt, however many trainers"


def test_the_measurement_of_rank_0_counts_once_and_frees_all() -> None:
    bench = Bench()
    bench.say("a", meetings=((1, MEETING),))
    assert bench.ends("b", MEASURED) is OutcomeStatus.LATE, "that of another rank does not count"
    assert bench.state.dispatcher.leases
    assert bench.ends("a", MEASURED) is OutcomeStatus.COUNTED
    assert bench.ends("a", MEASURED) is OutcomeStatus.DUPLICATE
    assert bench.state.searches[1].tally.succeeded == 1
    assert bench.state.searches[1].tally.trainer_seconds == MEASURED.trainer_seconds
    assert {name: bench.stopped()[name] for name in ("b", "c")} == {"b": [1], "c": [1]}


@pytest.mark.parametrize("kind", [FailureKind.NOT_FINITE, FailureKind.RETURNED, FailureKind.GANG_BROKEN])
def test_a_failure_of_any_member_ends_the_attempt_for_all_and_is_counted_once(kind: FailureKind) -> None:
    bench = Bench()
    bench.say("a", meetings=((1, MEETING),), started=(1,))
    bench.now = 4.0
    assert bench.ends("c", Failure(kind, "why")) is OutcomeStatus.COUNTED
    assert bench.ends("b", Failure(FailureKind.GANG_BROKEN, "left alone")) is OutcomeStatus.LATE
    assert {name: bench.stopped()[name] for name in ("a", "b")} == {"a": [1], "b": [1]}
    ended, requeued = bench.state.take_records()[-3:-1]
    assert isinstance(ended, AttemptEnded)
    assert ended.trainer_seconds == 3 * 4.0
    assert isinstance(requeued, TrialRequeued)
    trial = bench.state.searches[1].trial(0)
    assert (trial.model_failures, trial.lost) == (kind is FailureKind.NOT_FINITE, kind is FailureKind.GANG_BROKEN)


def test_a_member_that_is_silent_loses_the_lease_for_all() -> None:
    bench = Bench()
    bench.say("a", meetings=((1, MEETING),), started=(1,))
    for now in (4.0, 8.0, 12.0):
        bench.now = now
        for name in ("a", "b"):
            bench.say(name)
        bench.state.advance(bench.moment)
    assert bench.stopped() == {name: [1] for name in NAMES}
    assert bench.state.searches[1].trial(0).lost == 1


def test_a_member_that_does_not_know_of_its_trial_yet_loses_nothing_by_coming_back_without_it() -> None:
    bench = Bench()
    bench.join("b")
    assert 1 in bench.state.dispatcher.leases
    bench.say("a", meetings=((1, MEETING),))
    bench.join("b")
    assert 1 not in bench.state.dispatcher.leases, "it has lost what it was told"
    assert bench.state.searches[1].trial(0).lost == 0


@pytest.mark.parametrize("all_back", [True, False])
def test_after_a_restart_all_members_keep_the_trial_or_all_lose_it(all_back: bool) -> None:  # noqa: FBT001 - a parameter
    bench = Bench()
    bench.say("a", meetings=((1, MEETING),), started=(1,))
    bench.restart()
    bench.now = 1.0
    for name in NAMES if all_back else ("a", "b"):
        bench.join(name, 1)
        bench.say(name, started=(1,))
    assert bench.stopped() == {}
    for now in (5.0, 9.0, 12.0):
        bench.now = now
        for name in ("a", "b", *("c" if all_back else ())):
            bench.say(name)
        bench.state.advance(bench.moment)
    if all_back:
        assert bench.ends("a", replace(MEASURED)) is OutcomeStatus.COUNTED
        assert {name: bench.stopped()[name] for name in ("b", "c")} == {"b": [1], "c": [1]}
    else:
        assert {name: bench.stopped()[name] for name in ("a", "b")} == {"a": [1], "b": [1]}
        assert bench.state.searches[1].trial(0).lost == 1


def test_a_search_says_how_many_trainers_its_gang_has_and_lacks() -> None:
    bench = Bench()
    bench.state.drain(["c"])
    bench.ends("a", Failure(FailureKind.RETURNED, "why"))
    bench.state.advance(bench.moment)
    [search] = bench.state.searches.values()
    assert bench.state.notice(search).startswith("waits for a gang of 3 trainers on one kind of device, and 2 are there:")
    bench.join("d")
    bench.state.advance(bench.moment)
    assert bench.state.notice(search) == ""

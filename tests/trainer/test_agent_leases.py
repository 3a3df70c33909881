"""What a trainer holds and says, without any network: crashes, duplicates and reconnections by hand and by Hypothesis."""

import math
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nasfleet.v1.fleet_pb2 import (
    OUTCOME_STATUS_COUNTED,
    Acknowledgement,
    Hello,
    Outcome,
    Rendezvous,
    SearchAnnouncement,
    Welcome,
    WorkRequest,
    WorkResponse,
)
from nasfleet.v1.trial_pb2 import FAILURE_KIND_NOT_FINITE, FAILURE_KIND_RETURNED, EpochMeasurement, Failure, Measurement
from nasfleet_testing.scripted_controller import assign
from nasfleet_trainer.leases import FAREWELL_SECONDS, Action, Leases, Start, Stop

MEASURED = Measurement(value=0.5, seconds=1.0, trainer_seconds=1.0)
HELLO = Hello(trainer="probe")


def leases(slots: int = 1) -> Leases:
    """Return the leases of a trainer that has just said hello at time 0."""
    fresh = Leases("me", slots, Random(1))
    fresh.rejoin(HELLO, 0.0)
    return fresh


def assigned(held: Leases, *fences: int, now: float = 0.0) -> list[Action]:
    return held.hear(WorkResponse(assignments=[assign(fence) for fence in fences]), now)


def said(held: Leases, now: float) -> WorkRequest:
    request = held.say(now)
    assert request is not None
    return request


def acknowledgement(outcome: Outcome) -> WorkResponse:
    return WorkResponse(acknowledgements=[Acknowledgement(outcome_id=outcome.outcome_id, status=OUTCOME_STATUS_COUNTED)])


def test_children_start_in_order_when_slots_are_free() -> None:
    held = leases(slots=2)
    assert assigned(held, 1, 2, 3) == [Start(assign(1)), Start(assign(2))]
    assert held.ended(2, MEASURED) == [Start(assign(3))]


def test_an_assignment_that_is_held_already_starts_nothing() -> None:
    held = leases(slots=4)
    assigned(held, 1)
    assert assigned(held, 1) == []
    held.ended(1, MEASURED)
    assert assigned(held, 1) == []


def test_outcome_and_next_start_are_one_request_and_are_said_at_once() -> None:
    held = leases()
    assigned(held, 1, 2)
    held.ended(1, MEASURED)
    request = said(held, 0.0)
    assert [outcome.fence for outcome in request.outcomes] == [1]
    assert list(request.started_fences) == [1, 2]
    assert held.say(0.0) is None


def test_epochs_wait_for_company_but_not_for_the_heartbeat() -> None:
    held = leases()
    assigned(held, 1)
    said(held, 1.0)
    held.epoch(1, EpochMeasurement(epoch=1, value=0.1))
    held.epoch(1, EpochMeasurement(epoch=2, value=0.2))
    assert held.say(1.1) is None
    (progress,) = said(held, 1.3).progress
    assert [epoch.epoch for epoch in progress.epochs] == [1, 2]


def test_heartbeats_follow_the_welcome_within_a_fifth() -> None:
    held = leases()
    held.hear(WorkResponse(welcome=Welcome(heartbeat_seconds=10.0)), 0.0)
    intervals: list[float] = []
    now = 0.0
    for _ in range(100):
        due = held.speak_at
        assert held.say(due - 0.001) is None
        assert said(held, due).ByteSize() == 0
        intervals.append(due - now)
        now = due
    assert min(intervals) >= 8.0
    assert max(intervals) <= 12.0
    assert max(intervals) - min(intervals) > 2.0


def test_heartbeats_are_three_to_a_lease_of_a_search_whose_leases_are_short() -> None:
    held = leases()
    held.hear(WorkResponse(welcome=Welcome(heartbeat_seconds=5.0)), 0.0)
    for lease_seconds, heartbeat_seconds in ((60.0, 5.0), (3.0, 1.0), (30.0, 1.0)):
        announcement = SearchAnnouncement(search="s")
        announcement.spec.trial.lease_seconds = lease_seconds
        held.hear(WorkResponse(searches=[announcement]), 0.0)
        assert 0.8 * heartbeat_seconds <= held.speak_at <= 1.2 * heartbeat_seconds


def test_a_new_stream_claims_what_is_held_and_repeats_what_is_not_acknowledged() -> None:
    held = leases()
    assigned(held, 1, 2, 3)
    held.ended(1, MEASURED)
    (outcome,) = said(held, 0.0).outcomes
    request = held.rejoin(HELLO, 1.0)
    assert sorted(request.hello.held_fences) == [1, 2, 3]
    assert list(request.started_fences) == [2]
    assert list(request.outcomes) == [outcome]
    held.hear(acknowledgement(outcome), 1.0)
    assert sorted(held.rejoin(HELLO, 2.0).hello.held_fences) == [2, 3]


def test_a_lease_that_was_taken_back_is_stopped_and_says_nothing_more() -> None:
    held = leases()
    assigned(held, 1, 2, 3)
    said(held, 1.0)
    held.epoch(1, EpochMeasurement(epoch=1, value=0.1))
    assert held.hear(WorkResponse(stopped_fences=[1, 2]), 1.0) == [Stop(1)]
    assert list(held.held) == [3]
    assert held.ended(1, MEASURED) == [Start(assign(3))]  # the slot is free only now: the child has really ended
    request = said(held, 2.0)
    assert not request.outcomes
    assert not request.progress


def test_what_is_wanted_back_is_returned_if_it_waits_and_goes_on_if_it_has_begun() -> None:
    held = leases()
    assigned(held, 1, 2, 3)
    said(held, 1.0)
    assert held.hear(WorkResponse(wanted_back_fences=[1, 3, 99]), 1.0) == []
    (returned,) = said(held, 1.0).outcomes
    assert (returned.fence, returned.failure.kind) == (3, FAILURE_KIND_RETURNED)
    assert sorted(held.held) == [1, 2, 3], "claimed until it is acknowledged"
    held.hear(acknowledgement(returned), 1.0)
    assert held.ended(1, MEASURED) == [Start(assign(2))]


def test_draining_hands_back_what_waits_now_and_what_runs_at_the_end_of_the_grace() -> None:
    held = leases()
    assigned(held, 1, 2)
    said(held, 1.0)
    assert held.drain(1.0, 10.0) == []
    request = said(held, 1.0)
    assert request.draining
    assert [(outcome.fence, outcome.failure.kind) for outcome in request.outcomes] == [(2, FAILURE_KIND_RETURNED)]
    assert held.advance(10.9) == []
    assert held.advance(11.0) == [Stop(1)]
    assert [outcome.fence for outcome in said(held, 11.0).outcomes] == [1]
    held.ended(1, None)
    assert not held.done(11.0)
    assert held.done(11.0 + FAREWELL_SECONDS)


def test_a_second_order_to_drain_can_only_shorten_the_grace() -> None:
    held = leases()
    assigned(held, 1)
    held.drain(0.0, 10.0)
    assert held.drain(1.0, 100.0) == []
    assert held.advance(10.0) == [Stop(1)]


def test_a_trainer_without_work_may_leave_at_once() -> None:
    held = leases()
    assert not held.done(0.0)
    held.drain(0.0, 30.0)
    assert held.done(0.0)


class Fleet(RuleBasedStateMachine):
    """A trainer and a controller that breaks streams, repeats itself and takes leases back; children end when they like."""

    @initialize(slots=st.integers(1, 3))
    def begin(self, slots: int) -> None:
        """Start with an empty trainer."""
        self.slots = slots
        self.now = 0.0
        self.fences = 0
        self.training: set[int] = set()  # children that really run
        self.owed: set[int] = set()  # leases that are valid for the controller
        self.counted: dict[int, str] = {}
        self.unacknowledged: list[Outcome] = []
        self.held = Leases("me", slots, Random(slots))
        self.rejoin()

    def act(self, actions: list[Action]) -> None:
        """Be the slots: a child starts at once, and a stopped one ends when a later rule says so."""
        for action in actions:
            if isinstance(action, Start):
                assert action.assignment.fence not in self.training
                self.training.add(action.assignment.fence)

    def hear(self, request: WorkRequest | None) -> None:
        """Be the controller."""
        for outcome in request.outcomes if request else ():
            self.unacknowledged.append(outcome)
            if outcome.fence in self.owed:
                self.owed.remove(outcome.fence)
                assert outcome.fence not in self.counted
                self.counted[outcome.fence] = outcome.outcome_id
            elif outcome.fence in self.counted:
                assert self.counted[outcome.fence] == outcome.outcome_id

    @rule(count=st.integers(1, 4), repeat=st.booleans())
    def assign(self, count: int, repeat: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Lease more trials, perhaps twice in a row."""
        fences = range(self.fences + 1, self.fences + count + 1)
        self.fences += count
        self.owed.update(fences)
        for _ in range(2 if repeat else 1):
            self.act(assigned(self.held, *fences, now=self.now))

    @precondition(lambda self: self.training)
    @rule(data=st.data())
    def child_ends(self, data: st.DataObject) -> None:
        """Let a child end, or the process of a stopped one."""
        fence = data.draw(st.sampled_from(sorted(self.training)))
        self.training.remove(fence)
        self.act(self.held.ended(fence, MEASURED))

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """Take a lease back."""
        fence = data.draw(st.sampled_from(sorted(self.owed)))
        self.owed.remove(fence)
        self.act(self.held.hear(WorkResponse(stopped_fences=[fence]), self.now))

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def want_back(self, data: st.DataObject) -> None:
        """Ask for a lease: nothing that has begun is given up."""
        fence = data.draw(st.sampled_from(sorted(self.owed)))
        assert self.held.hear(WorkResponse(wanted_back_fences=[fence]), self.now) == []

    @rule(seconds=st.floats(0, 3))
    def speak(self, seconds: float) -> None:
        """Let time pass and hear what the trainer says."""
        self.now += seconds
        self.hear(self.held.say(self.now))

    @rule()
    def say_into_a_broken_stream(self) -> None:
        """Lose a request with its stream."""
        self.held.say(self.now)
        self.unacknowledged.clear()
        self.rejoin()

    @rule()
    def rejoin(self) -> None:
        """Break the stream, and take back what the trainer no longer claims, as the controller does."""
        request = self.held.rejoin(HELLO, self.now)
        self.owed &= set(request.hello.held_fences)
        self.unacknowledged.clear()
        self.hear(request)

    @rule()
    def acknowledge(self) -> None:
        """Acknowledge all that was heard on this stream."""
        for outcome in self.unacknowledged:
            self.held.hear(acknowledgement(outcome), self.now)
        self.unacknowledged.clear()

    @invariant()
    def never_more_children_than_slots(self) -> None:
        """Keep design invariant 7."""
        assert len(self.training) <= self.slots

    @invariant()
    def every_valid_lease_is_claimed(self) -> None:
        """Never forget a lease: it would only expire."""
        assert self.owed <= set(self.held.held)

    def teardown(self) -> None:
        """Let everything end: then each lease has been counted, once, or was taken back, and nothing is left to say."""
        while self.training:
            fence = self.training.pop()
            self.act(self.held.ended(fence, MEASURED))
        self.hear(self.held.say(math.inf))
        self.acknowledge()
        assert not self.owed
        assert not self.held.held


TestFleet = Fleet.TestCase
TestFleet.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def in_gang(fence: int, rank: int) -> WorkResponse:
    assignment = assign(fence)
    assignment.gang.rank, assignment.gang.size = rank, 2
    return WorkResponse(assignments=[assignment])


def test_rank_0_says_at_once_where_its_gang_meets_and_again_on_a_new_stream() -> None:
    held = leases()
    held.hear(in_gang(1, rank=0), 0.0)
    said(held, 1.0)
    meeting = Rendezvous(fence=1, host="10.0.0.1", port=4321)
    held.meet(meeting)
    assert list(said(held, 1.0).rendezvous) == [meeting]
    assert list(held.rejoin(HELLO, 2.0).rendezvous) == [meeting]
    held.ended(1, MEASURED)
    assert not held.rejoin(HELLO, 3.0).rendezvous


def test_another_rank_holds_what_it_has_trained_without_a_word_until_it_is_taken_back() -> None:
    held = leases()
    held.hear(in_gang(1, rank=1), 0.0)
    said(held, 1.0)
    held.ended(1, MEASURED)
    assert not held.rejoin(HELLO, 2.0).outcomes
    assert held.held == [1]
    held.drain(2.0, grace_seconds=10.0)
    assert not held.done(2.0)
    held.hear(WorkResponse(stopped_fences=[1]), 3.0)
    assert held.held == []
    assert held.done(3.0)


def test_another_rank_says_that_it_failed() -> None:
    held = leases()
    held.hear(in_gang(1, rank=1), 0.0)
    held.ended(1, Failure(kind=FAILURE_KIND_NOT_FINITE))
    assert [outcome.fence for outcome in said(held, 0.0).outcomes] == [1]

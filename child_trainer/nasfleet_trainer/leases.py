"""The leases that a trainer holds, without I/O: which child begins when, what has been said and what is to be said next.

Every outcome is kept until the controller has acknowledged it, and said again on every new stream. A lease is one of: waiting
for a slot, running, stopped (taken back, its child still being ended), over with an outcome that is not acknowledged yet, or
over without a word, since it is rank 0 that says what a gang has measured.
"""

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from nasfleet.v1.fleet_pb2 import Assignment, Hello, Outcome, Progress, Rendezvous, WorkRequest, WorkResponse
from nasfleet.v1.trial_pb2 import FAILURE_KIND_RETURNED, EpochMeasurement, Failure, Measurement

Result = Measurement | Failure

HEARTBEAT_SECONDS = 5.0  # until the controller's welcome says otherwise
HEARTBEATS_PER_LEASE = 3
_JITTER = 0.2
# Epochs and starts may wait this long for company: with hundreds of children in one process, requests are what costs.
_GATHER_SECONDS = 0.25
# After the grace, so long is tried to have the last outcomes acknowledged.
FAREWELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to train this child: a slot is free."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Stop:
    """End this child: its lease is gone."""

    fence: int


@dataclass(frozen=True, slots=True)
class EndEarly:
    """End this child with the epoch that is under way, and measure it by its epochs so far."""

    fence: int


Action = Start | Stop | EndEarly


class Leases:
    """What one trainer holds; its methods take what happened and when, in seconds, and return what is to be done."""

    def __init__(self, instance_id: str, slots: int, jitter: Random) -> None:
        self._instance_id = instance_id
        self._slots = slots
        self._jitter = jitter
        self._heartbeat_seconds = HEARTBEAT_SECONDS
        self._waiting: deque[Assignment] = deque()
        self._running: dict[int, Assignment] = {}
        self._stopped: set[int] = set()  # a part of the running
        self._outcomes: dict[str, Outcome] = {}  # all that is not acknowledged, by id
        self._unsaid_outcomes: list[Outcome] = []
        self._silent: set[int] = set()  # over, and somebody else's to report
        self._meetings: dict[int, Rendezvous] = {}  # of running children, each said once a stream
        self._unsaid_meetings: list[Rendezvous] = []
        self._unsaid_starts: list[int] = []
        self._unsaid_epochs: dict[int, list[EpochMeasurement]] = {}
        self._unsaid_drain = False
        self._said_at = -math.inf
        self._heartbeat_at = -math.inf
        self._leave_at = math.inf

    @property
    def held(self) -> list[int]:
        """Fences of all leases that this trainer claims: running, waiting, or over but not acknowledged."""
        running = [fence for fence in self._running if fence not in self._stopped]
        over = [outcome.fence for outcome in self._outcomes.values()]
        return running + [assignment.fence for assignment in self._waiting] + over + sorted(self._silent)

    @property
    def draining(self) -> bool:
        """Whether no further assignments are wanted."""
        return self._leave_at < math.inf

    def done(self, now: float) -> bool:
        """Return whether the trainer may leave: it drains, and everything is acknowledged or the grace is over."""
        over = not (self._running or self._outcomes or self._silent)
        return self.draining and (over or now >= self._leave_at + FAREWELL_SECONDS)

    def rejoin(self, hello: Hello, now: float) -> WorkRequest:
        """Return the first request of a new stream: what is held, and again all that is not acknowledged."""
        self._unsaid_starts = [fence for fence in self._running if fence not in self._stopped]
        self._unsaid_outcomes = list(self._outcomes.values())
        self._unsaid_meetings = [meeting for fence, meeting in self._meetings.items() if fence not in self._stopped]
        self._unsaid_drain = self.draining
        request = self._say(now)
        request.hello.CopyFrom(hello)
        request.hello.held_fences.extend(self.held)
        return request

    def hear(self, response: WorkResponse, now: float) -> list[Action]:
        """Take in what the controller says."""
        if response.HasField("welcome") and response.welcome.heartbeat_seconds > 0:
            self._heartbeat_seconds = response.welcome.heartbeat_seconds
            self._schedule_heartbeat(now)
        for announcement in response.searches:
            self._hurry(announcement.spec.trial.lease_seconds / HEARTBEATS_PER_LEASE, now)
        for acknowledgement in response.acknowledgements:
            self._outcomes.pop(acknowledgement.outcome_id, None)
        stops = self._take_back(response.stopped_fences)
        running = self._running.keys() - self._stopped
        ends = [EndEarly(fence) for fence in response.ended_early_fences if fence in running]
        known = {*self.held, *self._stopped}
        self._waiting.extend(assignment for assignment in response.assignments if assignment.fence not in known)
        self._hand_back(response.wanted_back_fences, "another trainer could begin it now")
        if self.draining:
            self._hand_back_waiting()
        return [*stops, *ends, *self._fill_slots()]

    def epoch(self, fence: int, epoch: EpochMeasurement) -> None:
        """Take in an epoch of a child."""
        if fence in self._running and fence not in self._stopped:
            self._unsaid_epochs.setdefault(fence, []).append(epoch)

    def meet(self, meeting: Rendezvous) -> None:
        """Take in where a child of which this is rank 0 waits for the other trainers."""
        if meeting.fence in self._running and meeting.fence not in self._stopped:
            self._meetings[meeting.fence] = meeting
            self._unsaid_meetings.append(meeting)

    def ended(self, fence: int, result: Result | None) -> list[Action]:
        """Take in that a child has ended, with its result unless it was stopped; its slot is free."""
        stopped = fence in self._stopped
        self._stopped.discard(fence)
        self._meetings.pop(fence, None)
        assignment = self._running.pop(fence, None)
        if assignment is None or stopped or result is None:
            return self._fill_slots()
        if assignment.gang.rank > 0 and isinstance(result, Measurement):
            self._silent.add(fence)
        else:
            self._settle(fence, result)
        return self._fill_slots()

    def drain(self, now: float, grace_seconds: float) -> list[Action]:
        """Want no more: hand back what waits, and after the grace what still runs. A second call can only shorten the grace."""
        self._unsaid_drain = self._unsaid_drain or not self.draining
        self._leave_at = min(self._leave_at, now + grace_seconds)
        self._hand_back_waiting()
        return self.advance(now)

    def advance(self, now: float) -> list[Action]:
        """Do what only the passing of time brings: at the end of the grace, hand back what still runs."""
        if now < self._leave_at:
            return []
        fences = [fence for fence in self._running if fence not in self._stopped]
        for fence in fences:
            self._settle(fence, _returned("the trainer was shut down before the child was trained"))
        return self._take_back(fences)

    @property
    def speak_at(self) -> float:
        """When the next request is due, in the caller's seconds; in the past if at once."""
        if self._unsaid_outcomes or self._unsaid_drain or self._unsaid_meetings:
            return -math.inf
        if self._unsaid_starts or self._unsaid_epochs:
            return min(self._heartbeat_at, self._said_at + _GATHER_SECONDS)
        return self._heartbeat_at

    def say(self, now: float) -> WorkRequest | None:
        """Return the next request of the stream, or None before it is due; an empty one is a heartbeat."""
        return self._say(now) if now >= self.speak_at else None

    def _say(self, now: float) -> WorkRequest:
        progress = [Progress(fence=fence, epochs=epochs) for fence, epochs in self._unsaid_epochs.items()]
        request = WorkRequest(
            started_fences=self._unsaid_starts,
            progress=progress,
            outcomes=self._unsaid_outcomes,
            draining=self.draining,
            rendezvous=self._unsaid_meetings,
        )
        self._unsaid_meetings = []
        self._unsaid_starts, self._unsaid_outcomes, self._unsaid_epochs, self._unsaid_drain = [], [], {}, False
        self._said_at = now
        self._schedule_heartbeat(now)
        return request

    def _schedule_heartbeat(self, now: float) -> None:
        self._heartbeat_at = now + self._heartbeat_seconds * self._jitter.uniform(1 - _JITTER, 1 + _JITTER)

    def _hurry(self, heartbeat_seconds: float, now: float) -> None:
        """Be heard more often than the controller asks for, if the leases of a search are that short."""
        if 0 < heartbeat_seconds < self._heartbeat_seconds:
            self._heartbeat_seconds = heartbeat_seconds
            self._schedule_heartbeat(now)

    def _take_back(self, fences: Collection[int]) -> list[Action]:
        if not fences:
            return []
        self._silent.difference_update(fences)
        self._unsaid_meetings = [meeting for meeting in self._unsaid_meetings if meeting.fence not in fences]
        self._waiting = deque(assignment for assignment in self._waiting if assignment.fence not in fences)
        stopping = [fence for fence in fences if fence in self._running and fence not in self._stopped]
        self._stopped.update(stopping)
        for fence in stopping:
            self._unsaid_epochs.pop(fence, None)
        return [Stop(fence) for fence in stopping]

    def _hand_back_waiting(self) -> None:
        self._hand_back([assignment.fence for assignment in self._waiting], "the trainer is being shut down")

    def _hand_back(self, fences: Collection[int], why: str) -> None:
        """Give up those of these leases that wait for a slot; what has begun goes on."""
        given_up = [assignment for assignment in self._waiting if assignment.fence in fences]
        for assignment in given_up:
            self._waiting.remove(assignment)
            self._settle(assignment.fence, _returned(why))

    def _settle(self, fence: int, result: Result) -> None:
        # One attempt has one outcome, so the fence makes its id unique and the same however often it is sent.
        outcome = Outcome(outcome_id=f"{self._instance_id}-{fence}", fence=fence)
        if isinstance(result, Measurement):
            self._unsaid_epochs.pop(fence, None)  # the measurement has them all
            outcome.measurement.CopyFrom(result)
        else:
            outcome.failure.CopyFrom(result)
        self._outcomes[outcome.outcome_id] = outcome
        self._unsaid_outcomes.append(outcome)

    def _fill_slots(self) -> list[Action]:
        starts: list[Action] = []
        while self._waiting and len(self._running) < self._slots:
            assignment = self._waiting.popleft()
            self._running[assignment.fence] = assignment
            self._unsaid_starts.append(assignment.fence)
            starts.append(Start(assignment))
        return starts


def _returned(message: str) -> Failure:
    return Failure(kind=FAILURE_KIND_RETURNED, message=message)

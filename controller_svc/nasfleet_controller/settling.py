"""What becomes of the trials of a search: they are leased, and measured, failed or settled with the reward of a twin.

Commands in, records out. All that follows from one command is in its records, so that it is committed as one.
"""

from collections.abc import Sequence

from nasfleet.catalogue import Duplicates
from nasfleet.measurement import EpochMeasurement, Failure, FailureClass, FailureKind, Measurement
from nasfleet.reward import reward_of
from nasfleet_controller.batching import Batching, restore
from nasfleet_controller.early_stopping import EarlyStopping, epochs_saved, teaches
from nasfleet_controller.failure_policy import charge
from nasfleet_controller.hindsight import Hindsight, of_earlier
from nasfleet_controller.lessons import Lessons
from nasfleet_controller.life_cycle import LifeCycle
from nasfleet_controller.open_trials import OpenTrials
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    Record,
    TrialRequeued,
    TrialReused,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.snapshots import HeldLease, KnownReward, OpenTrial, SearchSnapshot, SettledTrial
from nasfleet_controller.tally import Tally
from nasfleet_controller.twins import Twins


class InvariantError(Exception):
    """The state machine is wrong: a bug of ours, never of the caller's."""


class Settling(LifeCycle):
    """The trials of one search that are not settled, and what is known of those that are.

    Without a `batching` nothing is learned from them; a strategy with a `reach` is shown so many of them with each request.
    """

    def __init__(self, snapshot: SearchSnapshot, batching: Batching | None, reach: int | None) -> None:
        super().__init__(snapshot)
        self.tally = Tally(
            snapshot.succeeded,
            snapshot.failed,
            snapshot.lost,
            snapshot.trainer_seconds,
            snapshot.best,
            snapshot.average_reward,
        )
        reuse = self.spec.duplicates is Duplicates.REUSE
        self._twins = Twins(snapshot.known, snapshot.open_trials, reuse=reuse)
        self._open = OpenTrials(snapshot.open_trials, self._twins.waiting)
        self._stopping = EarlyStopping(self.spec, snapshot.curves)
        self._batching = batching
        earlier = () if snapshot.warmed is None else of_earlier(snapshot.warmed.priors)
        self._hindsight = Hindsight((*earlier, *snapshot.credits), reach)
        self._lessons = Lessons(() if batching is None else restore(batching, snapshot.open_trials, snapshot.unlearned))

    def start(self, lease: HeldLease, waited_seconds: float, at: float) -> list[Record]:
        """Lease the next queued trial to a trainer whose slot was free for so long."""
        number = self._open.lease_next(lease)
        self._stopping.begin(number)
        whose = (lease.trainer, lease.instance_id)
        return self._checked([AttemptStarted(lease.fence, self.search_id, number, *whose, at, waited_seconds, lease.pool)])

    def report(self, number: int, epochs: Sequence[EpochMeasurement]) -> bool:
        """Take in epochs of a leased trial; return whether its child is to be stopped."""
        return self._stopping.report(number, epochs)

    def measure(self, number: int, outcome_id: str, measurement: Measurement, at: float) -> list[Record]:
        """Settle a leased trial with what was measured.

        Raises:
            NotFiniteError: if its reward is too large for a number; nothing has changed then.
        """
        reward = reward_of(self.spec.reward, measurement)
        ended = self._end_attempt(number, outcome_id, None, measurement.trainer_seconds, at)
        self.tally.succeed(number, reward)
        self._stopping.measured(number, measurement.epochs)
        return self._checked([ended, *self._settle(number, ended.fence, reward, measurement, None, at)])

    def fail(self, number: int, outcome_id: str | None, failure: Failure, seconds: float, at: float) -> list[Record]:
        """End the attempt at a leased trial without a measurement: it waits again, or is given up for good."""
        ended = self._end_attempt(number, outcome_id, failure, seconds, at)
        charged = charge(self._open[number], failure, self.spec.trial.retries)
        if charged is not None:
            self._open.requeue(charged)
            return self._checked([ended, TrialRequeued(self.search_id, number, failure)])
        reward = self.spec.trial.failure_reward if failure.kind.failure_class is FailureClass.MODEL else None
        self.tally.give_up(reward)
        self._stopping.given_up(number)
        return self._checked([ended, *self._settle(number, ended.fence, reward, None, failure, at)])

    def _settle(
        self, number: int, fence: int, reward: float | None, measurement: Measurement | None, failure: Failure | None, at: float
    ) -> list[Record]:
        """Settle a trial that was counted, and its twins with it."""
        state = TrialState.FAILED if measurement is None else TrialState.SUCCEEDED
        stopped = measurement is not None and measurement.stopped_early
        trial = self._close(number, reward, stopped_early=stopped)
        saved = epochs_saved(self.spec.task, measurement)
        order = self.tally.settled
        settled = TrialSettled(self.search_id, number, fence, order, state, reward, measurement, failure, at, saved)
        known = None if reward is None else KnownReward(number, state, reward, stopped)
        twins, heir = self._twins.settle(trial, known)
        if heir is not None:
            self._open.queue(heir)
        reused = [self._reuse(twin, known, at) for twin in twins if known is not None]
        return [settled, *reused, *self.end_if_due(at)]

    def _reuse(self, number: int, known: KnownReward, at: float) -> Record:
        """Settle a trial with the reward of another one of its network."""
        self.tally.reuse(number, known.state, known.reward)
        self._close(number, known.reward, stopped_early=known.stopped_early)
        order, source = self.tally.settled, known.number
        return TrialReused(self.search_id, number, source, order, known.state, known.reward, at, known.stopped_early)

    def _close(self, number: int, reward: float | None, *, stopped_early: bool) -> OpenTrial:
        """Take a trial that was counted out of the open ones, to be learned from."""
        trial = self._open.pop(number)
        taught = reward if teaches(self.spec, stopped_early=stopped_early) else None
        self._hindsight.settle(trial, taught, self._open.queued)
        if self._batching is not None:
            order = self.tally.settled
            settled = SettledTrial(number, trial.batch, trial.policy_version, trial.layers, trial.tokens, taught, order)
            self._lessons.add(self._batching.settle(settled))
        return trial

    def _end_attempt(
        self, number: int, outcome_id: str | None, failure: Failure | None, trainer_seconds: float, at: float
    ) -> AttemptEnded:
        trial = self._open[number]
        if trial.lease is None:
            raise InvariantError(f"trial {number} is not leased")
        self.tally.trainer_seconds += trainer_seconds
        return AttemptEnded(trial.lease.fence, outcome_id, failure, trainer_seconds, at)

    def _release_all(self, why: str, at: float) -> list[Record]:
        """Take every lease back at nobody's cost, so that the trials wait in the order of their numbers."""
        records: list[Record] = []
        failure = Failure(FailureKind.RETURNED, why)
        for number in sorted(self._open.leases, reverse=True):
            records += [self._end_attempt(number, None, failure, 0.0, at), TrialRequeued(self.search_id, number, failure)]
            self._open.requeue(self._open[number])
        return records

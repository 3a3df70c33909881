"""One search as a state machine without I/O: commands in, records out, invariants checked after each.

What becomes of its trials stands here, what people and time do to the search as a whole in `life_cycle`.
The records say everything that changed: whoever commits them and loads them again has this very state. Times are Unix
seconds and come from outside, as do the architectures and the fences.
"""

from collections.abc import Mapping, Sequence

from nasfleet.catalogue.convergence import MOST_UPDATES
from nasfleet.measurement import Failure, FailureClass, FailureKind, Measurement
from nasfleet.reward import reward_of
from nasfleet_controller.batching import Batching, BatchRequest, Group, restore
from nasfleet_controller.ending import Usage
from nasfleet_controller.failure_policy import charge
from nasfleet_controller.hindsight import Hindsight
from nasfleet_controller.lessons import Lessons
from nasfleet_controller.life_cycle import LifeCycle
from nasfleet_controller.open_trials import OpenTrials
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    Proposal,
    Record,
    SearchState,
    TrialRequeued,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.snapshots import HeldLease, OpenTrial, SearchSnapshot, SettledTrial
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.tally import Tally


class InvariantError(Exception):
    """The state machine is wrong: a bug of ours, never of the caller's."""


class Search(LifeCycle):
    """The trials of one search that are not settled, and what is known of those that are.

    Without a `batching` nothing is learned from them; a strategy with a `reach` is shown so many of them with each request.
    """

    def __init__(self, snapshot: SearchSnapshot, batching: Batching | None, *, batch_size: int, reach: int | None = 0) -> None:
        super().__init__(snapshot)
        self.uid = snapshot.uid
        self.created_at = snapshot.created_at
        self.proposed = snapshot.proposed
        self.batches = snapshot.batches
        self.tally = Tally(
            snapshot.succeeded,
            snapshot.failed,
            snapshot.lost,
            snapshot.trainer_seconds,
            snapshot.best,
            snapshot.average_reward,
        )
        self.update = snapshot.update
        self._mean_rewards = snapshot.mean_rewards
        self.hashes = set(snapshot.hashes)
        self.exhausted = False
        self._batch_size = batch_size
        self._batching = batching
        self._open = OpenTrials(snapshot.open_trials)
        self._drawing = False
        self._hindsight = Hindsight(snapshot.credits, reach)
        self._lessons = Lessons(() if batching is None else restore(batching, snapshot.open_trials, snapshot.unlearned))

    # What can be asked.

    @property
    def queued(self) -> int:
        """Trials that wait for a trainer."""
        return self._open.queued

    @property
    def running(self) -> int:
        """Trials that are leased."""
        return self._open.running

    @property
    def available(self) -> int:
        """Trials that may be leased now."""
        if self.state is not SearchState.RUNNING:
            return 0
        return max(0, min(self.queued, self.spec.parallelism - self.running))

    @property
    def wanted_leases(self) -> int:
        """Leases that it could use now, those that it has included; while its space waits to be lowered, one trainer."""
        if self.state is not SearchState.RUNNING or self.waits_for_space:
            return int(self.waits_for_space)
        left = len(self._open) if self.exhausted else self.spec.budget.trials - self.tally.settled
        return max(0, min(self.spec.parallelism, left))

    @property
    def selector(self) -> Mapping[str, str]:
        """Labels that a trainer must have."""
        selector = self.spec.trainer_pool_selector
        return {} if selector is None else selector.match_labels

    @property
    def leases(self) -> dict[int, HeldLease]:
        """The open leases, by the number of their trial."""
        return self._open.leases

    def trial(self, number: int) -> OpenTrial:
        """Return a trial that is not settled."""
        return self._open[number]

    def next_queued(self) -> int:
        """Return the number of the trial to lease next."""
        return self._open.next_queued()

    # Questions to the strategy; an answer to each, or `give_up`, is expected.

    def begin_learning(self) -> Group | None:
        """Return the next trials to learn from, if any are ready; `learn` is expected."""
        return self._lessons.begin()

    def begin_batch(self) -> BatchRequest | None:
        """Return the batch to draw now, if one is wanted; `propose` is expected.

        A strategy that learns or looks back is asked only when nothing waits, so that no proposal is older than it need be.
        """
        enough = 0 if self._batching is not None or self._hindsight.wanted else self._batch_size
        budget = self.spec.budget.trials - self.proposed
        spare = self.spec.parallelism - self.running - self.queued
        if self.state is not SearchState.RUNNING or self.waits_for_space or self._drawing or self.exhausted:
            return None
        if budget <= 0 or self.queued > enough or (self.queued == 0 and spare <= 0):
            return None
        self._drawing = True
        count = self._hindsight.few(min(self._batch_size, budget), self._open, spare)
        return BatchRequest(self.batches, self.proposed, count, self._hindsight.history(self._open))

    # Commands.

    def propose(
        self, wanted: BatchRequest, policy_version: int, layers: int | None, drawn: Sequence[Proposal], at: float
    ) -> list[Record]:
        """Take the batch that was wanted; fewer than wanted means that the space is exhausted."""
        self._drawing = False
        self.exhausted = len(drawn) < wanted.count
        if not drawn:
            return self.end_if_due(at)
        known = len(self.hashes)
        for proposal in drawn:
            self._open.append(OpenTrial(proposal.number, wanted.batch, policy_version, layers, proposal.tokens))
            self.hashes.add(proposal.canonical_hash)
        if self._batching is not None:
            self._batching.propose(wanted.batch, len(drawn))
        self.batches += 1
        self.proposed += len(drawn)
        duplicates = known + len(drawn) - len(self.hashes)
        return self._checked(
            [BatchProposed(self.search_id, wanted.batch, policy_version, layers, tuple(drawn), at, duplicates)]
        )

    def start(self, lease: HeldLease, waited_seconds: float, at: float) -> list[Record]:
        """Lease the next queued trial to a trainer whose slot was free for so long."""
        number = self._open.lease_next(lease)
        return self._checked(
            [AttemptStarted(lease.fence, self.search_id, number, lease.trainer, lease.instance_id, at, waited_seconds)]
        )

    def measure(self, number: int, outcome_id: str, measurement: Measurement, at: float) -> list[Record]:
        """Settle a leased trial with what was measured.

        Raises:
            NotFiniteError: if its reward is too large for a number; nothing has changed then.
        """
        reward = reward_of(self.spec.reward, measurement)
        ended = self._end_attempt(number, outcome_id, None, measurement.trainer_seconds, at)
        self.tally.succeed(number, reward)
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
        return self._checked([ended, *self._settle(number, ended.fence, reward, None, failure, at)])

    def learn(self, group: Group, update: Update | None, at: float) -> list[Record]:
        """Take note that a group was learned from."""
        self._lessons.end(group)
        if update is not None:
            self.update = update
            self._mean_rewards = (*self._mean_rewards, update.mean_reward)[-MOST_UPDATES:]
        return [BatchLearned(self.search_id, tuple(trial.number for trial in group), update, at), *self.end_if_due(at)]

    def resume(self, at: float) -> list[Record]:
        """Go on, with what could not be learned from as well."""
        records = super().resume(at)
        self._lessons.resume()
        return records

    def give_up(self, why: str, at: float) -> list[Record]:
        """Suspend it because of an error of its strategy or its space, which is shown; what was to be learned waits."""
        self._drawing = False
        self._lessons.fault()
        return [] if self.state.ended else self._stop(why, SearchState.SUSPENDED, why, at)

    # Parts of commands.

    def _end_attempt(
        self, number: int, outcome_id: str | None, failure: Failure | None, trainer_seconds: float, at: float
    ) -> AttemptEnded:
        trial = self._open[number]
        if trial.lease is None:
            raise InvariantError(f"trial {number} is not leased")
        self.tally.trainer_seconds += trainer_seconds
        return AttemptEnded(trial.lease.fence, outcome_id, failure, trainer_seconds, at)

    def _settle(
        self, number: int, fence: int, reward: float | None, measurement: Measurement | None, failure: Failure | None, at: float
    ) -> list[Record]:
        trial = self._open.pop(number)
        state = TrialState.FAILED if measurement is None else TrialState.SUCCEEDED
        self._hindsight.settle(trial, reward, self.queued)
        if self._batching is not None:
            settled = SettledTrial(
                number, trial.batch, trial.policy_version, trial.layers, trial.tokens, reward, self.tally.settled
            )
            self._lessons.add(self._batching.settle(settled))
        settled_record = TrialSettled(
            self.search_id, number, fence, self.tally.settled, state, reward, measurement, failure, at
        )
        return [settled_record, *self.end_if_due(at)]

    def _usage(self, at: float) -> Usage:
        tally, exhausted = self.tally, self.exhausted and not self._open
        running = self.running_seconds(at)
        return Usage(tally.settled, tally.best, tally.trainer_seconds, running, exhausted, self._mean_rewards)

    def _release_all(self, why: str, at: float) -> list[Record]:
        """Take every lease back at nobody's cost, so that the trials wait in the order of their numbers."""
        records: list[Record] = []
        failure = Failure(FailureKind.RETURNED, why)
        for number in sorted(self.leases, reverse=True):
            records += [self._end_attempt(number, None, failure, 0.0, at), TrialRequeued(self.search_id, number, failure)]
            self._open.requeue(self._open[number])
        return records

    def _checked(self, records: list[Record]) -> list[Record]:
        if self.proposed != len(self._open) + self.tally.settled:
            raise InvariantError(f"{self.proposed} proposed, but {len(self._open)} open and {self.tally.settled} settled")
        if not self.running >= 0 or (self.state is not SearchState.RUNNING and self.running):
            raise InvariantError(f"{self.running} leases in state {self.state.name}")
        return records

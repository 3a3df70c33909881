"""One search as a state machine without I/O: commands in, records out, invariants checked after each.

What becomes of its trials stands in `settling`, what people and time do to the search as a whole in `life_cycle`.
The records say everything that changed: whoever commits them and loads them again has this very state. Times are Unix
seconds and come from outside, as do the architectures and the fences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nasfleet.catalogue.convergence import MOST_UPDATES
from nasfleet_controller.batching import Batching, BatchRequest, Group
from nasfleet_controller.ending import Usage
from nasfleet_controller.records import BatchLearned, BatchProposed, Proposal, Record, SearchState
from nasfleet_controller.settling import InvariantError, Settling
from nasfleet_controller.snapshots import HeldLease, OpenTrial, SearchSnapshot
from nasfleet_controller.strategies.strategy import Update

__all__ = ["InvariantError", "Search"]


class Search(Settling):
    """One search: what it wants of its strategy and of the fleet, and its trials."""

    def __init__(self, snapshot: SearchSnapshot, batching: Batching | None, *, batch_size: int, reach: int | None = 0) -> None:
        super().__init__(snapshot, batching, reach)
        self.uid = snapshot.uid
        self.created_at = snapshot.created_at
        self.warmed = snapshot.warmed
        self.proposed = snapshot.proposed
        self.batches = snapshot.batches
        self.update = snapshot.update
        self._mean_rewards = snapshot.mean_rewards
        self.hashes = set(snapshot.hashes)
        self.exhausted = False
        self._batch_size = batch_size
        self._drawing = False

    # What can be asked.

    @property
    def queued(self) -> int:
        """Trials that wait for a trainer."""
        return self._open.queued

    @property
    def waiting(self) -> int:
        """Trials that are neither leased nor settled: those that wait for a trainer, or for a twin in training."""
        return self._open.queued + self._open.with_twins

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
        return max(0, min(self.spec.parallelism, left - self._open.with_twins))

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
        spare = self.spec.parallelism - len(self._open)
        if self.state is not SearchState.RUNNING or self.waits_for_space or self._drawing or self.exhausted:
            return None
        # Trials that wait for a twin ask nothing of the fleet; yet a policy that has made up its mind must not propose the
        # whole budget while one child is in training.
        if budget <= 0 or self.queued > enough or (spare <= 0 and (self.queued == 0 or self._open.with_twins)):
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
        proposals = tuple(self._first_or_duplicate(proposal) for proposal in drawn)
        if self._batching is not None:
            self._batching.propose(wanted.batch, len(drawn))
        self.batches += 1
        self.proposed += len(drawn)
        proposed = BatchProposed(self.search_id, wanted.batch, policy_version, layers, proposals, at)
        reused = [
            record
            for one in proposals
            for record in self._open_or_reuse(
                OpenTrial(one.number, wanted.batch, policy_version, layers, one.tokens, canonical_hash=one.canonical_hash), at
            )
        ]
        return self._checked([proposed, *reused, *self.end_if_due(at)])

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

    def _first_or_duplicate(self, proposal: Proposal) -> Proposal:
        duplicate = proposal.canonical_hash in self.hashes
        self.hashes.add(proposal.canonical_hash)
        return replace(proposal, duplicate=duplicate)

    def _open_or_reuse(self, trial: OpenTrial, at: float) -> list[Record]:
        """Take in a new trial; settle it at once if its reward is known."""
        known = self._twins.known(trial.canonical_hash)
        self._open.append(trial, has_twin=known is not None or self._twins.join(trial))
        return [] if known is None else [self._reuse(trial.number, known, at)]

    def _usage(self, at: float) -> Usage:
        tally, exhausted = self.tally, self.exhausted and not self._open
        running = self.running_seconds(at)
        return Usage(tally.settled, tally.best, tally.trainer_seconds, running, exhausted, self._mean_rewards)

    def _checked(self, records: list[Record]) -> list[Record]:
        if self.proposed != len(self._open) + self.tally.settled:
            raise InvariantError(f"{self.proposed} proposed, but {len(self._open)} open and {self.tally.settled} settled")
        if not self.running >= 0 or (self.state is not SearchState.RUNNING and self.running):
            raise InvariantError(f"{self.running} leases in state {self.state.name}")
        return records

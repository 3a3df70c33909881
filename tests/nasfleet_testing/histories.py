"""Random histories of searches as records, and the snapshot that each of them must lead to."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from nasfleet.catalogue import Budget, Choices, Duplicates, Reinforce, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.catalogue import Random as RandomStrategy
from nasfleet.catalogue.spaces import ChoiceDecision
from nasfleet.measurement import EpochMeasurement, Failure, FailureClass, FailureKind, Measurement
from nasfleet.names import PoolName, SearchName
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    BatchLearned,
    BatchProposed,
    EpochsMeasured,
    LateOutcome,
    PoolDeclared,
    PoolDeleted,
    Proposal,
    Record,
    SearchChanged,
    SearchCreated,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialRequeued,
    TrialReused,
    TrialSettled,
    TrialState,
)
from nasfleet_controller.snapshots import HeldLease, KnownReward, OpenTrial, SearchSnapshot, SettledTrial, Snapshot, TrialTimes
from nasfleet_controller.strategies.strategy import Update

DECISIONS = (ChoiceDecision(name="width", options=(16, 32)), ChoiceDecision(name="depth", options=(2, 4)))
SPACE = SearchSpaceSection(space=Choices(decisions=DECISIONS))


def spec(*, learns: bool = True, trials: int = 100, duplicates: Duplicates = Duplicates.REEVALUATE) -> SearchSpec:
    """Return a small declaration."""
    strategy = Reinforce() if learns else RandomStrategy()
    budget = Budget(trials=trials)
    return SearchSpec(search_space=SPACE, strategy=strategy, task=Synthetic(), budget=budget, duplicates=duplicates)


def epochs(rng: Random, count: int) -> tuple[EpochMeasurement, ...]:
    return tuple(EpochMeasurement(epoch + 1, rng.random(), 0.5, rng.choice([None, 1.5])) for epoch in range(count))


@dataclass
class Story:
    """What a history has said of one search so far."""

    snapshot: SearchSnapshot
    open: dict[int, OpenTrial] = field(default_factory=dict)
    unlearned: list[SettledTrial] = field(default_factory=list)
    known: dict[str, KnownReward] = field(default_factory=dict)
    times: dict[int, TrialTimes] = field(default_factory=dict)

    def moved(self, number: int, at: float, attempts: int = 0) -> None:
        """Take note that a trial waits, is leased or is settled from now on, after so many more attempts."""
        times = self.times[number]
        self.times[number] = TrialTimes(times.proposed_at, at, times.attempts + attempts)

    def expected(self) -> SearchSnapshot:
        learns = isinstance(self.snapshot.spec.strategy, Reinforce)
        reuses = self.snapshot.spec.duplicates is Duplicates.REUSE
        opened = tuple(self.open[number] for number in sorted(self.open))
        unlearned, known = tuple(self.unlearned) if learns else (), self.known if reuses else {}
        numbers = {trial.number for trial in (*opened, *unlearned)}
        times = {number: times for number, times in self.times.items() if number in numbers}
        return replace(self.snapshot, open_trials=opened, unlearned=unlearned, known=known, times=times)


class History:
    """Makes records one step after the other, each legal where it stands."""

    def __init__(
        self,
        seed: int,
        duplicates: Sequence[Duplicates] = tuple(Duplicates),
        trainers_of: Sequence[PoolName | None] = (None, PoolName("vision", "gpu")),
    ) -> None:
        self.records: list[Record] = []
        self._duplicates = duplicates
        self._trainers_of = trainers_of
        self._rng = Random(seed)
        self._stories: dict[int, Story] = {}
        self._pools: dict[str, PoolDeclared] = {}
        self._fence = 0
        self._search_id = 0
        self._at = 1_000.0

    def take(self, steps: int) -> "History":
        """Do so many random steps."""
        likely = [
            self._start,
            self._start,
            self._start,
            self._end,
            self._end,
            self._report,
            self._propose,
            self._reuse,
        ]
        rare = [self._learn, self._create, self._move, self._change, self._delete, self._declare_pool]
        self._create()
        for _ in range(steps):
            self._at += self._rng.random()
            self._rng.choice(likely if self._rng.random() < 0.85 else rare)()
        return self

    def expected(self) -> Snapshot:
        """Return what a store that was told all this must return."""
        stories = tuple(self._stories[search_id].expected() for search_id in sorted(self._stories))
        return Snapshot(stories, self._fence, self._search_id, tuple(self._pools[name] for name in sorted(self._pools)))

    def _create(self) -> None:
        if len(self._stories) > 2:
            return
        self._search_id += 1
        name = SearchName("default", f"search-{self._search_id}")
        state = self._rng.choice([SearchState.RUNNING, SearchState.SUSPENDED])
        declared = spec(learns=self._rng.random() < 0.7, duplicates=self._rng.choice(self._duplicates))
        created = SearchCreated(self._search_id, name, "uid", declared, state, self._at)
        self.records.append(created)
        snapshot = SearchSnapshot(created.search_id, name, created.uid, created.spec, state, "", self._at, self._at, 0.0)
        self._stories[self._search_id] = Story(snapshot)

    def _declare_pool(self) -> None:
        pool = PoolName("default", self._rng.choice(["cpu", "gpu"]))
        if self._rng.random() < 0.3:
            self.records.append(PoolDeleted(pool))
            self._pools.pop(pool.pool_id, None)
            return
        labels = {"gpu": self._rng.choice(["h200", 'ä="b'])} if self._rng.random() < 0.7 else {}
        declared = PoolDeclared(pool, labels, self._rng.choice(["", "trainer"]), self._rng.randrange(400))
        self.records.append(declared)
        self._pools[pool.pool_id] = declared

    def _story(self) -> Story | None:
        return self._rng.choice(list(self._stories.values())) if self._stories else None

    def _set(self, story: Story, **changes: object) -> None:
        story.snapshot = replace(story.snapshot, **changes)  # type: ignore[arg-type]  # names are checked by replace

    def _move(self) -> None:
        if story := self._story():
            state, message = self._rng.choice(list(SearchState)), f"at {self._at}"
            running = story.snapshot.running_seconds + 1.5
            self.records.append(SearchMoved(story.snapshot.search_id, state, message, running, self._at))
            self._set(story, state=state, message=message, running_seconds=running, moved_at=self._at)

    def _change(self) -> None:
        if story := self._story():
            learns = isinstance(story.snapshot.spec.strategy, Reinforce)
            changed = spec(learns=learns, trials=self._rng.randrange(1, 1000), duplicates=story.snapshot.spec.duplicates)
            self.records.append(SearchChanged(story.snapshot.search_id, changed))
            self._set(story, spec=changed)

    def _delete(self) -> None:
        if self._rng.random() < 0.3 and (story := self._story()):
            self.records.append(SearchDeleted(story.snapshot.search_id))
            del self._stories[story.snapshot.search_id]

    def _propose(self) -> None:
        if not (story := self._story()):
            return
        before = story.snapshot
        layers, version = self._rng.choice([None, 6]), self._rng.randrange(5)
        count = self._rng.randrange(1, 5)
        proposals = tuple(
            Proposal(before.proposed + index, (self._rng.randrange(2), 300), f"{self._rng.randrange(8):016x}")
            for index in range(count)
        )
        self.records.append(BatchProposed(before.search_id, before.batches, version, layers, proposals, self._at))
        for one in proposals:
            story.times[one.number] = TrialTimes(self._at, self._at)
            story.open[one.number] = OpenTrial(
                one.number, before.batches, version, layers, one.tokens, canonical_hash=one.canonical_hash
            )
        hashes = before.hashes | {one.canonical_hash for one in proposals}
        self._set(story, proposed=before.proposed + count, batches=before.batches + 1, hashes=hashes)

    def _start(self) -> None:
        if not (story := self._story()):
            return
        if waiting := [trial for trial in story.open.values() if trial.lease is None]:
            trial = self._rng.choice(waiting)
            self._fence += 1
            pool = self._rng.choice(self._trainers_of)
            lease = HeldLease(self._fence, f"trainer-{self._rng.randrange(3)}", "instance", pool)
            story.open[trial.number] = replace(trial, lease=lease)
            story.moved(trial.number, self._at, attempts=1)
            search_id = story.snapshot.search_id
            whose = (lease.trainer, lease.instance_id)
            self.records.append(AttemptStarted(lease.fence, search_id, trial.number, *whose, self._at, pool=lease.pool))

    def _held(self) -> tuple[Story, OpenTrial, HeldLease] | None:
        held = [(story, trial) for story in self._stories.values() for trial in story.open.values() if trial.lease]
        if not held:
            return None
        story, trial = self._rng.choice(held)
        return (story, trial, trial.lease) if trial.lease else None

    def _report(self) -> None:
        if found := self._held():
            story, trial, lease = found
            self.records.append(EpochsMeasured(lease.fence, story.snapshot.search_id, trial.number, epochs(self._rng, 2)))

    def _end(self) -> None:
        if not (found := self._held()):
            return
        story, trial, lease = found
        seconds = self._rng.randrange(8) / 4  # sums of quarters are exact in any order
        self._set(story, trainer_seconds=story.snapshot.trainer_seconds + seconds)
        failure = Failure(self._rng.choice(list(FailureKind)), "it failed", "trace") if self._rng.random() < 0.5 else None
        outcome_id = f"outcome-{lease.fence}" if failure is None or self._rng.random() < 0.5 else None
        self.records.append(AttemptEnded(lease.fence, outcome_id, failure, seconds, self._at))
        if self._rng.random() < 0.3:
            self.records.append(LateOutcome(lease.fence, outcome_id or "late"))
        if failure is None:
            measurement = Measurement(self._rng.random(), epochs(self._rng, 3), seconds, seconds, 10, 2**40, "file:///w")
            self._settle(story, trial, lease, measurement, None)
            return
        trial = _failed(replace(trial, lease=None), failure)
        if self._rng.random() < 0.5:
            story.open[trial.number] = trial
            story.moved(trial.number, self._at)
            self.records.append(TrialRequeued(story.snapshot.search_id, trial.number, failure))
        else:
            self._settle(story, trial, lease, None, failure)

    def _settle(
        self, story: Story, trial: OpenTrial, lease: HeldLease, measurement: Measurement | None, failure: Failure | None
    ) -> None:
        before = story.snapshot
        order = before.succeeded + before.failed + before.lost + 1
        reward = self._reward(measurement, failure)
        state = TrialState.FAILED if measurement is None else TrialState.SUCCEEDED
        settled = TrialSettled(
            before.search_id, trial.number, lease.fence, order, state, reward, measurement, failure, self._at
        )
        self.records.append(settled)
        if reward is not None:
            story.known.setdefault(trial.canonical_hash, KnownReward(trial.number, state, reward))
        self._count(story, trial, state, reward)

    def _reuse(self) -> None:
        if not (story := self._story()) or story.snapshot.spec.duplicates is not Duplicates.REUSE:
            return
        before = story.snapshot
        waiting = [trial for trial in story.open.values() if trial.lease is None and trial.canonical_hash in story.known]
        for trial in waiting[:2]:
            known, order = story.known[trial.canonical_hash], story.snapshot
            settle_order = order.succeeded + order.failed + order.lost + 1
            self.records.append(
                TrialReused(before.search_id, trial.number, known.number, settle_order, known.state, known.reward, self._at)
            )
            self._count(story, trial, known.state, known.reward)

    def _count(self, story: Story, trial: OpenTrial, state: TrialState, reward: float | None) -> None:
        before = story.snapshot
        order = before.succeeded + before.failed + before.lost + 1
        del story.open[trial.number]
        story.moved(trial.number, self._at)
        story.unlearned.append(
            SettledTrial(trial.number, trial.batch, trial.policy_version, trial.layers, trial.tokens, reward, order)
        )
        measured = state is TrialState.SUCCEEDED
        counter = "succeeded" if measured else "failed" if reward is not None else "lost"
        self._set(story, **{counter: getattr(before, counter) + 1})
        if reward is not None:
            past = reward if before.average_reward is None else before.average_reward
            self._set(story, average_reward=0.95 * past + (1 - 0.95) * reward)
        if measured and reward is not None and (before.best is None or reward > before.best[1]):
            self._set(story, best=(trial.number, reward))

    def _reward(self, measurement: Measurement | None, failure: Failure | None) -> float | None:
        if measurement is not None:
            return self._rng.choice([-1.0, 0.25, 0.5, measurement.value])
        return 0.0 if failure and failure.kind.failure_class is FailureClass.MODEL else None

    def _learn(self) -> None:
        story = self._story()
        if story is None or not story.unlearned or not isinstance(story.snapshot.spec.strategy, Reinforce):
            return
        learned = [story.unlearned.pop(self._rng.randrange(len(story.unlearned))) for _ in range(min(2, len(story.unlearned)))]
        last = story.snapshot.update.version if story.snapshot.update else 0
        update = (
            Update(last + 1, 0.5, self._rng.random(), 1.5, 2.5, 1, self._rng.randbytes(50))
            if self._rng.random() < 0.8
            else None
        )
        numbers = tuple(trial.number for trial in learned)
        self.records.append(BatchLearned(story.snapshot.search_id, numbers, update, self._at))
        if update:
            self._set(story, update=update, mean_rewards=(*story.snapshot.mean_rewards, update.mean_reward))


def _failed(trial: OpenTrial, failure: Failure) -> OpenTrial:
    match failure.kind.failure_class:
        case FailureClass.INFRASTRUCTURE:
            return replace(trial, lost=trial.lost + 1)
        case FailureClass.MODEL:
            return replace(trial, model_failures=trial.model_failures + 1)
        case FailureClass.TIMEOUT:
            return replace(trial, timeouts=trial.timeouts + 1)
        case FailureClass.RETURNED:
            return trial

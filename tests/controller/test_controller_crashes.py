"""The controller's state, a real store and simulated trainers, crashed between any two effects.

Whatever happens, no acknowledged outcome is lost, none is counted twice, every reward belongs to the tokens that earned it.
"""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nasfleet.catalogue import Budget, Duplicates, Median, Reinforce, SuccessiveHalving, Synthetic
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet_controller.connection import Connection
from nasfleet_controller.early_stopping import HalvingRule, MedianRule
from nasfleet_controller.moment import Moment
from nasfleet_controller.records import Proposal, SearchCreated, SearchState, TrialState
from nasfleet_controller.reports import Outcome, OutcomeStatus, Report
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.state import ControllerState
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store
from nasfleet_controller.strategies.strategy import Update
from nasfleet_controller.thinking import new_search
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.specs import smallest_spec

NAME = SearchName("default", "s")
TRIALS, PARALLELISM, SLOTS = 20, 5, 2
SPEC = smallest_spec(strategy=Reinforce(batch_size=4), budget=Budget(trials=TRIALS), parallelism=PARALLELISM)


NETWORKS = 6
HALVING = replace(SPEC, task=Synthetic(epochs=4), early_stopping=SuccessiveHalving(reduction_factor=2))
MEDIAN = replace(SPEC, task=Synthetic(epochs=4), early_stopping=Median(min_trials=2, teach=False))
REUSING = replace(SPEC, duplicates=Duplicates.REUSE)


def reward_of_tokens(tokens: tuple[int, ...]) -> float:
    return tokens[0] / 1000


@dataclass
class SimulatedTrainer:
    """What a trainer knows: its children, and what was not acknowledged."""

    instance_id: str
    connection: Connection | None = None
    children: dict[int, tuple[int, ...]] = field(default_factory=dict)
    unacknowledged: dict[str, Outcome] = field(default_factory=dict)

    def receive(self, told: list[tuple[str, OutcomeStatus]]) -> None:
        """Take the orders that were published."""
        assert self.connection is not None
        orders, self.connection._published = self.connection._published, type(self.connection._published)()
        for assignment in orders.assignments:
            self.children[assignment.fence] = assignment.tokens
        for fence in orders.stopped:
            self.children.pop(fence, None)
        for outcome_id, status in orders.acknowledged:
            if self.unacknowledged.pop(outcome_id, None) is not None:
                told.append((outcome_id, status))


class ControllerCrashes(RuleBasedStateMachine):
    spec = SPEC
    networks = TRIALS

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.store = Store(f"sqlite:///{Path(self.directory.name) / 'n.db'}")
        self.clock = 1000.0
        self.told: list[tuple[str, OutcomeStatus]] = []
        self.trainers: list[SimulatedTrainer] = []
        self.load()
        created = SearchCreated(1, NAME, "uid", self.spec, SearchState.RUNNING, self.clock)
        snapshot = SearchSnapshot(1, NAME, "uid", self.spec, SearchState.RUNNING, "", self.clock, self.clock, 0.0)
        self.state.add(new_search(snapshot), created)
        self.cycle()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.directory.cleanup()

    @property
    def moment(self) -> Moment:
        return Moment(self.clock, self.clock)

    @property
    def search(self) -> Search:
        return self.state.searches[1]

    def load(self) -> None:
        snapshot = self.store.load()
        searches = [new_search(found) for found in snapshot.searches]
        self.state = ControllerState(searches, snapshot.last_fence, snapshot.last_search_id, self.moment)

    def cycle(self) -> None:
        """Do what the runner does: advance, think, commit, publish."""
        self.state.advance(self.moment)
        for _ in range(3):  # thoughts come back as commands of the next cycles
            self.think()
            self.state.advance(self.moment)
            self.store.commit(self.state.take_records())
            self.state.streams.publish()
        for trainer in self.trainers:
            if trainer.connection is not None:
                trainer.receive(self.told)

    def think(self) -> None:
        search = self.search
        while (group := search.begin_learning()) is not None:
            version = (search.update.version if search.update else 0) + 1
            update = Update(version, 0.0, 0.0, 0.0, 0.0, 0, b"")
            self.state.keep(search.learn(group, update, self.clock), self.moment)
        if (wanted := search.begin_batch()) is not None:
            numbers = range(wanted.first_number, wanted.first_number + wanted.count)
            proposals = [Proposal(n, (n % self.networks,), f"{n % self.networks:016x}") for n in numbers]
            self.state.keep(search.propose(wanted, 0, None, proposals, self.clock), self.moment)

    def connected(self) -> list[SimulatedTrainer]:
        return [trainer for trainer in self.trainers if trainer.connection is not None]

    def report(self, trainer: SimulatedTrainer, *outcomes: Outcome) -> None:
        assert trainer.connection is not None
        for outcome in outcomes:
            if not self.state.knows_outcome_of(outcome.fence):
                self.state.outcomes.remember(outcome.fence, self.store.results.outcome_of(outcome.fence))
        self.state.report(trainer.connection, Report(outcomes=outcomes), self.moment)

    @rule()
    def trainer_starts(self) -> None:
        if len(self.trainers) < 4:
            self.trainers.append(SimulatedTrainer(f"instance-{len(self.trainers)}"))
            self.connect(self.trainers[-1])

    @precondition(lambda self: self.trainers)
    @rule(data=st.data())
    def trainer_connects_anew(self, data: st.DataObject) -> None:
        self.connect(data.draw(st.sampled_from(self.trainers)))

    def connect(self, trainer: SimulatedTrainer) -> None:
        trainer.connection = Connection(trainer.instance_id)
        held = (*trainer.children, *(outcome.fence for outcome in trainer.unacknowledged.values()))
        profile = TrainerProfile(trainer.instance_id, "trainer", SLOTS)
        self.state.connect(trainer.connection, profile, held, self.moment)
        self.report(trainer, *trainer.unacknowledged.values())
        self.cycle()

    @precondition(lambda self: self.connected())
    @rule(data=st.data())
    def stream_breaks(self, data: st.DataObject) -> None:
        trainer = data.draw(st.sampled_from(self.connected()))
        assert trainer.connection is not None
        self.state.disconnect(trainer.connection)
        trainer.connection = None
        self.cycle()

    @precondition(lambda self: any(trainer.children for trainer in self.connected()))
    @rule(data=st.data(), kind=st.none() | st.sampled_from(FailureKind), crash=st.sampled_from(["no", "before", "after"]))
    def child_ends(self, data: st.DataObject, kind: FailureKind | None, crash: str) -> None:
        trainer = data.draw(st.sampled_from([trainer for trainer in self.connected() if trainer.children]))
        fence = data.draw(st.sampled_from(sorted(trainer.children)))
        tokens = trainer.children.pop(fence)
        value = reward_of_tokens(tokens)
        result = Measurement(value, (EpochMeasurement(1, value, 0.1),), 0.1, 0.1) if kind is None else Failure(kind, "so")
        outcome = Outcome(f"{trainer.instance_id}-{fence}", fence, result)
        trainer.unacknowledged[outcome.outcome_id] = outcome
        self.report(trainer, outcome)
        if crash == "after":
            self.store.commit(self.state.take_records())
        if crash == "no":
            self.cycle()
        else:
            self.controller_crashes()

    @precondition(lambda self: any(trainer.unacknowledged for trainer in self.connected()))
    @rule(data=st.data())
    def outcome_is_sent_again(self, data: st.DataObject) -> None:
        trainer = data.draw(st.sampled_from([trainer for trainer in self.connected() if trainer.unacknowledged]))
        self.report(trainer, *trainer.unacknowledged.values(), *trainer.unacknowledged.values())
        self.cycle()

    @rule()
    def controller_crashes(self) -> None:
        for trainer in self.trainers:
            trainer.connection = None
        self.load()
        self.cycle()

    @rule(seconds=st.sampled_from([1.0, 20.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock += seconds
        self.cycle()

    @rule(wish=st.sampled_from([Search.suspend, Search.resume]))
    def somebody_suspends_or_resumes(self, wish) -> None:  # noqa: ANN001 - two methods of Search
        if not self.search.state.ended:
            self.state.keep(wish(self.search, self.clock), self.moment)
            self.cycle()

    @invariant()
    def nobody_holds_more_than_allowed(self) -> None:
        if not hasattr(self, "state"):
            return
        assert self.search.running <= PARALLELISM
        leases = self.state.dispatcher.leases.values()
        assert len({lease.number for lease in leases}) == len(leases) == self.search.running
        assert all(len(trainer.leases) <= 2 * SLOTS for trainer in self.state.dispatcher.trainers.values())

    @invariant()
    def every_acknowledged_outcome_is_in_the_store_once(self) -> None:
        if not hasattr(self, "state"):
            return
        page = self.store.results.page(TrialQuery(NAME), 1000)
        done = [trial for trial in page.trials if trial.state is TrialState.SUCCEEDED]
        assert len(done) == self.search.tally.succeeded
        assert all(trial.reward == reward_of_tokens(trial.tokens) for trial in done)
        counted = [outcome_id for outcome_id, status in self.told if status is not OutcomeStatus.LATE]
        assert len(counted) == len(set(counted))
        for outcome_id in counted:
            assert self.store.results.outcome_of(int(outcome_id.rpartition("-")[2])) == outcome_id

    @invariant()
    def the_store_leads_to_this_very_state(self) -> None:
        if not hasattr(self, "state"):
            return
        loaded = self.store.load().searches[0]
        here = self.search
        assert (loaded.proposed, loaded.batches, loaded.succeeded, loaded.failed, loaded.lost) == (
            here.proposed,
            here.batches,
            here.tally.succeeded,
            here.tally.failed,
            here.tally.lost,
        )
        assert loaded.open_trials == tuple(here.trial(trial.number) for trial in loaded.open_trials)
        assert len(loaded.open_trials) == here.proposed - here.tally.settled
        assert loaded.state is here.state
        assert loaded.best == here.tally.best
        assert loaded.trainer_seconds == here.tally.trainer_seconds
        assert loaded.hashes == here.hashes
        after = new_search(loaded)
        assert (after.queued, after.running, after.waiting) == (here.queued, here.running, here.waiting)
        assert statistics(after) == statistics(here)
        assert not {trial.canonical_hash for trial in loaded.open_trials} & loaded.known.keys(), "it would wait in vain"


TestControllerCrashes = ControllerCrashes.TestCase
TestControllerCrashes.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


class ReuseCrashes(ControllerCrashes):
    """The same, while rewards of known networks are reused."""

    spec = REUSING
    networks = NETWORKS

    @invariant()
    def no_network_is_trained_twice_once_it_has_a_reward(self) -> None:
        if not hasattr(self, "state"):
            return
        trials = self.store.results.page(TrialQuery(NAME), 1000).trials
        by_number = {trial.name.number: trial for trial in trials}
        trained = [trial.tokens for trial in trials if trial.reward is not None and trial.reused_from is None]
        assert len(trained) == len(set(trained))
        held = [self.search.trial(number).tokens for number in self.search.leases]
        assert len(held) == len(set(held))
        assert not {*held} & {*trained}
        for trial in trials:
            if trial.reused_from is not None:
                source = by_number[trial.reused_from]
                assert (source.tokens, source.reward, source.state) == (trial.tokens, trial.reward, trial.state)
                assert trial.duplicate
                assert trial.attempt_count == 0 or trial.failure is not None


TestReuseCrashes = ReuseCrashes.TestCase
TestReuseCrashes.settings = settings(TestControllerCrashes.settings, max_examples=20)


class HalvingCrashes(ControllerCrashes):
    """The same, while children report epochs by which they are judged."""

    spec = HALVING

    @precondition(lambda self: any(trainer.children for trainer in self.connected()))
    @rule(data=st.data(), epochs=st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(sorted))
    def child_reports(self, data: st.DataObject, epochs: list[int]) -> None:
        trainer = data.draw(st.sampled_from([trainer for trainer in self.connected() if trainer.children]))
        fence = data.draw(st.sampled_from(sorted(trainer.children)))
        value = reward_of_tokens(trainer.children[fence])
        measured = tuple(EpochMeasurement(epoch, value * epoch / 4 + data.draw(st.floats(0, 0.01)), 0.1) for epoch in epochs)
        assert trainer.connection is not None
        self.state.report(trainer.connection, Report(progress=((fence, measured),)), self.moment)
        self.cycle()


class MedianCrashes(HalvingCrashes):
    """The same by the median of settled trials."""

    spec = MEDIAN


def statistics(search: Search) -> object:
    """Return all that early stopping decides by; of the curves those of trials that are not settled."""
    stopping = search._stopping
    curves = {number: stopping._curves.get(number) for number in range(TRIALS) if number in search._open._trials}
    match stopping._rule:
        case MedianRule() as median:
            return curves, {epoch: averages for epoch, averages in median._averages.items() if averages}
        case HalvingRule() as halving:
            return curves, {epoch: rung for epoch, rung in halving._rungs.items() if rung}
        case _:
            return None


TestHalvingCrashes, TestMedianCrashes = HalvingCrashes.TestCase, MedianCrashes.TestCase
TestHalvingCrashes.settings = TestMedianCrashes.settings = settings(TestControllerCrashes.settings, max_examples=15)

"""A search driven step by step without trainers: all that strategies meet in a controller but time."""

from dataclasses import dataclass, field
from itertools import count
from random import Random

from nasfleet.catalogue import Retries, SearchSpec, TrialSettings
from nasfleet.measurement import Failure, FailureKind, Measurement
from nasfleet.names import SearchName
from nasfleet.spaces.building import build_space
from nasfleet_controller.records import Record, SearchCreated, SearchDeleted, SearchState
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease, SearchSnapshot
from nasfleet_controller.store.store import Store
from nasfleet_controller.thinking import Mind, new_search
from nasfleet_trainer.tasks.synthetic import agreement, optimum

TRYING_ONCE = TrialSettings(retries=Retries(lost=0, model_failure=0, timeout=0), failure_reward=-1.0)
_NUMBERS, _FENCES = count(1), count(1)


@dataclass
class SteppedSearch:
    """Draws, learns and leases whatever is due after each step; a step settles one trial, whichever `chance` picks.

    With a store it can start anew from there.
    """

    spec: SearchSpec
    store: Store | None
    chance: Random
    proposed: list[tuple[int, ...]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    search: Search = field(init=False)
    mind: Mind = field(init=False)

    def __post_init__(self) -> None:
        number = next(_NUMBERS)
        name, uid = SearchName("default", f"stepped-{number}"), "uid"
        self._commit([SearchCreated(number, name, uid, self.spec, SearchState.RUNNING, 0.0)])
        self._begin(SearchSnapshot(number, name, uid, self.spec, SearchState.RUNNING, "", 0.0, 0.0, 0.0))
        self._go_on()

    def restart(self) -> None:
        """Forget everything but what is in the store."""
        assert self.store is not None
        (found,) = (found for found in self.store.load().searches if found.search_id == self.search.search_id)
        self._begin(found)

    def delete(self) -> None:
        """Leave nothing in the store."""
        self._commit([SearchDeleted(self.search.search_id)])

    def _begin(self, snapshot: SearchSnapshot) -> None:
        self.search = new_search(snapshot)
        self.mind = Mind(snapshot.spec, snapshot.update.checkpoint if snapshot.update else None)

    def step(self) -> None:
        """Settle a leased trial: seven in ten are measured, the others fail or are lost for good."""
        number = self.chance.choice(sorted(self.search.leases))
        trial, fate = self.search.trial(number), self.chance.random()
        if fate < 0.7:
            decisions = build_space(self.spec.search_space, trial.layers).decisions
            value = agreement(trial.tokens, optimum(decisions, 1))
            self.rewards.append(value)
            self._commit(self.search.measure(number, f"{number}", Measurement(value, (), 1.0, 1.0), 1.0))
        else:
            kind = FailureKind.CRASHED if fate < 0.85 else FailureKind.LEASE_EXPIRED
            self._commit(self.search.fail(number, f"{number}", Failure(kind, "why"), 1.0, 1.0))
        self._go_on()

    @property
    def ended(self) -> bool:
        """Whether no step is left."""
        return self.search.state.ended

    def _go_on(self) -> None:
        while (group := self.search.begin_learning()) is not None:
            self._commit(self.search.learn(group, self.mind.learn(group), 1.0))
        while self.search.available or self._draw():
            while self.search.available:
                self._commit(self.search.start(HeldLease(next(_FENCES), "trainer", "instance"), 0.0, 1.0))

    def _draw(self) -> bool:
        request = self.search.begin_batch()
        if request is None:
            return False
        draw = self.mind.draw(request)
        self.proposed += [proposal.tokens for proposal in draw.proposals]
        self._commit(self.search.propose(request, draw.policy_version, draw.layers, draw.proposals, 1.0))
        return bool(draw.proposals)

    def _commit(self, records: list[Record]) -> None:
        if self.store is not None:
            self.store.commit(records)


def ran(spec: SearchSpec, restarting_from: Store | None = None) -> SteppedSearch:
    """Return a search that has run to its end, in a controller that starts anew after every step or never."""
    stepped = SteppedSearch(spec, restarting_from, Random(7))
    while not stepped.ended:
        stepped.step()
        if restarting_from is not None and not stepped.ended:
            stepped.restart()
    stepped.delete()
    return stepped

"""Children of unequal duration cause no bias when those proposed together are learned from together.

A simulated fleet runs real searches: state machine, batching and policy. Half of the architectures train twenty times as
long as the others and are worth the same; a fair search must not come to prefer either.
"""

import heapq
import math
from dataclasses import dataclass
from statistics import fmean, stdev

import pytest

from nasfleet.catalogue import (
    Batching,
    Budget,
    ChoiceDecision,
    Choices,
    Reinforce,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
)
from nasfleet.measurement import Measurement
from nasfleet.names import SearchName
from nasfleet_controller.records import SearchState
from nasfleet_controller.snapshots import HeldLease, SearchSnapshot
from nasfleet_controller.thinking import Mind, new_search

SEEDS = range(12)
FAST, SLOW = 0, 1
SECONDS = {FAST: 1.0, SLOW: 20.0}
DEPTHS = tuple(ChoiceDecision(name=f"filters{layer}", options=(24, 36, 48, 64)) for layer in range(3))
SPACE = SearchSpaceSection(space=Choices(decisions=(ChoiceDecision(name="speed", options=("fast", "slow")), *DEPTHS)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Share of fast architectures among those first learned from, and among those that the policy proposes in the end."""

    first_learned: float
    finally_proposed: float


def spec_of(seed: int, batching: Batching) -> SearchSpec:
    return SearchSpec(
        search_space=SPACE,
        strategy=Reinforce(batching=batching, learning_rate=0.02, hidden_units=16, embedding_size=16, layers=1),
        task=Synthetic(),
        budget=Budget(trials=240),
        parallelism=64,
        seed=seed,
    )


def value_of(tokens: tuple[int, ...]) -> float:
    """Return the share of filter counts that are 36: nothing of it depends on the speed."""
    return tokens[1:].count(1) / len(DEPTHS)


def fast_share(architectures: list[tuple[int, ...]]) -> float:
    return fmean(tokens[0] == FAST for tokens in architectures)


class Fleet:
    """As many trainers as the search may use, in simulated time."""

    def __init__(self, spec: SearchSpec) -> None:
        self.mind = Mind(spec, None)
        name = SearchName("default", "unequal")
        self.search = new_search(SearchSnapshot(1, name, "uid", spec, SearchState.RUNNING, "", 0.0, 0.0, 0.0))
        self.learned: list[tuple[int, ...]] = []
        self._now = 0.0
        self._finishes: list[tuple[float, int]] = []

    def run(self) -> None:
        """Run the search to its end."""
        while self.search.state is SearchState.RUNNING:
            self._fill()
            self._now, number = heapq.heappop(self._finishes)
            value = value_of(self.search.trial(number).tokens)
            self.search.measure(number, str(number), Measurement(value, (), 1.0, 1.0), self._now)
            while (group := self.search.begin_learning()) is not None:
                self.learned += [trial.tokens for trial in group]
                self.search.learn(group, self.mind.learn(group), self._now)

    def _fill(self) -> None:
        while True:
            if self.search.available:
                number = self.search.next_queued()
                self.search.start(HeldLease(number, "trainer", "instance"), 0.0, self._now)
                finish = self._now + SECONDS[self.search.trial(number).tokens[0]]
                heapq.heappush(self._finishes, (finish, number))
            elif wanted := self.search.begin_batch():
                draw = self.mind.draw(wanted)
                self.search.propose(wanted, draw.policy_version, draw.layers, draw.proposals, self._now)
            else:
                return


def outcome(seed: int, batching: Batching) -> Outcome:
    fleet = Fleet(spec_of(seed, batching))
    fleet.run()
    proposed = [tokens for batch in range(1000, 1050) for tokens in fleet.mind.strategy.propose(batch, 240, 8)]
    return Outcome(fast_share(fleet.learned[:32]), fast_share(proposed))


def standard_error(shares: list[float]) -> float:
    return stdev(shares) / math.sqrt(len(shares))


def test_batches_learned_from_together_prefer_neither_fast_nor_slow_children() -> None:
    outcomes = [outcome(seed, Batching.TOGETHER) for seed in SEEDS]

    for shares in ([o.first_learned for o in outcomes], [o.finally_proposed for o in outcomes]):
        assert fmean(shares) == pytest.approx(0.5, abs=2 * standard_error(shares))


def test_learning_from_the_first_to_finish_comes_to_prefer_fast_children() -> None:
    outcomes = [outcome(seed, Batching.ARRIVAL) for seed in SEEDS]

    assert fmean(o.first_learned for o in outcomes) > 0.95
    assert fmean(o.finally_proposed for o in outcomes) > 0.9

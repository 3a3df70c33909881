"""Regularised evolution (Real et al. 2019): the best of a few young trials is copied with one decision changed.

There is no state beside the trials themselves: the population is the last ones that were settled, so that age alone ends a
life, however good it was. The paper's workers run in parallel too: a child is made when a trainer can take it, from those that
are settled by then.
"""

from collections.abc import Sequence
from random import Random
from typing import assert_never

from nasfleet.catalogue import Evolution, SearchSpaceSection
from nasfleet.spaces.conditions import conditions, settled
from nasfleet.spaces.decision import Choice, Decision, Index, Subset
from nasfleet_controller.strategies.depths import Decisions, Depths
from nasfleet_controller.strategies.seeding import stream_seed
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History

Taken = tuple[int, ...]
"""The tokens of one decision."""


class EvolutionStrategy:
    """Each child follows from the seed, its number and the population; parents of a shallower space are grown first."""

    def __init__(self, space: SearchSpaceSection, section: Evolution, seed: int) -> None:
        self._depths = Depths(space)
        self._section = section
        self._seed = seed
        self.batch_size = section.batch_size
        self.version = 0

    def propose(
        self,
        batch: int,  # noqa: ARG002 - a child's number says it
        first_number: int,
        count: int,
        history: History = NO_HISTORY,
    ) -> list[tuple[int, ...]]:
        """Return children of the population, and random architectures as long as it is not full."""
        return self._draw("evolution", first_number, min(count, self.batch_size), history)

    def redraw(
        self,
        batch: int,  # noqa: ARG002 - likewise
        first_number: int,
        count: int,
        history: History,
        attempt: int,
    ) -> list[tuple[int, ...]]:
        """Return other children of the same population."""
        return self._draw(f"evolution again {attempt}", first_number, count, history)

    def observe(self, credited: Sequence[Credit]) -> None:
        """Learn nothing: the history of the next request says it all."""

    def restore(self, checkpoint: bytes) -> None:
        """Return to the one state that there is."""

    def _draw(self, purpose: str, first_number: int, count: int, history: History) -> list[tuple[int, ...]]:
        decisions = self._depths.decisions(self._depths.layers_at(first_number))
        population = history.credits[-self._section.population :]
        numbers = range(first_number, first_number + count)
        return [self._child(decisions, population, Random(stream_seed(self._seed, purpose, number))) for number in numbers]

    def _child(self, decisions: Decisions, population: Sequence[Credit], random: Random) -> tuple[int, ...]:
        if len(population) < self._section.population:
            return settled(decisions, [random.randrange(one.bound) for one in decisions for _ in range(one.width)])
        sample = random.choices(population, k=self._section.sample_size)
        parent = max(sample, key=lambda credit: credit.reward)  # the first that was drawn among equals
        genes = _inherited(decisions, self._depths.decisions(parent.layers), parent.tokens, random)
        idle = _idle(decisions, [token for taken in genes for token in taken])
        variable = [position for position, decision in enumerate(decisions) if decision.size > 1 and position not in idle]
        for position in random.sample(variable, min(self._section.mutations, len(variable))):
            genes[position] = mutated(decisions[position], genes[position], random)
        return settled(decisions, [token for taken in genes for token in taken])


def _idle(decisions: Decisions, tokens: Sequence[int]) -> frozenset[int]:
    """Return the numbers of the decisions that do not arise: to take them otherwise would change nothing."""
    return frozenset(one.step for one in conditions(decisions) if tokens[one.decider] not in one.arises)


def mutated(decision: Decision, taken: Taken, random: Random) -> Taken:
    """Return a decision taken otherwise: another option, another node, or one candidate in or out; each as likely."""
    match decision:
        case Choice() | Index():
            other = random.randrange(decision.bound - 1)
            return (other + (other >= taken[0]),)
        case Subset():
            flipped = random.randrange(decision.candidates)
            return tuple(token ^ (position == flipped) for position, token in enumerate(taken))
        case _:
            assert_never(decision)


def _inherited(decisions: Decisions, of_parent: Decisions, tokens: Sequence[int], random: Random) -> list[Taken]:
    """Return what a parent passes on, decision by decision; what it does not know is taken at random."""
    if decisions is of_parent:
        return _split(decisions, tokens)
    known = dict(zip((decision.name for decision in of_parent), _split(of_parent, tokens), strict=True))
    return [_fitted(decision, known.get(decision.name, ()), random) for decision in decisions]


def _fitted(decision: Decision, taken: Taken, random: Random) -> Taken:
    kept = tuple(token for token in taken[: decision.width] if token < decision.bound)
    return kept + tuple(random.randrange(decision.bound) for _ in range(decision.width - len(kept)))


def _split(decisions: Decisions, tokens: Sequence[int]) -> list[Taken]:
    genes, position = [], 0
    for decision in decisions:
        genes.append(tuple(tokens[position : position + decision.width]))
        position += decision.width
    return genes

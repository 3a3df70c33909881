"""Which decisions arise, where some depend on what was chosen before: a pooling has no filters to choose.

The token of a decision that does not arise says nothing: whatever stands there, the architecture is the same. Settled strings
have 0 there, so that each stands for a choice of its own. A token is known by its column, its place in the string.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from nasfleet.spaces.decision import Choice, Decision

Decisions = tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """The token in `column` says something only where that in the earlier column `decider` is one of `arises`.

    Attributes:
        step: number of the decision whose token it is.
        deciding_step: number of the decision that decides.
    """

    column: int
    decider: int
    arises: frozenset[int]
    step: int
    deciding_step: int


@lru_cache(maxsize=64)
def conditions(decisions: Decisions) -> tuple[Condition, ...]:
    """Return the conditions of a space, in the order of their columns; none for most spaces."""
    deciders: dict[str, tuple[int, int, Choice]] = {}
    found: list[Condition] = []
    column = 0
    for step, decision in enumerate(decisions):
        if isinstance(decision, Choice) and decision.when is not None:
            decider, deciding_step, choice = deciders[decision.when.name]
            arises = frozenset(map(choice.options.index, decision.when.options))
            found.append(Condition(column, decider, arises, step, deciding_step))
        elif isinstance(decision, Choice):
            deciders[decision.name] = column, step, decision
        column += decision.width
    return tuple(found)


def settled(decisions: Decisions, tokens: Sequence[int]) -> tuple[int, ...]:
    """Return valid tokens with 0 for each decision that does not arise."""
    result = list(tokens)
    for condition in conditions(decisions):
        if result[condition.decider] not in condition.arises:
            result[condition.column] = 0
    return tuple(result)


def count_settled(decisions: Decisions) -> int:
    """Return the number of settled strings, exactly."""
    return _count(_bounds(decisions), conditions(decisions), ())


def nth_settled(decisions: Decisions, number: int) -> tuple[int, ...]:
    """Return the settled string with this number, counted from 0; the last token counts fastest."""
    bounds, given = _bounds(decisions), conditions(decisions)
    if not given:
        return _mixed_radix(bounds, number)
    tokens: tuple[int, ...] = ()
    for bound in bounds:
        for token in range(bound):
            count = _count(bounds, given, (*tokens, token))
            if number < count:
                tokens = (*tokens, token)
                break
            number -= count
    return tokens


def _bounds(decisions: Decisions) -> list[int]:
    return [decision.bound for decision in decisions for _ in range(decision.width)]


def _count(bounds: Sequence[int], given: Sequence[Condition], first: tuple[int, ...]) -> int:
    """Return the number of settled strings that begin with these tokens, themselves settled."""
    ways = {column: bounds[column] for column in range(len(first), len(bounds))}
    for condition in given:
        # What depends on a choice yet to be made is counted with that choice, what depends on one that is made by itself.
        if condition.decider >= len(first):
            del ways[condition.column]
        elif condition.column in ways and first[condition.decider] not in condition.arises:
            ways[condition.column] = 1
    for decider in {condition.decider for condition in given} & ways.keys():
        dependent = [condition for condition in given if condition.decider == decider]
        ways[decider] = sum(
            prod(bounds[condition.column] for condition in dependent if token in condition.arises)
            for token in range(bounds[decider])
        )
    return prod(ways.values())


def _mixed_radix(bounds: Sequence[int], number: int) -> tuple[int, ...]:
    tokens = []
    for bound in reversed(bounds):
        number, token = divmod(number, bound)
        tokens.append(token)
    return tuple(reversed(tokens))

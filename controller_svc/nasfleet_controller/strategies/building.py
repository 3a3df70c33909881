"""The strategy that a search asks for, found by the block of its document."""

from typing import assert_never

from nasfleet.catalogue import Exhaustive, Random, Reinforce, SearchSpec
from nasfleet_controller.strategies.exhaustive import ExhaustiveStrategy
from nasfleet_controller.strategies.random_search import RandomStrategy
from nasfleet_controller.strategies.strategy import Strategy


def build_strategy(spec: SearchSpec) -> Strategy:
    """Return the strategy that a search asks for, at its beginning; torch is imported for `reinforce` only."""
    match spec.strategy:
        case Reinforce():
            from nasfleet_controller.strategies.reinforce import build_reinforce

            return build_reinforce(spec.search_space, spec.strategy, spec.seed)
        case Random():
            return RandomStrategy(spec.search_space, spec.strategy.batch_size, spec.seed)
        case Exhaustive():
            return ExhaustiveStrategy(spec.search_space, spec.strategy.batch_size)
        case _:
            assert_never(spec.strategy)

"""The strategy that a search asks for, found by the block of its document."""

from typing import assert_never

from nasfleet.catalogue import Bayesian, Evolution, Exhaustive, Grid, Random, Reinforce, SearchSpec
from nasfleet_controller.strategies.evolution import EvolutionStrategy
from nasfleet_controller.strategies.exhaustive import ExhaustiveStrategy
from nasfleet_controller.strategies.grid import GridStrategy
from nasfleet_controller.strategies.random_search import RandomStrategy
from nasfleet_controller.strategies.strategy import Strategy
from nasfleet_controller.strategies.suiting import check_suits


def build_strategy(spec: SearchSpec) -> Strategy:
    """Return the strategy that a search asks for, at its beginning; torch and Optuna are imported for those that need them.

    Raises:
        InvalidInputError: if it does not suit the space, or a package is missing.
    """
    check_suits(spec)
    match spec.strategy:
        case Reinforce():
            from nasfleet_controller.strategies.reinforce import build_reinforce

            return build_reinforce(spec.search_space, spec.strategy, spec.seed)
        case Random():
            return RandomStrategy(spec.search_space, spec.strategy.batch_size, spec.seed)
        case Exhaustive():
            return ExhaustiveStrategy(spec.search_space, spec.strategy.batch_size)
        case Evolution():
            return EvolutionStrategy(spec.search_space, spec.strategy, spec.seed)
        case Grid():
            return GridStrategy(spec.search_space, spec.strategy)
        case Bayesian():
            from nasfleet_controller.strategies.bayesian import BayesianStrategy

            return BayesianStrategy(spec.search_space, spec.strategy, spec.seed)
        case _:
            assert_never(spec.strategy)

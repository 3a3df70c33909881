"""What a search asks of its strategy, looked at before the strategy is built and without importing what it computes with."""

from importlib.util import find_spec
from typing import assert_never

from nasfleet.catalogue import Bayesian, Evolution, Exhaustive, Grid, Random, Reinforce, SearchSpec
from nasfleet.errors import InvalidInputError
from nasfleet_controller.strategies.grid import axes

_OF_BAYESIAN = ("optuna", "scipy")


def check_suits(spec: SearchSpec) -> None:
    """Look whether the strategy can work here and in this space.

    Raises:
        InvalidInputError: if it cannot; the message says what to change or to install.
    """
    match spec.strategy:
        case Grid():
            axes(spec.search_space, spec.strategy)
        case Bayesian():
            missing = [package for package in _OF_BAYESIAN if find_spec(package) is None]
            if missing:
                raise InvalidInputError(
                    f"spec.strategy.bayesian needs {' and '.join(missing)}, not installed where the controller runs: "
                    "pip install 'nasfleet[bayesian]' there, or use another strategy"
                )
        case Reinforce() | Random() | Exhaustive() | Evolution():
            pass
        case _:
            assert_never(spec.strategy)


def reach(spec: SearchSpec) -> int | None:
    """Return how many settled trials the strategy looks back at; None for all of them."""
    match spec.strategy:
        case Evolution(population=population):
            return population
        case Bayesian():
            return None
        case Reinforce() | Random() | Exhaustive() | Grid():
            return 0
        case _:
            assert_never(spec.strategy)

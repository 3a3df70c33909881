"""What a proposal costs once a thousand trials are settled: time and memory of each strategy in a process of its own.

    python benchmarks/proposals.py                     # all of them: some minutes, most of them for Gaussian processes
    python benchmarks/proposals.py evolution tpe       # or some

The space is a `convChain` of six layers (33 tokens); eight trials are open, rewards are those of `synthetic`. A strategy gets
the history at once, as after a restart; the first proposal, which takes it in, is given apart from the median of the next.
Times are of the processor, since the machine may do other things besides.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

from nasfleet.catalogue import (
    Bayesian,
    Budget,
    ConvChain,
    Evolution,
    Exhaustive,
    Grid,
    Random,
    Reinforce,
    Sampler,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
)
from nasfleet.spaces.building import build_space
from nasfleet_controller.strategies.building import build_strategy
from nasfleet_controller.strategies.strategy import Credit, History
from nasfleet_trainer.tasks.synthetic import agreement, optimum

SPACE = SearchSpaceSection(space=ConvChain())
SETTLED, OPEN = 1000, 8
STRATEGIES = {
    "random": (Random(batch_size=1), 200),
    "exhaustive": (Exhaustive(batch_size=1), 200),
    "grid": (Grid(batch_size=1), 200),
    "evolution": (Evolution(batch_size=1), 200),
    "reinforce": (Reinforce(batch_size=8), 50),
    "tpe": (Bayesian(), 9),
    "tpe-univariate": (Bayesian(multivariate=False), 9),
    "gaussian-process": (Bayesian(sampler=Sampler.GAUSSIAN_PROCESS), 3),
}


def measure(name: str) -> str:
    """Return what proposals of a strategy cost in this process."""
    strategy, repeats = STRATEGIES[name]
    drawn = build_strategy(_spec(Random(batch_size=SETTLED + OPEN))).propose(0, 0, SETTLED + OPEN)
    best = optimum(build_space(SPACE).decisions, 1)
    credits_earned = tuple(Credit(n, tokens, None, agreement(tokens, best), 0) for n, tokens in enumerate(drawn[:SETTLED]))
    opened = dict(enumerate(drawn[SETTLED:], SETTLED))
    built = build_strategy(_spec(strategy))
    seconds = []
    for batch in range(repeats + 1):
        number = SETTLED + OPEN + batch * strategy.batch_size
        began = time.process_time()
        tokens = built.propose(batch, number, strategy.batch_size, History(credits_earned, opened))
        seconds.append((time.process_time() - began) / strategy.batch_size)
        opened = opened | dict(enumerate(tokens, number))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{name}: first {1000 * seconds[0]:.3f} ms, then {1000 * statistics.median(seconds[1:]):.3f} ms, {resident:.0f} MB"


def _spec(strategy: Random | Exhaustive | Grid | Evolution | Reinforce | Bayesian) -> SearchSpec:
    return SearchSpec(search_space=SPACE, strategy=strategy, task=Synthetic(), budget=Budget(trials=10**6))


def main() -> None:
    """Print a line for each strategy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("strategies", nargs="*", metavar="STRATEGY", help=f"of {', '.join(STRATEGIES)}; all if none is given")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.strategies) - STRATEGIES.keys():
        parser.error(f"there is no strategy {', '.join(sorted(unknown))}; give some of {', '.join(STRATEGIES)}")
    for name in given.strategies or STRATEGIES:
        if given.here:
            print(measure(name), flush=True)
        else:
            subprocess.run([sys.executable, __file__, "--here", name], check=True)


if __name__ == "__main__":
    main()

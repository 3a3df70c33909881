"""What enumerating a table, or a grid over it, costs and finds: nothing is searched, so that this is exact and takes seconds.

    python benchmarks/enumeration.py DATA/transbench101

Of each task of TransNAS-Bench-101's micro table (4 operations on each of 6 edges): how many architectures are measured in the
order of their tokens, as `exhaustive` does, and how many at random on average, until one of the best 1 % and of the best 0.1 %
is among them; and the regret of a grid of 64, two of the four operations on every edge, for the best choice of the two, the
middle one and the worst: who makes a grid has to choose before he knows.
"""

import argparse
from itertools import combinations, product
from pathlib import Path
from statistics import median

from transnas import TASKS, problem

EDGES, OPERATIONS, LEVELS = 6, 4, 2


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    columns = ["enumerated to the best 1 %", "0.1 %", "at random to the best 1 %", "0.1 %"]
    columns += ["grid of 64: regret, best", "middle", "worst"]
    print(f"| task | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for task in TASKS:
        rewards = problem(chosen.folder, "micro", task).rewards
        ordered = [rewards[tokens] for tokens in sorted(rewards)]
        best = sorted(ordered, reverse=True)
        counts = [round(share * len(ordered)) for share in (0.01, 0.001)]
        firsts = [next(n for n, reward in enumerate(ordered, 1) if reward >= best[count - 1]) for count in counts]
        # Drawn without repeats, the first of k among n comes after (n + 1) / (k + 1) on average.
        drawn = [(len(ordered) + 1) / (count + 1) for count in counts]
        regrets = [
            best[0] - max(rewards[tokens] for tokens in product(levels, repeat=EDGES))
            for levels in combinations(range(OPERATIONS), LEVELS)
        ]
        cells = [*firsts, *(f"{count:.0f}" for count in drawn)]
        cells += [f"{regret:.4f}" for regret in (min(regrets), median(regrets), max(regrets))]
        print(f"| {task} | {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()

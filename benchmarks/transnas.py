"""Which strategy finds good architectures with fewest evaluations? On both tables of TransNAS-Bench-101 (Duan et al. 2021).

    python ../shared/data/unpack.py DATA        # or your own copy: DATA/transbench101/{macro,micro}.csv
    python benchmarks/transnas.py DATA/transbench101 [--seeds 100] [--strategies random,evolution] [--evaluations 1000]

Each line is one table and task: searches simulated in this process (`nasfleet_cli.comparing`), eight trials at once, the reward
being the table's validation figure, accuracies as fractions. The macro table has architectures of four to six modules, of which
not all strings of modules are there: a string that is not settles as a model failure with the worst reward of the table, from
which a strategy may learn, and is no evaluation. So is none that repeats an architecture for the columns that count different
ones. Regret is what the best so far lacks of the table's best; the top is its best 0.1 %.
"""

import argparse
import ast
import csv
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median

from running import machine
from scipy.stats import mannwhitneyu

from nasfleet import document
from nasfleet.spaces.canonical import tokens_hash
from nasfleet_cli.comparing.runs import SettledTrial
from nasfleet_cli.comparing.simulation import simulate

TABLES = ("macro", "micro")
TASKS = ("class_scene", "class_object", "room_layout", "jigsaw", "segmentsemantic", "normal", "autoencoder")
PER_CENT = frozenset({"class_scene", "class_object", "jigsaw", "segmentsemantic"})
POINTS = (50, 100, 200, 500, 1000)
TESTED_AT = 200
TOP_SHARE = 0.001
MODULES = (1, 2, 3, 4)
STRATEGIES = {
    "random": "random: {batchSize: 8}",
    "evolution": "evolution: {}",
    "tpe": "bayesian: {sampler: Tpe}",
    "gaussian process": "bayesian: {sampler: GaussianProcess}",
    "paper's reinforce": "reinforce: {}",
    "tuned reinforce": "reinforce: {learningRate: 6e-3, entropyWeight: 1e-3, ppoPasses: 4, baselineDecay: 0.9}",
}
SLOW = {"gaussian process": (10, 200)}
"""Seeds and evaluations of those that take seconds for each proposal."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One task of one table as the rewards of all its architectures, by tokens."""

    table: str
    task: str
    rewards: Mapping[tuple[int, ...], float]
    space: str

    @property
    def best(self) -> float:
        """Return the largest reward."""
        return max(self.rewards.values())

    @property
    def top(self) -> float:
        """Return the smallest reward of the best 0.1 %."""
        ordered = sorted(self.rewards.values(), reverse=True)
        return ordered[max(1, round(TOP_SHARE * len(ordered))) - 1]


def problem(folder: Path, table: str, task: str) -> Problem:
    """Read one task of a table."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tails = [(), *((module,) for module in MODULES), *((one, other) for one in MODULES for other in MODULES)]
    scale = 0.01 if task in PER_CENT else 1.0
    rewards = {}
    for row in rows:
        modules = ast.literal_eval(row["arch"])
        tokens = tuple(modules) if table == "micro" else (*(m - 1 for m in modules[:4]), tails.index(tuple(modules[4:])))
        rewards[tokens] = scale * float(row[task])
    bounds = (4,) * 6 if table == "micro" else (4, 4, 4, 4, len(tails))
    decisions = [{"name": f"d{place}", "options": list(range(bound))} for place, bound in enumerate(bounds)]
    return Problem(table, task, rewards, json.dumps({"choices": {"decisions": decisions}}))


def search(given: Problem, strategy: str, evaluations: int, seed: int, folder: Path) -> list[SettledTrial]:
    """Return the evaluations of one search, invalid proposals apart."""
    file = folder / f"{given.table}-{given.task}.csv"
    if not file.exists():
        part = file.with_suffix(f".{os.getpid()}")
        rows = (f"{' '.join(map(str, tokens))},{reward!r}\n" for tokens, reward in given.rewards.items())
        part.write_text("tokens,value\n" + "".join(rows))
        part.rename(file)
    spec = document.load(
        f"""
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {{name: transnas}}
spec:
  searchSpace: {given.space}
  strategy: {{{strategy}}}
  task: {{tabular: {{file: {file.name}}}}}
  budget: {{trials: {evaluations if given.table == "micro" else 3 * evaluations}}}
  trial: {{failureReward: {min(given.rewards.values())!r}, retries: {{modelFailure: 0}}}}
"""
    ).spec
    known = {tokens_hash(tokens) for tokens in given.rewards}
    measured = [trial for trial in simulate(replace(spec, seed=seed), folder) if trial.architecture in known]
    return measured[:evaluations]


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found: its regret at each of the points, and how many different evaluations it took to the top."""

    regrets: tuple[float, ...]
    to_the_top: float


def found(given: Problem, trials: Sequence[SettledTrial]) -> Found:
    """Return the figures of one search; infinitely many evaluations if it did not get to the top."""
    best, seen, to_the_top = float("-inf"), set[str](), float("inf")
    curve = []
    for trial in trials:
        assert trial.reward is not None
        seen.add(trial.architecture)
        best = max(best, trial.reward)
        curve.append(given.best - best)
        if best >= given.top:
            to_the_top = min(to_the_top, len(seen))
    return Found(tuple(curve[min(point, len(curve)) - 1] for point in POINTS), to_the_top)


def _one(given: Problem, strategy: str, evaluations: int, seed: int, folder: Path) -> Found:
    return found(given, search(given, STRATEGIES[strategy], evaluations, seed, folder))


def study(given: Problem, chosen: argparse.Namespace, pool: ProcessPoolExecutor, folder: Path) -> dict[str, list[Found]]:
    """Return what each strategy found with each seed."""
    jobs = {}
    for strategy in chosen.strategies:
        seeds, evaluations = SLOW.get(strategy, (chosen.seeds, chosen.evaluations))
        seeds, evaluations = min(seeds, chosen.seeds), min(evaluations, chosen.evaluations)
        jobs[strategy] = [pool.submit(_one, given, strategy, evaluations, seed, folder) for seed in range(seeds)]
    return {strategy: [job.result() for job in of_one] for strategy, of_one in jobs.items()}


def lines(given: Problem, results: Mapping[str, Sequence[Found]], evaluations: int) -> Iterator[str]:
    """Yield the rows of a table in Markdown: mean regrets, the way to the top, and how sure a difference from random is."""
    tested = POINTS.index(TESTED_AT)
    baseline = [one.regrets[tested] for one in results.get("random", ())]
    for strategy, of_one in results.items():
        reached = min(evaluations, SLOW.get(strategy, (0, evaluations))[1])
        regrets = [fmean(one.regrets[place] for one in of_one) for place in range(len(POINTS))]
        cells = [f"{regret:.4f}" if point <= reached else "-" for point, regret in zip(POINTS, regrets, strict=True)]
        steps = median(one.to_the_top for one in of_one)
        ends = [one.regrets[tested] for one in of_one]
        p = "-" if strategy == "random" or not baseline else f"{mannwhitneyu(ends, baseline).pvalue:.1g}"
        top = f"{steps:.0f}" if steps != float("inf") else f"> {reached}"
        yield f"| {given.table} {given.task} | {strategy} ({len(of_one)}) | {' | '.join(cells)} | {top} | {p} |"


def main() -> None:
    """Print the table, problem by problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--evaluations", type=int, default=POINTS[-1])
    parser.add_argument("--strategies", type=lambda text: text.split(","), default=list(STRATEGIES))
    parser.add_argument("--tables", type=lambda text: text.split(","), default=list(TABLES))
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=list(TASKS))
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    print(f"{machine()}; regret after {', '.join(map(str, POINTS))} evaluations; p against random at {TESTED_AT}")
    print(f"| problem | strategy (seeds) | {' | '.join(map(str, POINTS))} | evaluations to the top | p |")
    print(f"| --- | --- |{' --- |' * (len(POINTS) + 2)}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="nasfleet-transnas-") as folder,
        ProcessPoolExecutor(chosen.processes, mp_context=get_context("spawn")) as pool,
    ):
        for table in chosen.tables:
            for task in chosen.tasks:
                given = problem(chosen.folder, table, task)
                for line in lines(given, study(given, chosen, pool, Path(folder)), chosen.evaluations):
                    print(line, flush=True)


if __name__ == "__main__":
    main()

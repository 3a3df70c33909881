"""Which strategy finds good architectures with fewest evaluations? On both tables of TransNAS-Bench-101 (Duan et al. 2021).

    python ../shared/data/unpack.py DATA        # or your own copy: DATA/transbench101/{macro,micro}.csv
    python benchmarks/transnas.py DATA/transbench101 [--seeds 100] [--evaluations 1000] [--strategies random,evolution]
        [--tables macro,micro] [--tasks jigsaw,normal] [--picture FILE]

Each line is one table and task: searches simulated in this process (`nasfleet_cli.comparing`), eight trials at once, the reward
being the table's validation figure, accuracies as fractions. The macro table has architectures of four to six modules, of which
not all strings of modules are there: a string that is not settles as a model failure with the worst reward of the table (see
FAILURE_IS_ORDINARY), from which a strategy may learn, and is no evaluation. Regret is what the best so far lacks of the table's
best; the top is its best 0.1 %, and on the way there only different architectures count.

p is of Mann and Whitney's test of the regrets after 200 evaluations, one against random search (of less regret) and one against
evolution (of any difference). The picture has a panel for each table and task: mean regret against evaluations, with the
standard error.
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

import numpy as np
from matplotlib.figure import Figure
from running import machine
from scipy.stats import mannwhitneyu

from nasfleet import document
from nasfleet.spaces.canonical import tokens_hash
from nasfleet_cli.comparing.pictures import draw_band, written
from nasfleet_cli.comparing.runs import SettledTrial
from nasfleet_cli.comparing.scores import mean_band
from nasfleet_cli.comparing.simulation import simulate

TABLES = ("macro", "micro")
TASKS = ("class_scene", "class_object", "room_layout", "jigsaw", "segmentsemantic", "normal", "autoencoder")
PER_CENT = frozenset({"class_scene", "class_object", "jigsaw", "segmentsemantic"})
POINTS = (50, 100, 200, 500, 1000)
TESTED_AT = 200
TOP_SHARE = 0.001
MODULES = (1, 2, 3, 4)
STRATEGIES = {
    "random": "strategy: {random: {batchSize: 8}}",
    "evolution": "strategy: {evolution: {}}",
    "tuned evolution": "strategy: {evolution: {population: 20, sampleSize: 5}}\n  duplicates: Resample",
    "tpe": "strategy: {bayesian: {sampler: Tpe}}",
    "gaussian process": "strategy: {bayesian: {sampler: GaussianProcess}}",
    "paper's reinforce": "strategy: {reinforce: {}}",
    "tuned reinforce": (
        "strategy: {reinforce: {learningRate: 1e-2, batchSize: 16, ppoPasses: 6, baselineDecay: 0.9}}\n  duplicates: Resample"
    ),
}
FAILURE_IS_ORDINARY = frozenset({"tuned reinforce"})
"""Whose failures have the table's median reward in place of its worst, which would be all that a policy hears of."""
SLOW = {"tpe": (10, 200), "gaussian process": (10, 200)}
"""Seeds and evaluations, at most, of those that take long for each proposal."""


@dataclass(frozen=True, slots=True, eq=False)
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

    def failure_reward(self, strategy: str) -> float:
        """Return the reward of what is not in the table."""
        return median(self.rewards.values()) if strategy in FAILURE_IS_ORDINARY else min(self.rewards.values())

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
  {STRATEGIES[strategy]}
  task: {{tabular: {{file: {file.name}}}}}
  budget: {{trials: {evaluations if given.table == "micro" else 3 * evaluations}}}
  trial: {{failureReward: {given.failure_reward(strategy)!r}, retries: {{modelFailure: 0}}}}
"""
    ).spec
    known = {tokens_hash(tokens) for tokens in given.rewards}
    measured = [trial for trial in simulate(replace(spec, seed=seed), folder) if trial.architecture in known]
    return measured[:evaluations]


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found: its regret after each evaluation, and how many different ones it took to the top."""

    regrets: tuple[float, ...]
    to_the_top: float

    def after(self, evaluations: int) -> float:
        """Return the regret then, or at its end if that was earlier."""
        return self.regrets[min(evaluations, len(self.regrets)) - 1]


def found(given: Problem, trials: Sequence[SettledTrial]) -> Found:
    """Return the figures of one search; infinitely many evaluations if it did not get to the top."""
    best, seen, to_the_top = float("-inf"), set[str](), float("inf")
    regrets = []
    for trial in trials:
        assert trial.reward is not None
        seen.add(trial.architecture)
        best = max(best, trial.reward)
        regrets.append(given.best - best)
        if best >= given.top:
            to_the_top = min(to_the_top, len(seen))
    return Found(tuple(regrets), to_the_top)


def _one(given: Problem, strategy: str, evaluations: int, seed: int, folder: Path) -> Found:
    return found(given, search(given, strategy, evaluations, seed, folder))


def study(given: Problem, chosen: argparse.Namespace, pool: ProcessPoolExecutor, folder: Path) -> dict[str, list[Found]]:
    """Return what each strategy found with each seed."""
    jobs = {}
    for strategy in chosen.strategies:
        seeds, evaluations = SLOW.get(strategy, (chosen.seeds, chosen.evaluations))
        seeds, evaluations = min(seeds, chosen.seeds), min(evaluations, chosen.evaluations)
        jobs[strategy] = [pool.submit(_one, given, strategy, evaluations, seed, folder) for seed in range(seeds)]
    return {strategy: [job.result() for job in of_one] for strategy, of_one in jobs.items()}


def lines(given: Problem, results: Mapping[str, Sequence[Found]], evaluations: int) -> Iterator[str]:
    """Yield the rows of a table in Markdown: mean regrets, the way to the top, and how sure the differences are."""
    for strategy, of_one in results.items():
        reached = min(evaluations, SLOW.get(strategy, (0, evaluations))[1])
        cells = [f"{fmean(one.after(point) for one in of_one):.4f}" if point <= reached else "-" for point in POINTS]
        steps = median(one.to_the_top for one in of_one)
        top = f"{steps:.0f}" if steps != float("inf") else f"> {reached}"
        ps = [_p(of_one, results.get(other, ()), side) for other, side in (("random", "less"), ("evolution", "two-sided"))]
        yield f"| {given.table} {given.task} | {strategy} ({len(of_one)}) | {' | '.join([*cells, top, *ps])} |"


def _p(ones: Sequence[Found], others: Sequence[Found], side: str) -> str:
    if not others or ones is others:
        return "-"
    ends = [[one.after(TESTED_AT) for one in side_of] for side_of in (ones, others)]
    return f"{mannwhitneyu(*ends, alternative=side).pvalue:.1g}"


def draw(studies: Mapping[Problem, Mapping[str, Sequence[Found]]], picture: Path) -> None:
    """Write the picture as SVG and PNG."""
    tasks = list(dict.fromkeys(given.task for given in studies))
    tables = list(dict.fromkeys(given.table for given in studies))
    shape = (len(tables), len(tasks))
    figure = Figure(figsize=(3.2 * shape[1], 3 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, squeeze=False)
    for given, results in studies.items():
        panel = panels[tables.index(given.table)][tasks.index(given.task)]
        panel.set(title=f"{given.table} {given.task}", yscale="log")
        for strategy, of_one in results.items():
            length = min(len(one.regrets) for one in of_one)
            table = np.array([one.regrets[:length] for one in of_one])
            draw_band(panel, mean_band(np.arange(1.0, length + 1), table), strategy)
    for row in panels:
        row[0].set_ylabel("mean regret")
    for panel in panels[-1]:
        panel.set_xlabel("evaluations")
    panels[0][-1].legend(fontsize=7)
    picture.parent.mkdir(parents=True, exist_ok=True)
    written(figure, picture)


def main() -> None:
    """Print the table, problem by problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--evaluations", type=int, default=POINTS[-1])
    parser.add_argument("--strategies", type=lambda text: text.split(","), default=list(STRATEGIES))
    parser.add_argument("--tables", type=lambda text: text.split(","), default=list(TABLES))
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=list(TASKS))
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    print(f"{machine()}; regret after {', '.join(map(str, POINTS))} evaluations; p at {TESTED_AT}")
    print(f"| problem | strategy (seeds) | {' | '.join(map(str, POINTS))} | to the top | p < random | p = evolution |")
    print(f"| --- | --- |{' --- |' * (len(POINTS) + 3)}", flush=True)
    studies = {}
    with (
        tempfile.TemporaryDirectory(prefix="nasfleet-transnas-") as folder,
        ProcessPoolExecutor(chosen.processes, mp_context=get_context("spawn")) as pool,
    ):
        for table in chosen.tables:
            for task in chosen.tasks:
                given = problem(chosen.folder, table, task)
                studies[given] = study(given, chosen, pool, Path(folder))
                for line in lines(given, studies[given], chosen.evaluations):
                    print(line, flush=True)
    if chosen.picture:
        draw(studies, chosen.picture)


if __name__ == "__main__":
    main()

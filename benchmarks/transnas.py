"""Which strategy finds good architectures with fewest evaluations? On both tables of TransNAS-Bench-101 (Duan et al. 2021).

    python ../shared/data/unpack.py DATA        # or your own copy: DATA/transbench101/{macro,micro}.csv
    python benchmarks/transnas.py DATA/transbench101 [--seeds 100] [--evaluations 1000] [--strategies random,evolution]
        [--tables macro,micro] [--tasks jigsaw,normal] [--results FILE] [--picture FILE]

Each line is one table and task: searches simulated in this process (`nasfleet_cli.comparing`), eight trials at once, the reward
being the table's validation figure, accuracies as fractions. The macro table has architectures of four to six modules, of which
not all strings of modules are there: a string that is not settles as a model failure with the worst reward of the table (see
FAILURE_IS_ORDINARY), from which a strategy may learn, and is no evaluation. Regret is what the best so far lacks of the table's
best; the top is its best 0.1 %, and on the way there only different architectures count.

All of it takes many hours of a processor, so each search's figures are written to a file as soon as they are there, seeds in
turn, and the same command goes on where it was ended.

At the end, for each table: how much of random search's mean regret each strategy leaves, as a mean over the tasks.

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
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import product
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
CURVE = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
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
SLOW = {"tpe": (100, 200), "gaussian process": (10, 200)}
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
  budget: {{trials: {evaluations if given.table == "micro" else 2 * evaluations}}}
  trial: {{failureReward: {given.failure_reward(strategy)!r}, retries: {{modelFailure: 0}}}}
"""
    ).spec
    known = {tokens_hash(tokens) for tokens in given.rewards}
    measured = [trial for trial in simulate(replace(spec, seed=seed), folder) if trial.architecture in known]
    return measured[:evaluations]


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found: its regret after `CURVE` evaluations, and how many different ones it took to the top."""

    regrets: tuple[float, ...]
    to_the_top: float

    def after(self, evaluations: int) -> float:
        """Return the regret then, or at its end if that was earlier."""
        return self.regrets[min(CURVE.index(evaluations), len(self.regrets) - 1)]


def found(given: Problem, trials: Sequence[SettledTrial]) -> Found:
    """Return the figures of one search; infinitely many evaluations if it did not get to the top."""
    best, seen, to_the_top = float("-inf"), set[str](), float("inf")
    regrets = []
    for count, trial in enumerate(trials, 1):
        assert trial.reward is not None
        seen.add(trial.architecture)
        best = max(best, trial.reward)
        if count in CURVE or count == len(trials):
            regrets.append(given.best - best)
        if best >= given.top:
            to_the_top = min(to_the_top, len(seen))
    return Found(tuple(regrets), to_the_top)


def reach(strategy: str, evaluations: int) -> int:
    """Return how many of these evaluations a search by a strategy makes."""
    return min(evaluations, SLOW.get(strategy, (0, evaluations))[1])


Job = tuple[str, str, str, int]
"""Table, task, strategy and seed."""


def jobs(chosen: argparse.Namespace) -> Iterator[Job]:
    """Yield all searches, the first seed of every strategy on every problem before the second of any."""
    for seed, table, task, strategy in product(range(chosen.seeds), chosen.tables, chosen.tasks, chosen.strategies):
        if seed < SLOW.get(strategy, (chosen.seeds, 0))[0]:
            yield table, task, strategy, seed


def known(results: Path) -> dict[Job, Found]:
    """Return what earlier runs wrote."""
    if not results.exists():
        return {}
    with results.open(encoding="utf-8", newline="") as file:
        return {
            (table, task, strategy, int(seed)): Found(tuple(map(float, regrets.split())), float(top))
            for table, task, strategy, seed, top, regrets in csv.reader(file)
        }


def study(chosen: argparse.Namespace) -> dict[Job, Found]:
    """Run the searches that have not been run, and return what all of them found."""
    done = known(chosen.results)
    missing = [job for job in jobs(chosen) if job not in done]
    problems = {at: problem(chosen.folder, *at) for at in product(chosen.tables, chosen.tasks)}
    with (
        tempfile.TemporaryDirectory(prefix="nasfleet-transnas-") as folder,
        ProcessPoolExecutor(chosen.processes, mp_context=get_context("spawn")) as pool,
        chosen.results.open("a", encoding="utf-8", newline="") as file,
    ):
        rows, running = csv.writer(file), dict[Future[Found], Job]()
        for job in missing:
            table, task, strategy, seed = job
            evaluations = reach(strategy, chosen.evaluations)
            running[pool.submit(_one, problems[table, task], strategy, evaluations, seed, Path(folder))] = job
        for future in as_completed(running):
            job, one = running[future], future.result()
            rows.writerow([*job, one.to_the_top, " ".join(f"{regret:.5g}" for regret in one.regrets)])
            file.flush()
            done[job] = one
    return done


def _one(given: Problem, strategy: str, evaluations: int, seed: int, folder: Path) -> Found:
    return found(given, search(given, strategy, evaluations, seed, folder))


def lines(table: str, task: str, results: Mapping[str, Sequence[Found]], evaluations: int) -> Iterator[str]:
    """Yield the rows of a table in Markdown: mean regrets, the way to the top, and how sure the differences are."""
    for strategy, of_one in results.items():
        reached = reach(strategy, evaluations)
        cells = [f"{_mean(of_one, point):.4f}" if point <= reached else "-" for point in POINTS]
        steps = median(one.to_the_top for one in of_one)
        top = f"{steps:.0f}" if steps != float("inf") else f"> {reached}"
        ps = [_p(of_one, results.get(other, ()), side) for other, side in (("random", "less"), ("evolution", "two-sided"))]
        yield f"| {table} {task} | {strategy} ({len(of_one)}) | {' | '.join([*cells, top, *ps])} |"


def _p(ones: Sequence[Found], others: Sequence[Found], side: str) -> str:
    if not others or ones is others:
        return "-"
    ends = [[one.after(TESTED_AT) for one in side_of] for side_of in (ones, others)]
    return f"{mannwhitneyu(*ends, alternative=side).pvalue:.1g}"


Studies = Mapping[tuple[str, str], Mapping[str, Sequence[Found]]]
"""What strategies found, by table and task."""


def shares(studies: Studies, table: str, evaluations: int) -> Iterator[str]:
    """Yield the rows of a table in Markdown: how much of random search's mean regret is left, as a mean over the tasks."""
    of_tasks = [results for (of_table, _), results in studies.items() if of_table == table and "random" in results]
    for strategy in dict.fromkeys(name for results in of_tasks for name in results):
        reached = reach(strategy, evaluations)
        cells = []
        for point in POINTS:
            pairs = [
                [_mean(results[name], point) for name in (strategy, "random")] for results in of_tasks if strategy in results
            ]
            left = [own / other for own, other in pairs if other > 0]
            cells.append(f"{fmean(left):.2f}" if point <= reached and left else "-")
        yield f"| {table} | {strategy} | {' | '.join(cells)} |"


def _mean(ones: Sequence[Found], point: int) -> float:
    return fmean(one.after(point) for one in ones)


def draw(studies: Studies, picture: Path) -> None:
    """Write the picture as SVG and PNG."""
    tables, tasks = (list(dict.fromkeys(names)) for names in zip(*studies, strict=True))
    shape = (len(tables), len(tasks))
    figure = Figure(figsize=(3.2 * shape[1], 3 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, squeeze=False)
    for (table, task), results in studies.items():
        panel = panels[tables.index(table)][tasks.index(task)]
        panel.set(title=f"{table} {task}", yscale="log", xscale="log")
        for strategy, of_one in results.items():
            length = min(len(one.regrets) for one in of_one)
            curves = np.array([one.regrets[:length] for one in of_one])
            draw_band(panel, mean_band(np.array(CURVE[:length], dtype=float), curves), strategy)
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
    parser.add_argument("--results", type=Path, default=Path("transnas.csv"), help="file of what was found [%(default)s]")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    print(f"{machine()}; regret after {', '.join(map(str, POINTS))} evaluations; p at {TESTED_AT}")
    print(f"| problem | strategy (seeds) | {' | '.join(map(str, POINTS))} | to the top | p < random | p = evolution |")
    print(f"| --- | --- |{' --- |' * (len(POINTS) + 3)}", flush=True)
    done = study(chosen)
    studies = defaultdict[tuple[str, str], dict[str, list[Found]]](dict)
    for table, task, strategy, seed in jobs(chosen):
        studies[table, task].setdefault(strategy, []).append(done[table, task, strategy, seed])
    for (table, task), results in studies.items():
        for line in lines(table, task, results, chosen.evaluations):
            print(line)
    print(
        f"\n| table | share of random search's regret | {' | '.join(map(str, POINTS))} |\n| --- | --- |{' --- |' * len(POINTS)}"
    )
    for table in chosen.tables:
        for line in shares(studies, table, chosen.evaluations):
            print(line)
    if chosen.picture:
        draw(studies, chosen.picture)


if __name__ == "__main__":
    main()

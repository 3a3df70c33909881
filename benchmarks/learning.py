"""Does a search learn? A file's search beside random search over the same space and task, through the whole system.

    python benchmarks/learning.py                                          # examples/digits.yaml
    python benchmarks/learning.py benchmarks/reduced_ptb.yaml --data-dir FOLDER-WITH-PTB

Every run is `nasfleet run`: real gRPC, real trainers; only the strategy and the seed differ. Printed for each seed: the mean
reward of the first and of the last fifth of the trials of `reinforce`, the mean of random search's last fifth, and the
one-sided p-value of Welch's t-test between the two last ones; the trials and the seconds until the first network at least as
good as `--satisfying` (the default is what one of twenty networks drawn at random reaches, over all seeds).

The picture shows how much reinforcement there is: the mean reward of each update's batch beside random search's, and the
policy's entropy, as means over the seeds with standard errors; and for the first seed how often each option was taken, in
tenths of the search.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median, quantiles, stdev
from typing import Any

from running import machine
from scipy.stats import ttest_ind

from nasfleet import document
from nasfleet.catalogue import Random, Reinforce, SearchDocument
from nasfleet.names import SearchName
from nasfleet.spaces.building import build_space
from nasfleet.spaces.decision import Choice, Index
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store
from nasfleet_controller.store.trials import StoredTrial

ROOT = Path(__file__).resolve().parent.parent
WINDOWS = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One search: its trials that have a reward, in the order of their proposals; the entropy of each update, in nats."""

    trials: tuple[StoredTrial, ...]
    entropies: tuple[float, ...]
    seconds: float

    @property
    def rewards(self) -> list[float]:
        """Return the rewards."""
        return [trial.reward for trial in self.trials if trial.reward is not None]

    def until(self, reward: float) -> tuple[float, float]:
        """Return after how many settled trials, and seconds since the first proposal, there was one as good as that."""
        ended = sorted((trial.ended_at or 0.0, trial.reward or 0.0) for trial in self.trials)
        began = min(trial.proposed_at for trial in self.trials)
        reached = ((count, at - began) for count, (at, found) in enumerate(ended, 1) if found >= reward)
        return next(reached, (float("inf"), float("inf")))


def run(searched: SearchDocument, strategy: Reinforce | Random, seed: int, options: Sequence[str]) -> Run:
    """Run a search through the whole system."""
    spec = replace(searched.spec, strategy=strategy, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        file, database = Path(folder) / "search.yaml", Path(folder) / "nasfleet.db"
        file.write_text(document.dump(replace(searched, spec=spec)))
        command = [sys.executable, "-m", "nasfleet_cli", "run", str(file), "--state", folder, "--plain", *options]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        with Store(f"sqlite:///{database}") as store:
            page = store.results.page(TrialQuery(SearchName(searched.namespace, searched.name)), 1000)
        with sqlite3.connect(database) as connection:
            entropies = [entropy for (entropy,) in connection.execute("SELECT entropy FROM policy_updates ORDER BY version")]
    return Run(tuple(trial for trial in page.trials if trial.reward is not None), tuple(entropies), seconds)


def line(seed: int, learned: Run, drawn: Run) -> str:
    """Return the row of one seed."""
    edge = len(learned.rewards) // 5
    first, last, other = learned.rewards[:edge], learned.rewards[-edge:], drawn.rewards[-edge:]
    p = ttest_ind(last, other, equal_var=False, alternative="greater").pvalue
    return (
        f"| {seed} | {fmean(first):.4g} | {fmean(last):.4g} | {max(learned.rewards):.4g} | {learned.seconds:.0f} "
        f"| {fmean(other):.4g} | {max(drawn.rewards):.4g} | {drawn.seconds:.0f} | {p:.1g} |"
    )


def draw(searched: SearchDocument, learned: Sequence[Run], drawn: Sequence[Run], batch: int, picture: Path) -> None:
    """Write the picture as SVG and PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    labels, shares = marginals(searched, learned[0])
    height = max(4.4, 0.1 * len(labels))  # inches, so that the options can be read
    figure, (reward, entropy, taken) = plt.subplots(1, 3, figsize=(15, height), layout="constrained")
    for name, runs, color in (("reinforce", learned, "C0"), ("random", drawn, "C7")):
        band(
            reward,
            [[fmean(one.rewards[at : at + batch]) for at in range(0, len(one.rewards), batch)] for one in runs],
            color,
            name,
        )
    band(entropy, [one.entropies for one in learned], "C0", "reinforce")
    reward.set(xlabel=f"update ({batch} networks each)", ylabel="mean reward of the batch")
    entropy.set(xlabel="update", ylabel="entropy of the policy, nats per decision", ylim=(0, None))
    reward.legend()
    shown = taken.imshow(shares, aspect="auto", vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
    taken.set(yticks=range(len(labels)), xlabel="tenth of the search", title="how often each option was taken (first seed)")
    taken.set_yticklabels(labels, fontsize=5)
    figure.colorbar(shown, ax=taken)
    picture.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".svg", ".png"):
        figure.savefig(picture.with_suffix(suffix), dpi=110)


def band(panel: Any, curves: Sequence[Sequence[float]], color: str, name: str) -> None:
    """Draw the mean of curves, as far as all of them go, with a band of one standard error."""
    length = min(map(len, curves))
    columns = [[curve[at] for curve in curves] for at in range(length)]
    means = [fmean(column) for column in columns]
    errors = [stdev(column) / len(column) ** 0.5 if len(column) > 1 else 0.0 for column in columns]
    panel.plot(means, color=color, label=name)
    lower, upper = ([m + sign * e for m, e in zip(means, errors, strict=True)] for sign in (-1, 1))
    panel.fill_between(range(length), lower, upper, color=color, alpha=0.25, linewidth=0)


def marginals(searched: SearchDocument, learned: Run) -> tuple[list[str], list[list[float]]]:
    """Return for each option of each decision how often it was taken in each tenth of a search, and what it is called."""
    decisions = build_space(searched.spec.search_space).decisions
    bounds = [round(len(learned.trials) * part / WINDOWS) for part in range(WINDOWS + 1)]
    windows = [learned.trials[begin:end] for begin, end in pairwise(bounds)]
    labels: list[str] = []
    shares: list[list[float]] = []
    column = 0
    for decision in decisions:
        if isinstance(decision, Choice | Index):
            named = decision.options if isinstance(decision, Choice) else range(decision.bound)
            for token, option in enumerate(named):
                labels.append(f"{decision.name}: {option}")
                shares.append([fmean(trial.tokens[column] == token for trial in window) for window in windows])
        column += decision.width
    return labels, shares


def main() -> None:
    """Run all seeds, print a line for each, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=ROOT / "examples" / "digits.yaml")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trainers", type=int, default=4)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--satisfying", type=float)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    searched = document.load(chosen.file.read_text())
    strategy = searched.spec.strategy
    assert isinstance(strategy, Reinforce)
    options = ["--trainers", str(chosen.trainers), "--device", "cpu"]
    options += ["--data-dir", str(chosen.data_dir.resolve())] if chosen.data_dir else []
    print(f"{machine()}; {chosen.file.name}, {searched.spec.budget.trials} trials, {chosen.trainers} trainers")
    print("| Seed | First fifth | Last fifth | Best | Seconds | Random: last fifth | Best | Seconds | p |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    learned, drawn = [], []
    for seed in range(chosen.seeds):
        learned.append(run(searched, strategy, seed, options))
        drawn.append(run(searched, Random(batch_size=strategy.batch_size), seed, options))
        print(line(seed, learned[-1], drawn[-1]), flush=True)
    ends, others = ([fmean(one.rewards[-len(one.rewards) // 5 :]) for one in runs] for runs in (learned, drawn))
    p = ttest_ind(ends, others, equal_var=False, alternative="greater").pvalue
    print(f"means of the last fifth, over the seeds: one-sided p {p:.2g}")
    level = chosen.satisfying or quantiles([reward for one in drawn for reward in one.rewards], n=20)[-1]
    for name, runs in (("reinforce", learned), ("random", drawn)):
        trials, seconds = (median(column) for column in zip(*(one.until(level) for one in runs), strict=True))
        above = fmean(reward >= level for one in runs for reward in one.rewards)
        print(f"{name}: {trials:.0f} trials, {seconds:.0f} s until a reward of {level:.4g}; {100 * above:.0f} % of all as good")
    if chosen.picture:
        draw(searched, learned, drawn, strategy.batch_size, chosen.picture)


if __name__ == "__main__":
    main()

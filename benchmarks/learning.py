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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median, quantiles

import numpy as np
from matplotlib.figure import Figure
from running import machine, run_search
from scipy.stats import ttest_ind

from nasfleet import document
from nasfleet.catalogue import Random, Reinforce, SearchDocument
from nasfleet.spaces.building import build_space
from nasfleet.spaces.decision import Choice, Index
from nasfleet_cli.comparing.pictures import draw_band, written
from nasfleet_cli.comparing.scores import Band, mean_band
from nasfleet_controller.store.trials import StoredTrial

ROOT = Path(__file__).resolve().parent.parent
WINDOWS = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One search: its trials that have a reward, and these, in the order of their proposals; the entropy of each update."""

    trials: tuple[StoredTrial, ...]
    rewards: tuple[float, ...]
    entropies: tuple[float, ...]
    seconds: float

    def end(self) -> tuple[float, ...]:
        """Return the last fifth of the rewards."""
        return self.rewards[-(len(self.rewards) // 5) :]

    def until(self, reward: float) -> tuple[float, float]:
        """Return after how many settled trials, and seconds since the first proposal, there was one as good as that."""
        ended = sorted((trial.ended_at or 0.0, found) for trial, found in zip(self.trials, self.rewards, strict=True))
        began = min(trial.proposed_at for trial in self.trials)
        reached = ((count, at - began) for count, (at, found) in enumerate(ended, 1) if found >= reward)
        return next(reached, (float("inf"), float("inf")))


def run(searched: SearchDocument, strategy: Reinforce | Random, seed: int, options: Sequence[str]) -> Run:
    """Run a search with another strategy and seed."""
    spec = replace(searched.spec, strategy=strategy, seed=seed)
    made = run_search(replace(searched, spec=spec), *options)
    rewarded = [(trial, trial.reward) for trial in made.trials if trial.reward is not None]
    trials, rewards = zip(*rewarded, strict=True)
    return Run(trials, rewards, made.entropies, made.seconds)


def line(seed: int, learned: Run, drawn: Run) -> str:
    """Return the row of one seed."""
    last, other = learned.end(), drawn.end()
    first = learned.rewards[: len(last)]
    p = ttest_ind(last, other, equal_var=False, alternative="greater").pvalue
    return (
        f"| {seed} | {fmean(first):.4g} | {fmean(last):.4g} | {max(learned.rewards):.4g} | {learned.seconds:.0f} "
        f"| {fmean(other):.4g} | {max(drawn.rewards):.4g} | {drawn.seconds:.0f} | {p:.1g} |"
    )


def draw(searched: SearchDocument, learned: Sequence[Run], drawn: Sequence[Run], batch: int, picture: Path) -> None:
    """Write the picture as SVG and PNG."""
    labels, shares = marginals(searched, learned[0])
    height = max(4.4, 0.1 * len(labels))  # inches, so that the options can be read
    figure = Figure(figsize=(15, height), layout="constrained")
    reward, entropy, taken = figure.subplots(1, 3)
    for name, runs in (("reinforce", learned), ("random", drawn)):
        by_batch = [[fmean(one.rewards[at : at + batch]) for at in range(0, len(one.rewards), batch)] for one in runs]
        draw_band(reward, of_updates(by_batch), name)
    draw_band(entropy, of_updates([one.entropies for one in learned]), "reinforce")
    reward.set(xlabel=f"update ({batch} networks each)", ylabel="mean reward of the batch")
    entropy.set(xlabel="update", ylabel="entropy of the policy, nats per decision", ylim=(0, None))
    reward.legend()
    shown = taken.imshow(shares, aspect="auto", vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
    taken.set(yticks=range(len(labels)), xlabel="tenth of the search", title="how often each option was taken (first seed)")
    taken.set_yticklabels(labels, fontsize=5)
    figure.colorbar(shown, ax=taken)
    picture.parent.mkdir(parents=True, exist_ok=True)
    written(figure, picture)


def of_updates(curves: Sequence[Sequence[float]]) -> Band:
    """Return the mean of curves over the updates, as far as all of them go."""
    length = min(map(len, curves))
    return mean_band(np.arange(length, dtype=float), np.array([curve[:length] for curve in curves]))


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
    ends, others = ([fmean(one.end()) for one in runs] for runs in (learned, drawn))
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

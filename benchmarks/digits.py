"""Does the demonstration learn? The search of examples/digits.yaml beside random search, through the whole system.

    python benchmarks/digits.py [--seeds 5]

Every run is `nasfleet run` with two trainers, over the same space and task; only the strategy and the seed differ. Printed for
each seed: the mean reward of the first and of the last 40 trials of `reinforce`, the mean of random search's last 40, and the
one-sided p-value of Welch's t-test between the two last ones.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean

from scipy.stats import ttest_ind

from nasfleet import document
from nasfleet.catalogue import Random, Reinforce, SearchDocument
from nasfleet.names import SearchName
from nasfleet_controller.store.results import TrialQuery
from nasfleet_controller.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
EDGE = 40


def rewards(searched: SearchDocument, strategy: Reinforce | Random, seed: int) -> tuple[list[float], float]:
    """Run a search; return the rewards of its trials in the order of their proposals, and the wall time in seconds."""
    spec = replace(searched.spec, strategy=strategy, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "search.yaml"
        file.write_text(document.dump(replace(searched, spec=spec)))
        command = [sys.executable, "-m", "nasfleet_cli", "run", str(file), "--state", folder, "--plain"]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        with Store(f"sqlite:///{Path(folder) / 'nasfleet.db'}") as store:
            page = store.results.page(TrialQuery(SearchName(searched.namespace, searched.name)), 1000)
    return [trial.reward for trial in page.trials if trial.reward is not None], seconds


def main() -> None:
    """Run all seeds and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    searched = document.load((ROOT / "examples" / "digits.yaml").read_text())
    strategy = searched.spec.strategy
    assert isinstance(strategy, Reinforce)
    print("seed | first 40 | last 40 | best   | seconds | random: last 40 | best   | seconds | p")
    for seed in range(chosen.seeds):
        learned, seconds = rewards(searched, strategy, seed)
        drawn, random_seconds = rewards(searched, Random(batch_size=strategy.batch_size), seed)
        p = ttest_ind(learned[-EDGE:], drawn[-EDGE:], equal_var=False, alternative="greater").pvalue
        print(
            f"{seed:4d} | {mean(learned[:EDGE]):8.3f} | {mean(learned[-EDGE:]):7.3f} | {max(learned):.4f} | {seconds:7.0f} "
            f"| {mean(drawn[-EDGE:]):15.3f} | {max(drawn):.4f} | {random_seconds:7.0f} | {p:.1g}",
            flush=True,
        )


if __name__ == "__main__":
    main()

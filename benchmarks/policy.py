"""How many architectures a second the policy proposes, and learns from, on one core of this machine.

    python benchmarks/policy.py

The policy is the paper's: an LSTM of two layers with 35 units. It works in one thread; seconds are those of its processor, so
that other work on the machine matters less. Figures are medians of five; the last line is all of it as JSON.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nasfleet.catalogue import ConvChain, Reinforce, SearchSpaceSection
from nasfleet_controller.strategies.reinforce import build_reinforce
from nasfleet_controller.strategies.strategy import Credit

REPEATS = 5
LEAST_SECONDS = 0.5
MARK = 2000
SPACES = {
    "6 layers with skips": ConvChain(layers=6),
    "10 layers with skips": ConvChain(layers=10),
    "20 layers with strides": ConvChain(layers=20, skip_connections=False, strides=True),
    "15 layers with skips": ConvChain(layers=15),
}
BATCH_SIZES = (8, 100, 800)


@dataclass(frozen=True, slots=True)
class Figure:
    """One space and batch size: architectures per second, proposed and learned from."""

    space: str
    tokens: int
    batch: int
    proposed_per_second: float
    learned_per_second: float


def calls_per_second(call: Callable[[], object]) -> float:
    """Return the median rate of five runs of at least half a second each."""
    call()
    rates = []
    for _ in range(REPEATS):
        calls, started = 0, time.process_time()
        while (seconds := time.process_time() - started) < LEAST_SECONDS:
            call()
            calls += 1
        rates.append(calls / seconds)
    return statistics.median(rates)


def measure(name: str, chain: ConvChain, batch: int) -> Figure:
    """Return the figures of one space and batch size."""
    strategy = build_reinforce(SearchSpaceSection(space=chain), Reinforce(batch_size=batch), seed=1)
    drawn = strategy.propose(0, 0, batch)
    earned = [Credit(number, tokens, None, float(number % 2), 0) for number, tokens in enumerate(drawn)]
    proposed = batch * calls_per_second(lambda: strategy.propose(0, 0, batch))
    learned = batch * calls_per_second(lambda: strategy.observe(earned))
    return Figure(name, len(drawn[0]), batch, round(proposed), round(learned))


def machine() -> str:
    """Return the processor's name, where it is to be had, and what runs on it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"


def main() -> None:
    """Print a table, and all of it once more as JSON."""
    print(f"{machine()}; one thread, load {os.getloadavg()[0]:.1f}")
    print(f"{'space':24}{'tokens':>8}{'batch':>8}{'proposed/s':>12}{'learned/s':>12}")
    figures = []
    for name, chain in SPACES.items():
        for batch in BATCH_SIZES:
            figure = measure(name, chain, batch)
            print(
                f"{name:24}{figure.tokens:8}{batch:8}{figure.proposed_per_second:12,.0f}{figure.learned_per_second:12,.0f}",
                flush=True,
            )
            figures.append(figure)
    print(json.dumps({"machine": machine(), "mark": MARK, "load": os.getloadavg()[0], "figures": [*map(asdict, figures)]}))


if __name__ == "__main__":
    main()

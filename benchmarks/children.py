"""What the children of a search cost on this machine, and how much of what they measure is architecture and not luck.

    python benchmarks/children.py examples/digits.yaml --architectures 40 --seeds 3

Draws architectures at random, trains each from several seeds on one thread, and prints the seconds of a child and the standard
deviation of the reward over architectures beside that over seeds: with less than three to one a search learns mostly noise.
"""

import argparse
import random
import statistics
import time
from pathlib import Path

import torch

from nasfleet.catalogue.search import SearchSpec
from nasfleet.document import load
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.reward import reward_of
from nasfleet.spaces.building import build_space
from nasfleet.spaces.decision import Choice, Decision, Subset
from nasfleet_trainer.tasks.image_classification import ImageClassificationTask
from nasfleet_trainer.tasks.task import ChildRun


def drawn(decisions: tuple[Decision, ...], generator: random.Random) -> tuple[int, ...]:
    """Return tokens, each uniform over its choices."""
    ways = {Choice: lambda decision: len(decision.options), Subset: lambda _: 2}
    return tuple(
        generator.randrange(ways.get(type(decision), lambda one: one.candidates)(decision))
        for decision in decisions
        for _ in range(decision.width)
    )


class Children:
    """Trains the children of one search in this process."""

    def __init__(self, spec: SearchSpec, device: str, data_dir: Path | None) -> None:
        self.space = build_space(spec.search_space)
        self._spec, self._device, self._data_dir = spec, device, data_dir
        self._task = ImageClassificationTask(spec.task)
        self.train((0,) * sum(decision.width for decision in self.space.decisions), 0)  # reads the images, warms up

    def train(self, tokens: tuple[int, ...], seed: int) -> tuple[Measurement, float]:
        """Return the measurement of a child and the processor seconds that it took."""
        trial = "namespaces/default/searches/benchmark/trials/0"
        run = ChildRun(self.space.decode(tokens), tokens, seed, self._spec, trial, self._device, self._data_dir)
        started = time.process_time()
        measurement = self._task.train(run, silent)
        return measurement, time.process_time() - started


def silent(_epoch: EpochMeasurement, *, examples: int | None = None) -> None:
    """Take an epoch and say nothing."""


def main() -> None:
    """Print the figures of one document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("document", type=Path)
    parser.add_argument("--architectures", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spec = load(arguments.document.read_text()).spec
    children = Children(spec, arguments.device, arguments.data_dir)
    generator = random.Random(1)
    rewards, processor_seconds, seconds = [], [], []
    for _ in range(arguments.architectures):
        tokens = drawn(children.space.decisions, generator)
        trained = [children.train(tokens, seed) for seed in range(arguments.seeds)]
        rewards.append([reward_of(spec.reward, measurement) for measurement, _ in trained])
        processor_seconds += [taken for _, taken in trained]
        seconds += [measurement.seconds for measurement, _ in trained]
    show(rewards, processor_seconds, seconds)


def show(rewards: list[list[float]], processor_seconds: list[float], seconds: list[float]) -> None:
    """Print what was measured; the seeds' share is taken out of the deviation over architectures."""
    means = [statistics.fmean(row) for row in rewards]
    of_seeds = statistics.fmean(statistics.variance(row) for row in rewards)
    of_architectures = max(0.0, statistics.variance(means) - of_seeds / len(rewards[0]))
    ratio = (of_architectures / of_seeds) ** 0.5
    print(f"a child: {statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s at most; ", end="")
    print(f"processor {statistics.median(processor_seconds):.2f} s, {max(processor_seconds):.2f} s at most")
    print(f"reward: mean {statistics.fmean(means):.3f}, best {max(means):.3f}, worst {min(means):.3f}")
    print(
        f"standard deviation: over architectures {of_architectures**0.5:.3f}, over seeds {of_seeds**0.5:.3f}, ratio {ratio:.1f}"
    )


if __name__ == "__main__":
    main()

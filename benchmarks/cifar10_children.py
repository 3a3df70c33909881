"""How fast a GPU trains the paper's CIFAR-10 children, one and several at once, and what the paper's 12,800 would cost.

    python benchmarks/cifar10_children.py                                      # depths 6, 12, 20; 1, 2 and 4 at once
    python benchmarks/cifar10_children.py --modes compiled --architectures 1   # Inductor takes minutes by itself
    python benchmarks/cifar10_children.py --device cpu --images 64 --depths 6 --children 1,2 --modes eager --seconds 1

Children are drawn at random from the space of Zoph & Le (2016) and train in the trainer's own slots, each a warm process, by
the task's recipe; images are random unless --data-dir holds CIFAR-10. `eager` is the trainer as it is. The others change it in
this file alone: `recorded` replays a CUDA graph of the whole step, `compiled` gives the network to torch.compile.

Once all that run at once have trained an epoch, each is timed by its next whole ones. Images per second are those of all of
them, trained on and measured on, nine to one as in the paper. Utilisation is the share of time in which any kernel ran, as
nvidia-smi says it; TFLOP/s are of the convolutions, an image that is trained on counted as three forward passes.
"""

import argparse
import asyncio
import itertools
import logging
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import structlog
import torch
from children import drawn
from running import machine
from torch import Tensor, nn

from nasfleet.catalogue import Budget, ConvChain, ImageClassification, PluginTask, Random, SearchSpaceSection, SearchSpec
from nasfleet.catalogue.search import Weights
from nasfleet.catalogue.tasks import Dataset
from nasfleet.codec import spec_to_proto
from nasfleet.measurement import Measurement
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.v1.fleet_pb2 import Assignment, SearchAnnouncement
from nasfleet.v1.trial_pb2 import EpochMeasurement, Failure
from nasfleet_trainer.searches import Place
from nasfleet_trainer.slot_process import Listeners, SlotProcess
from nasfleet_trainer.tasks import image_classification
from nasfleet_trainer.tasks.task import ChildRun, Report
from nasfleet_trainer.training import Training

# Zoph & Le 2016, section 4.1: 6 layers, two more every 1,600 children, 50 epochs of 45,000 images, measured on 5,000.
DEPTHS, CHILDREN_OF_A_DEPTH, EPOCHS, IMAGES = range(6, 21, 2), 1600, 50, 50_000
MARKS = (30, 11)  # days of one H200
PASSES = 0.9 * 3 + 0.1  # forwards for an image, nine of ten trained on
WARM_UP = 3  # steps before a recording, as torch's documentation has it
FENCES = itertools.count(1)
Seen = tuple[list[float], list[float], list[int]]


class Recorded(Training):
    """Replays a CUDA graph of the step, one for each size of batch; the step size stays as it was recorded."""

    def __init__(self, network: nn.Module, **given: Any) -> None:
        super().__init__(network, **given)
        self._recorded: dict[int, Callable[[Tensor, Tensor], Tensor]] = {}

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        if len(labels) not in self._recorded:
            self._recorded[len(labels)] = self._record(images.clone(), labels.clone())
        return self._recorded[len(labels)](images, labels)

    def _record(self, images: Tensor, labels: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                super()._step(images, labels)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        with torch.cuda.graph(graph):
            loss = super()._step(images, labels)

        def replay(new_images: Tensor, new_labels: Tensor) -> Tensor:
            images.copy_(new_images)
            labels.copy_(new_labels)
            graph.replay()
            return loss

        return replay


class Compiled(Training):
    """Has Inductor compile the network, for each size of batch; the optimiser and the augmentation stay eager."""

    def __init__(self, network: nn.Module, **given: Any) -> None:
        torch.compiler.reset()  # else all children of a slot count as one network, compiled too often
        network.compile(dynamic=False)
        super().__init__(network, **given)


MODES: dict[str, type[Training]] = {"eager": Training, "recorded": Recorded, "compiled": Compiled}


class ChangedTask(image_classification.ImageClassificationTask):
    """The trainer's task with another training; slots load it by its name."""

    def __init__(self, mode: str, images: float) -> None:
        super().__init__(recipe(int(images)))
        self._mode = mode

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the measurement of a child."""
        with patch.object(image_classification, "Training", MODES[self._mode]):
            return super().train(run, report)


def recipe(images: int) -> ImageClassification:
    """Return the paper's recipe with so many images, one of ten held out, and more epochs than there is time for."""
    trained = images * 9 // 10
    return ImageClassification(
        dataset=Dataset.CIFAR10, epochs=100_000, training_examples=trained, validation_examples=images - trained
    )


def announced(mode: str, depth: int, images: int) -> SearchAnnouncement:
    """Return the search that children of this depth belong to."""
    changed = PluginTask(object="cifar10_children:ChangedTask", parameters={"mode": mode, "images": images})
    task = recipe(images) if mode == "eager" else changed
    space = SearchSpaceSection(space=ConvChain(layers=depth))
    spec = SearchSpec(search_space=space, strategy=Random(), task=task, budget=Budget(trials=1), weights=Weights.NONE)
    return SearchAnnouncement(search=f"namespaces/default/searches/{mode}-{depth}", spec=spec_to_proto(spec))


def write_random(folder: Path, images: int) -> None:
    """Write at least so many random images in CIFAR-10's binary layout."""
    rng, below = np.random.default_rng(0), folder / "cifar-10-batches-bin"
    below.mkdir()
    for number in range(1, 6):
        records = rng.integers(0, 256, (-(-images // 5), 1 + 3 * 32 * 32), np.uint8)
        records[:, 0] %= 10
        (below / f"data_batch_{number}.bin").write_bytes(records.tobytes())


class Child:
    """A child in training: the seconds of its epochs, and what came of it in the end."""

    def __init__(self, slot: SlotProcess, search: SearchAnnouncement, tokens: tuple[int, ...]) -> None:
        self._slot, self._fence, self.seconds = slot, next(FENCES), list[float]()
        trial = f"{search.search}/trials/{self._fence}"
        assignment = Assignment(fence=self._fence, trial=trial, tokens=tokens, seed=self._fence)
        self.result = asyncio.create_task(slot.train(search, assignment, Listeners(self._take, _ignore, _ignore, _ignore)))

    def end(self) -> None:
        """Let it end with the epoch under way."""
        self._slot.end_early(self._fence)

    def _take(self, epoch: EpochMeasurement) -> None:
        self.seconds.append(epoch.seconds)


async def watch(children: Sequence[Child], device: str, least: float) -> Seen:
    """Return each child's seconds of an epoch, what its first took beyond that, and samples of the GPU's utilisation in %.

    Raises:
        RuntimeError: if a child fails.
    """

    async def reached(counts: Sequence[int]) -> None:
        while any(len(child.seconds) < count for child, count in zip(children, counts, strict=True)):
            if any(child.result.done() for child in children):
                return
            await asyncio.sleep(0.02)

    await reached([1] * len(children))
    skipped = [len(child.seconds) + 1 for child in children]  # the epoch under way began while others may have been cold
    samples, ends = list[int](), time.monotonic() + least
    while (left := ends - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 0.5))
        if device.startswith("cuda"):
            samples += await asyncio.to_thread(utilisation, device.partition(":")[2] or "0")
    await reached([count + 1 for count in skipped])
    for child in children:
        child.end()
    if failed := [result.message for child in children if isinstance(result := await child.result, Failure)]:
        raise RuntimeError(failed[0].partition("\n")[0])
    epochs = [statistics.median(child.seconds[count:]) for child, count in zip(children, skipped, strict=True)]
    return epochs, [child.seconds[0] - epoch for child, epoch in zip(children, epochs, strict=True)], samples


def _ignore(*_told: object) -> None:
    """Take in nothing."""


def utilisation(gpu: str) -> list[int]:
    """Return what nvidia-smi says of a GPU, in %; nothing where it cannot tell."""
    query = ["nvidia-smi", f"--id={gpu}", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return []
    return [int(said)] if said.isdigit() else []


async def measure(slots: Sequence[SlotProcess], mode: str, depth: int, given: argparse.Namespace) -> float:
    """Print a line of the table; return for how long a child of this depth has the device, in seconds."""
    space, rng = ConvChainSpace(ConvChain(layers=depth), depth), random.Random(depth)
    tokens = [drawn(space.decisions, rng) for _ in range(given.architectures)]
    search = announced(mode, depth, given.images)
    windows: list[Seen] = []
    for first in range(len(tokens)):  # each architecture as often as the others, beside different ones
        children = [Child(slot, search, tokens[(first + number) % len(tokens)]) for number, slot in enumerate(slots)]
        windows.append(await watch(children, given.device, given.seconds))
    seconds: float = statistics.fmean(each for epochs, _, _ in windows for each in epochs) / given.images / len(slots)
    extra = statistics.fmean(each for _, extras, _ in windows for each in extras)
    samples = [sample for *_, samples in windows for sample in samples]
    operations = PASSES * 2 * statistics.fmean(space.decode(each).multiply_adds(32, 32) for each in tokens)
    busy = f"{statistics.fmean(samples):.0f} %" if samples else "-"
    speed = f"{1 / seconds:,.0f} | {operations / seconds / 1e12:.3g}"
    print(f"| {mode} | {depth} | {len(slots)} | {speed} | {busy} | {extra:.1f} |", flush=True)
    return EPOCHS * IMAGES * seconds + extra / len(slots)


def gpu_days(seconds: dict[int, float]) -> float:
    """Return what the paper's search takes, from the seconds of a child by depth; depths between lie on a line."""
    each = np.interp(DEPTHS, sorted(seconds), [seconds[depth] for depth in sorted(seconds)])
    return float(each.sum()) * CHILDREN_OF_A_DEPTH / 86_400


async def run(given: argparse.Namespace, data_dir: Path) -> None:
    """Measure everything, then print the projection."""
    most, days = max(given.children), {}
    slots = [SlotProcess(Place(given.device, data_dir), max(1, (os.cpu_count() or 1) // most)) for _ in range(most)]
    try:
        search = announced("eager", 1, given.images)
        await watch([Child(slot, search, (0, 0, 0)) for slot in slots], given.device, 0.0)  # so that libraries are loaded
        print("| Mode | Depth | Children | Images per second | TFLOP/s | Utilisation | First epoch, more seconds |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for mode, count in itertools.product(given.modes, given.children):
            seconds = {}
            for depth in given.depths:
                try:
                    seconds[depth] = await measure(slots[:count], mode, depth, given)
                except RuntimeError as error:
                    print(f"| {mode} | {depth} | {count} | failed: {error} | | | |", flush=True)
            if {DEPTHS[0], DEPTHS[-1]} <= seconds.keys():
                days[mode, count] = gpu_days(seconds)
    finally:
        await asyncio.gather(*(slot.close() for slot in slots))
    for (mode, count), projected in days.items():
        print(f"The paper's 12,800 children, {mode}, {count} at once: {projected:.1f} days of this device")
    if days:
        said = (f"{mark} {'met' if min(days.values()) <= mark else 'missed'}" for mark in MARKS)
        print(f"The best is {min(days.values()):.1f}; marks, in days of one H200: {', '.join(said)}")
    else:
        print(f"No projection: that takes depths {DEPTHS[0]} and {DEPTHS[-1]}")


def numbers(text: str) -> list[int]:
    """Return numbers with commas between them."""
    return [int(number) for number in text.split(",")]


def main() -> None:
    """Print the table and the projection, or what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="as torch names it")
    parser.add_argument("--depths", type=numbers, default=[6, 12, 20])
    parser.add_argument("--children", type=numbers, default=[1, 2, 4], help="how many at once, each in a process")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["eager", "recorded"], help="recorded: on a GPU only")
    parser.add_argument("--architectures", type=int, default=3, help="of each depth")
    parser.add_argument("--images", type=int, default=3000, help="of an epoch; a tenth are measured on")
    parser.add_argument("--seconds", type=float, default=4.0, help="for which children are watched, at least")
    parser.add_argument("--data-dir", type=Path, help="folder with CIFAR-10; without it images are random")
    given = parser.parse_args()
    on_gpu = given.device.startswith("cuda")
    if on_gpu and not torch.cuda.is_available():
        parser.exit(1, "This needs an NVIDIA GPU and its driver; torch finds none here. To try it without: --device cpu.\n")
    # Slots import this file for the modes that change the trainer.
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"{torch.cuda.get_device_name(given.device) if on_gpu else 'no GPU'}, torch {torch.__version__}, {machine()}")
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        if given.data_dir is None:
            write_random(Path(folder), given.images)
        asyncio.run(run(given, given.data_dir or Path(folder)))


if __name__ == "__main__":
    main()

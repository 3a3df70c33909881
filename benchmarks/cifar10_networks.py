"""The paper's network, its variants, a DenseNet and a ResNet: depth, parameters and error, in one trainer at equal epochs.

    python benchmarks/cifar10_networks.py --data-dir FOLDER-WITH-CIFAR-10 --epochs 50 [--found SEARCH.yaml BEST.json]

Zoph & Le 2016 print in figure 7 the best network of their first space, and in section 4.1 what becomes of it with all skip
connections (5.56 % in place of 5.50 %) and with none (7.97 %). All networks here have the paper's recipe and the same images;
the error is that on held out training images. The best network of a search of one's own is one row more: BEST.json is what
`nasfleet get trials NAME --best 1 -o json` prints. What a small machine has no time for can be reduced: --images, --epochs,
--side (images averaged down to that size) and --divisor (of all numbers of filters); the table says so.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from reference_networks import DenseNet, ResNet
from torch import Tensor, nn

from nasfleet import document
from nasfleet.catalogue.tasks import Dataset, ImageClassification
from nasfleet.spaces.building import build_space
from nasfleet.spaces.conv_layers import ConvLayer, Layer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_trainer.augmentation import Augmentation
from nasfleet_trainer.compute import Compute, choose_compute
from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.datasets.reading import read_split
from nasfleet_trainer.networks.conv_net import ConvNetwork
from nasfleet_trainer.training import Examples, Training

CLASSES = 10
# Figure 7 of Zoph & Le 2016, layers counted from 1 as there: height, width, filters, layers read.
FIGURE_7 = (
    (3, 3, 36, ()),
    (3, 3, 48, (1,)),
    (3, 3, 36, (1, 2)),
    (5, 5, 36, (1, 2, 3)),
    (3, 7, 48, (3, 4)),
    (7, 7, 48, (2, 3, 4, 5)),
    (7, 7, 48, (2, 3, 4, 5, 6)),
    (7, 3, 36, (1, 6, 7)),
    (7, 1, 36, (1, 5, 6, 8)),
    (7, 7, 36, (1, 3, 4, 5, 6, 7, 8, 9)),
    (5, 7, 36, (1, 2, 5, 6, 7, 8, 9, 10)),
    (7, 7, 48, (1, 2, 3, 4, 6, 11)),
    (7, 5, 48, (1, 3, 6, 7, 8, 9, 10, 11, 12)),
    (7, 5, 48, (3, 7, 12, 13)),
    (7, 5, 48, (2, 7, 11, 12, 13, 14)),
)


@dataclass(frozen=True)
class Row:
    """A network of the table: `build` makes it anew."""

    name: str
    depth: int
    build: Callable[[], nn.Module]


def published(divisor: int, reads: Callable[[int, tuple[int, ...]], tuple[int, ...]]) -> ConvNet:
    """Return the network of figure 7, its filters divided, each layer reading what `reads` makes of its number and inputs."""
    layers: list[Layer] = [
        ConvLayer(filter_height=height, filter_width=width, filters=max(1, filters // divisor), inputs=reads(number, read))
        for number, (height, width, filters, read) in enumerate(FIGURE_7)
    ]
    return ConvNet(tuple(layers))


def rows(divisor: int) -> Iterator[Row]:
    """Yield the networks: the paper's three, then two of comparable size that people designed."""
    variants = {
        "figure 7": lambda _, read: tuple(source - 1 for source in read),
        "figure 7, all skips": lambda number, _: tuple(range(number)),
        "figure 7, no skips": lambda number, _: tuple(range(max(0, number - 1), number)),
    }
    for name, reads in variants.items():
        network = published(divisor, reads)
        yield Row(name, len(network.layers), lambda network=network: ConvNetwork(network, channels=3, classes=CLASSES))  # type: ignore[misc]  # bound now
    growth, width = max(1, 24 // divisor), max(1, 48 // divisor)
    yield Row(f"DenseNet, k = {growth}", 40, lambda: DenseNet(40, growth, classes=CLASSES))
    yield Row(f"ResNet, pre-activation, w = {width}", 32, lambda: ResNet(32, width, classes=CLASSES))


def found(search: Path, best: Path) -> Row:
    """Return the network of the best trial of a search."""
    trial = json.loads(best.read_text(encoding="utf-8"))[0]
    layers = int(trial["layers"]) if "layers" in trial else None
    space = build_space(document.load(search.read_text(encoding="utf-8")).spec.search_space, layers)
    network = space.decode([int(token) for token in trial["tokens"]])
    assert isinstance(network, ConvNet), f"{search} is no search of convolutional networks"
    return Row(f"found by {search.stem}", len(network.layers), lambda: ConvNetwork(network, channels=3, classes=CLASSES))


def shrunk(images: LabelledImages, side: int) -> Tensor:
    """Return images [N, C, side, side] as bytes, averaged down from a multiple of that size."""
    pixels = torch.from_numpy(images.images)
    return nn.functional.avg_pool2d(pixels.float(), images.side // side).round().to(torch.uint8)


def on_device(images: LabelledImages, side: int, compute: Compute) -> Examples:
    """Return what a training takes."""
    return Examples(shrunk(images, side).to(compute.device), torch.from_numpy(images.labels).to(compute.device))


def main() -> None:
    """Train every network and print its row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--images", type=int, default=45_000)
    parser.add_argument("--validation", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--side", type=int, default=32, choices=[32, 16, 8])
    parser.add_argument("--divisor", type=int, default=1)
    parser.add_argument("--found", type=Path, nargs=2, metavar=("SEARCH", "BEST"), help="a search, and its best trial")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch; more only where nothing else runs")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    recipe = ImageClassification(
        dataset=Dataset.CIFAR10,
        epochs=chosen.epochs,
        training_examples=chosen.images,
        validation_examples=chosen.validation,
    )
    compute = choose_compute(chosen.device, recipe.precision)
    train, validation = (on_device(each, chosen.side, compute) for each in read_split(recipe, chosen.data_dir, chosen.seed))
    print(
        f"{chosen.images:,} images of {chosen.side}x{chosen.side}, {chosen.epochs} epochs, "
        f"filters divided by {chosen.divisor}; error on {chosen.validation:,}; load {os.getloadavg()[0]:.1f}"
    )
    print("| Network | Depth | Parameters | Error | Seconds an epoch |\n| --- | --- | --- | --- | --- |")
    ours = [found(*chosen.found)] if chosen.found else []
    for row in (*rows(chosen.divisor), *ours):
        print(line(row, recipe, compute, train, validation, chosen.seed), flush=True)


def line(row: Row, recipe: ImageClassification, compute: Compute, train: Examples, validation: Examples, seed: int) -> str:
    """Return a network's line of the table, once it is trained."""
    torch.manual_seed(seed)
    network = row.build().to(compute.device).to(memory_format=compute.memory_format)
    augmentation = Augmentation(train.images.shape[-1] * 5 // 4, flip=recipe.flip, whiten=recipe.whiten)
    training = Training(network, recipe=recipe, augmentation=augmentation, compute=compute, seed=seed)
    began = time.perf_counter()
    *_, last = training.epochs(train, validation)
    seconds = (time.perf_counter() - began) / recipe.epochs
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return f"| {row.name} | {row.depth} | {parameters:,} | {1 - last.value:.1%} | {seconds:.1f} |"


if __name__ == "__main__":
    main()

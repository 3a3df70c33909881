"""How fast a sampled recurrent cell learns, beside torch's own LSTM of as many parameters.

    python benchmarks/recurrent_cell.py                              # the processor, one thread
    python benchmarks/recurrent_cell.py --device cuda --width 650    # a GPU, where steps are recorded; the mark is 3

The cell is drawn at random from the paper's space with a seed that stands below: the paper's own is shown as a picture only.
Layers alone are forwards and backwards over windows; the whole network is the trainer's step with embedding, classifier,
dropout, clip and descent. On the processor seconds are those that the process used, which a busy machine changes least.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from reference_lstm import LstmLayer
from running import machine
from torch import Tensor, nn

from nasfleet.catalogue import LanguageModeling
from nasfleet.export import drawing
from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell
from nasfleet_trainer.language_size import LanguageModelSize
from nasfleet_trainer.language_training import LanguageTraining
from nasfleet_trainer.networks.cell_layer import CellLayer
from nasfleet_trainer.networks.language_model import LanguageModel

SEED = 3
LEAF_MATRICES, LSTM_MATRICES = 16, 8  # of a cell with 8 leaves, of an LSTM


def random_cell(seed: int, base: int = 8) -> RecurrentCell:
    """Return a cell of the paper's space, each decision uniform."""
    rng = random.Random(seed)

    def operation() -> Operation:
        return Operation(rng.choice(("add", "elemMult")), rng.choice(("identity", "tanh", "sigmoid", "relu")))

    nodes = tuple(operation() for _ in range(2 * base - 1))
    return RecurrentCell(nodes, operation(), rng.randrange(len(nodes)), rng.randrange(len(nodes)))


class Measured:
    """Seconds of a call: those of the processor, or on a GPU those until it is done."""

    def __init__(self, device: str, rounds: int) -> None:
        self._cuda, self._rounds = device.startswith("cuda"), rounds

    def __call__(self, calls: list[Callable[[], object]]) -> list[float]:
        """Return the median seconds of each call, taken in turns so that a busy minute counts for all."""
        taken: list[list[float]] = [[] for _ in calls]
        for _ in range(self._rounds + 1):
            for call, seconds in zip(calls, taken, strict=True):
                started = self._now()
                call()
                seconds.append(self._now() - started)
        return [statistics.median(seconds[1:]) for seconds in taken]  # the first warms up

    def _now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


def windows(layer: nn.Module, width: int, places: int, steps: int, device: str) -> Callable[[], object]:
    """Return a call that goes forwards and backwards over a window."""
    for parameter in layer.to(device).parameters():
        nn.init.uniform_(parameter, -0.05, 0.05)
    inputs = torch.randn(steps, places, width, device=device, requires_grad=True)
    state = torch.zeros(2, places, width, device=device)
    wanted = [inputs, *layer.parameters()]

    def call() -> tuple[Tensor, ...]:
        outputs, _ = layer(inputs, state, None)
        return torch.autograd.grad(outputs.sum(), wanted)

    return call


def epochs(layers: list[nn.Module], width: int, recipe: LanguageModeling, device: str) -> tuple[LanguageTraining, int]:
    """Return the training of a whole network over a random text, and its parameters."""
    network = LanguageModel(recipe.vocabulary_size, width, layers, tied=False, initial_range=0.05).to(device)
    text = np.random.default_rng(0).integers(0, recipe.vocabulary_size, recipe.batch_size * (recipe.steps * 6 + 1))
    training = LanguageTraining(network, recipe=recipe, seed=0, training=text, validation=text[:100])
    return training, sum(parameter.numel() for parameter in network.parameters())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--width", type=int, default=256, help="of the LSTM; the cell's follows")
    parser.add_argument("--places", type=int, default=20)
    parser.add_argument("--steps", type=int, default=35)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cell, width = random_cell(SEED), round(given.width * (LSTM_MATRICES / LEAF_MATRICES) ** 0.5)
    print(f"{torch.cuda.get_device_name() if given.device.startswith('cuda') else machine()}, torch {torch.__version__}")
    print(drawing(cell))
    tokens, measure = given.places * given.steps, Measured(given.device, given.rounds)
    lstm, ours = LstmLayer(given.width, given.width), CellLayer(cell, width, width)
    seconds = measure(
        [windows(layer, size, given.places, given.steps, given.device) for layer, size in ((lstm, given.width), (ours, width))]
    )
    show("a layer alone", [sum(p.numel() for p in layer.parameters()) for layer in (lstm, ours)], seconds, tokens)
    recipe = LanguageModeling(
        vocabulary_size=given.vocabulary, batch_size=given.places, steps=given.steps, learning_rate=1e-3,
        recurrent_dropout=0, captured_steps=given.device.startswith("cuda"),
    )  # fmt: skip
    # Of the whole network the vocabulary's matrices count too: there the cell may be nearly as wide as the LSTM.
    target = LanguageModelSize(given.vocabulary, 2, LSTM_MATRICES, tied=False).parameters(given.width)
    wide = LanguageModelSize(given.vocabulary, 2, LEAF_MATRICES, tied=False).widest(target)
    whole = [
        epochs([LstmLayer(given.width, given.width) for _ in range(2)], given.width, recipe, given.device),
        epochs([CellLayer(cell, wide, wide) for _ in range(2)], wide, recipe, given.device),
    ]
    seconds = measure([lambda training=training: training.train_once(1e-3) for training, _ in whole])
    show("the whole network", [parameters for _, parameters in whole], seconds, whole[0][0].tokens_per_epoch)


def show(what: str, parameters: list[int], seconds: list[float], tokens: int) -> None:
    """Print the parameters, the tokens per second, and how many times the LSTM's seconds the cell took."""
    for name, count, taken in zip(("nn.LSTM", "cell"), parameters, seconds, strict=True):
        print(f"{what}: {name:8} {count:>11,} parameters {tokens / taken:>10,.0f} tokens per second")
    print(f"{what}: the cell takes {seconds[1] / seconds[0]:.2f} times the LSTM's time")


if __name__ == "__main__":
    main()

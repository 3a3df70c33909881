"""The table of Zoph & Le (2016), section 4.2, at a small size: an LSTM, a random cell, and cells that a search found.

    python /path/to/unpack.py DATA ptb      # or put ptb.train.txt and ptb.valid.txt below DATA
    python benchmarks/penn_treebank.py DATA

All are trained by the task's own trainer on the same slice of the Penn Treebank, with about as many parameters, from the same
seeds. A found cell is the best of a search of ours through the whole system, `nasfleet run`, with children smaller still.
The test split is not read: the figures are perplexities of the validation text. The options say how large all of it is.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from recurrent_cell import LSTM_MATRICES, random_cell
from reference_lstm import LstmLayer
from running import machine
from torch import nn

from nasfleet.catalogue import CellActivation, CellCombination, CellTree, Corpus, LanguageModeling
from nasfleet.export import drawing
from nasfleet.spaces.cell_tree import CellTreeSpace
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet_trainer.datasets.text import Text
from nasfleet_trainer.datasets.text_reading import read_text
from nasfleet_trainer.language_size import LanguageModelSize, size_of
from nasfleet_trainer.language_training import LanguageTraining
from nasfleet_trainer.networks.cell_layer import CellLayer
from nasfleet_trainer.networks.language_model import LanguageModel

PAPER = CellTree()
EXTENDED = CellTree(combinations=tuple(CellCombination), activations=tuple(CellActivation))
SEARCH = """
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {{name: found}}
spec:
  searchSpace: {{recurrentCell: {{combinations: {combinations}, activations: {activations}}}}}
  strategy: {{reinforce: {{learningRate: 0.01, batchSize: 4}}}}
  task:
    languageModeling: {{corpus: pennTreebank, vocabularySize: {vocabulary}, targetParameters: {parameters}, epochs: 1,
      dropout: 0, embeddingDropout: 0, recurrentDropout: 0, initialRange: 0.1, trainingTokens: {tokens},
      validationTokens: 4000}}
  reward: {{inverseSquaredPerplexity: {{}}}}
  weights: None
  budget: {{trials: {trials}}}
"""


def found(tree: CellTree, given: argparse.Namespace) -> RecurrentCell:
    """Return the best cell of a search."""
    text = SEARCH.format(
        combinations=json.dumps(tree.combinations),
        activations=json.dumps(tree.activations),
        vocabulary=given.vocabulary,
        parameters=given.parameters // 2,
        tokens=given.search_tokens,
        trials=given.trials,
    )
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder:
        (Path(folder) / "search.yaml").write_text(text)
        at = ("--data-dir", str(given.data.resolve()), "--device", "cpu", "--trainers", "1")
        run(folder, "run", "search.yaml", *at)
        [trial] = json.loads(run(folder, "get", "trials", "found", "--best", "1", "-o", "json"))
    return CellTreeSpace(tree, tree.base).decode([int(token) for token in trial["tokens"]])


def run(folder: str, *arguments: str) -> str:
    """Return what the command says, or raise if it fails."""
    command = [sys.executable, "-m", "nasfleet_cli", *arguments]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(cell: RecurrentCell | None, recipe: LanguageModeling, text: Text, seed: int) -> tuple[int, float, float]:
    """Return parameters, perplexity, and tokens per second of processor time; without a cell, of an LSTM."""
    vocabulary = len(text.vocabulary)
    if cell is None:
        size = LanguageModelSize(vocabulary, recipe.layers, LSTM_MATRICES, recipe.tied_embeddings)
        width = size.widest(recipe.target_parameters)
    else:
        size, width = size_of(recipe, cell.base, vocabulary)
    torch.manual_seed(seed)
    layers: list[nn.Module] = [
        LstmLayer(width, width) if cell is None else CellLayer(cell, width, width) for _ in range(recipe.layers)
    ]
    network = LanguageModel(vocabulary, width, layers, tied=recipe.tied_embeddings, initial_range=recipe.initial_range)
    training = LanguageTraining(network, recipe=recipe, seed=seed, training=text.training, validation=text.validation)
    started = time.process_time()
    values = [epoch.value for epoch in training.epochs()]
    tokens = (training.tokens_per_epoch + len(text.validation)) * recipe.epochs
    return size.parameters(width), values[-1], tokens / (time.process_time() - started)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--parameters", type=int, default=400_000)
    parser.add_argument("--vocabulary", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=40_000, help="of the training text, in the table")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=40, help="of each search")
    parser.add_argument("--search-tokens", type=int, default=10_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipe = LanguageModeling(
        corpus=Corpus.PENN_TREEBANK, vocabulary_size=given.vocabulary, target_parameters=given.parameters, epochs=given.epochs,
        dropout=0.1, embedding_dropout=0, recurrent_dropout=0, initial_range=0.1, learning_rate_decay_after=2,
        training_tokens=given.tokens, validation_tokens=10_000,
    )  # fmt: skip
    text = read_text(recipe, given.data)
    print(f"{machine()}, torch {torch.__version__}; {given}")
    rows = {
        "LSTM": None,
        "random cell": random_cell(3),
        "found cell": found(PAPER, given),
        "found with max and sin": found(EXTENDED, given),
    }
    for name, cell in rows.items():
        results = [measured(cell, recipe, text, seed) for seed in range(given.seeds)]
        perplexities = " ".join(f"{value:.1f}" for _, value, _ in results)
        speed = statistics.median(tokens for _, _, tokens in results)
        mean = statistics.fmean(value for _, value, _ in results)
        print(
            f"{name:24} {results[0][0]:>9,} parameters  {mean:7.1f} ({perplexities})  {speed:,.0f} tokens per second",
            flush=True,
        )
    for name, cell in rows.items():
        print(f"\n{name}\n{drawing(cell)}" if cell is not None else "")


if __name__ == "__main__":
    main()

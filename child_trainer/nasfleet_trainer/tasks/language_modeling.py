"""The task `languageModeling`: trains layers of a recurrent cell to foretell a text and measures their perplexity."""

import time
from dataclasses import dataclass
from typing import Any

import torch

from nasfleet.catalogue.language_modeling import LanguageModeling
from nasfleet.catalogue.tasks import Precision
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet_trainer.compute import choose_compute
from nasfleet_trainer.course import StoppedEarly
from nasfleet_trainer.datasets.text import Text
from nasfleet_trainer.datasets.text_reading import read_text
from nasfleet_trainer.failures import CannotBuildError
from nasfleet_trainer.keeping import Keeping
from nasfleet_trainer.language_size import LanguageModelSize, size_of
from nasfleet_trainer.language_training import LanguageTraining
from nasfleet_trainer.networks.cell_layer import CellLayer
from nasfleet_trainer.networks.language_model import LanguageModel
from nasfleet_trainer.stages import stage
from nasfleet_trainer.tasks.task import ChildRun, Report


@dataclass(frozen=True, slots=True)
class Child:
    """A network to train, and how large it is."""

    network: LanguageModel
    size: LanguageModelSize
    width: int


class LanguageModelingTask:
    """Trains the children of one search, one after another; reads its text once."""

    def __init__(self, section: LanguageModeling) -> None:
        self._section = section
        self._text: Text | None = None
        self._keeping = Keeping()

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the perplexity of a child on the validation text, after each epoch and at the end."""
        started = time.perf_counter()
        cell = run.description
        if not isinstance(cell, RecurrentCell):
            raise CannotBuildError(
                "languageModeling trains recurrent cells, and this architecture is none: search recurrentCell, or train with a "
                "task of your own"
            )
        if self._text is None:
            with stage("load"):
                self._text = read_text(self._section, run.data_dir)
        with stage("build"):
            child = build(cell, self._section, len(self._text.vocabulary), run)
        epochs = self._train(child.network, self._text, run.seed, report)
        seconds = time.perf_counter() - started
        measurement = Measurement(
            value=epochs[-1].value,
            epochs=epochs,
            seconds=seconds,
            trainer_seconds=seconds,
            parameters=child.size.parameters(child.width),
            multiply_adds=child.size.multiply_adds(child.width),
        )
        return self._keeping.keep(run, child.network, measurement, _facts(self._section, child, self._text))

    def _train(self, network: LanguageModel, text: Text, seed: int, report: Report) -> tuple[EpochMeasurement, ...]:
        training = LanguageTraining(
            network, recipe=self._section, seed=seed, training=text.training, validation=text.validation
        )
        epochs = []
        for epoch in training.epochs():
            epochs.append(epoch)
            try:
                report(epoch, examples=training.tokens_per_epoch)
            except StoppedEarly:  # caught, so that the measurement has its parameters and the weights are kept
                break
        return tuple(epochs)


def build(cell: RecurrentCell, section: LanguageModeling, vocabulary: int, run: ChildRun) -> Child:
    """Return the child network on its device, its parameters drawn from the child's seed.

    Raises:
        CannotBuildError: if no width has as few parameters as the task wants.
        TrainerUnableError: if there is no such device.
    """
    compute = choose_compute(run.device, Precision.FLOAT32)
    try:
        size, width = size_of(section, cell.base, vocabulary)
    except InvalidInputError as error:
        raise CannotBuildError(str(error)) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        layers = [CellLayer(cell, width, width) for _ in range(section.layers)]
        network = LanguageModel(vocabulary, width, layers, tied=section.tied_embeddings, initial_range=section.initial_range)
    return Child(network.to(compute.device), size, width)


def _facts(section: LanguageModeling, child: Child, text: Text) -> dict[str, Any]:
    """Return what the weights' manifest says of a child: all that measuring its value again takes, beside the text."""
    return {
        "corpus": section.corpus,
        "unit": section.unit,
        "trainingTokens": len(text.training),
        "validationTokens": len(text.validation),
        "vocabulary": text.vocabulary,
        "layers": section.layers,
        "hiddenUnits": child.width,
        "tiedEmbeddings": section.tied_embeddings,
    }

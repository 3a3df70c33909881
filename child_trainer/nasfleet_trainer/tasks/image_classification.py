"""The task `imageClassification`: trains a convolutional child and measures its accuracy on held out training images."""

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import torch

from nasfleet.catalogue.search import Weights
from nasfleet.catalogue.tasks import ImageClassification
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.names import TrialName
from nasfleet.reward import reward_of
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_trainer import accounting
from nasfleet_trainer.augmentation import Augmentation
from nasfleet_trainer.compute import Compute, choose_compute
from nasfleet_trainer.data_parallel import Share
from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.datasets.reading import read_split
from nasfleet_trainer.failures import CannotBuildError
from nasfleet_trainer.networks.conv_net import ConvNetwork
from nasfleet_trainer.tasks.task import ChildRun, Report
from nasfleet_trainer.training import Examples, Training
from nasfleet_trainer.weights import keep_weights


@dataclass(frozen=True, slots=True)
class Prepared:
    """What all children of a search have in common: the images, on the device, and what becomes of them."""

    compute: Compute
    augmentation: Augmentation
    train: Examples
    validation: Examples
    channels: int
    classes: int
    side: int


class ImageClassificationTask:
    """Trains the children of one search, one after another; reads its images once."""

    trains_in_gangs = True

    def __init__(self, section: ImageClassification) -> None:
        self._section = section
        self._prepared: Prepared | None = None
        self._best_reward = -math.inf

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the accuracy of a child on the validation images, after each epoch and at the end."""
        started = time.perf_counter()
        description = run.description
        if not isinstance(description, ConvNet):
            raise CannotBuildError(
                "imageClassification trains convolutional networks, and this architecture is a list of values: search "
                "convChain, or train with a task of your own"
            )
        if self._prepared is None:
            self._prepared = prepare(self._section, run)
        network = build(description, self._prepared, run.seed)
        epochs = self._train(network, self._prepared, run, report)
        measurement = _measurement(description, self._prepared, epochs, time.perf_counter() - started)
        return self._keeping_weights(run, network, measurement, self._prepared)

    def _train(self, network: ConvNetwork, prepared: Prepared, run: ChildRun, report: Report) -> tuple[EpochMeasurement, ...]:
        fewest = min(len(prepared.train), len(prepared.validation))
        if run.world_size > 1 and fewest < 2 * run.world_size:
            raise CannotBuildError(f"a gang of {run.world_size} cannot share {fewest} images: give more, or a smaller gang")
        training = Training(
            network,
            recipe=self._section,
            augmentation=prepared.augmentation,
            compute=prepared.compute,
            seed=run.seed,
            share=Share(run.rank, run.world_size),
        )
        epochs = []
        for epoch in training.epochs(prepared.train, prepared.validation):
            report(epoch, examples=len(prepared.train))
            epochs.append(epoch)
        return tuple(epochs)

    def _keeping_weights(
        self, run: ChildRun, network: ConvNetwork, measurement: Measurement, prepared: Prepared
    ) -> Measurement:
        """Return the measurement with the URI of the weights, if the search keeps these.

        Which child is the best of a search, only the controller knows; the best of this process is enough to keep that one.
        """
        reward = reward_of(run.spec.reward, measurement)
        wanted = run.spec.weights is Weights.ALL or (run.spec.weights is Weights.BEST and reward >= self._best_reward)
        self._best_reward = max(self._best_reward, reward)
        if not wanted or run.artifacts_dir is None or run.rank > 0:
            return measurement
        facts = _facts(self._section, run, measurement, prepared)
        return replace(
            measurement,
            weights_uri=keep_weights(run.artifacts_dir, TrialName.parse(run.trial), network.state_dict(), facts),
        )


def prepare(section: ImageClassification, run: ChildRun) -> Prepared:
    """Return what a search's children are trained with; the split follows from the search's seed, not from the child's.

    Raises:
        TrainerUnableError: if this trainer lacks the data set or the device.
        InvalidInputError: if the task asks for what the data set does not give.
    """
    compute = choose_compute(run.device, section.precision)
    train, validation = read_split(section, run.data_dir, run.spec.seed)
    enlarged = section.upsample_size or train.side * 5 // 4
    if enlarged < train.side:
        raise InvalidInputError(f"upsampleSize is {enlarged}, but images have {train.side} pixels: give at least that many")
    return Prepared(
        compute,
        Augmentation(enlarged, flip=section.flip, whiten=section.whiten),
        _on_device(train, compute),
        _on_device(validation, compute),
        train.channels,
        train.classes,
        train.side,
    )


def _on_device(examples: LabelledImages, compute: Compute) -> Examples:
    return Examples(torch.from_numpy(examples.images).to(compute.device), torch.from_numpy(examples.labels).to(compute.device))


def build(description: ConvNet, prepared: Prepared, seed: int) -> ConvNetwork:
    """Return the child network on its device, its parameters drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ConvNetwork(description, channels=prepared.channels, classes=prepared.classes)
    return network.to(prepared.compute.device).to(memory_format=prepared.compute.memory_format)


def _measurement(description: ConvNet, prepared: Prepared, epochs: tuple[EpochMeasurement, ...], seconds: float) -> Measurement:
    channels, classes = prepared.channels, prepared.classes
    return Measurement(
        value=epochs[-1].value,
        epochs=epochs,
        seconds=seconds,
        trainer_seconds=seconds,
        parameters=accounting.parameters(description, channels=channels, classes=classes),
        multiply_adds=accounting.multiply_adds(description, side=prepared.side, channels=channels, classes=classes),
    )


def _facts(section: ImageClassification, run: ChildRun, measurement: Measurement, prepared: Prepared) -> dict[str, Any]:
    """Return what the weights' manifest says of a child: all that measuring its value again takes, beside the data set."""
    return {
        "tokens": run.tokens,
        "seed": run.seed,
        "dataset": section.dataset,
        "folder": section.folder,
        "splitSeed": run.spec.seed,
        "trainingExamples": len(prepared.train),
        "validationExamples": len(prepared.validation),
        "channels": prepared.channels,
        "imageSize": prepared.side,
        "classes": prepared.classes,
        "whiten": prepared.augmentation.whiten,
        "upsampleSize": prepared.augmentation.enlarged_side,
        "value": measurement.value,
        "parameters": measurement.parameters,
    }

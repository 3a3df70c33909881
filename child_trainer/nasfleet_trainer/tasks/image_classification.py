"""The task `imageClassification`: trains a child on images and measures its accuracy on training images that were held out."""

import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from nasfleet.catalogue.spaces import MAX_PARAMETERS
from nasfleet.catalogue.tasks import ImageClassification
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp
from nasfleet_trainer import accounting
from nasfleet_trainer.augmentation import Augmentation
from nasfleet_trainer.compute import Compute, choose_compute
from nasfleet_trainer.course import StoppedEarly
from nasfleet_trainer.data_parallel import Share
from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.datasets.reading import read_split
from nasfleet_trainer.failures import CannotBuildError
from nasfleet_trainer.keeping import Keeping
from nasfleet_trainer.networks.conv_net import ConvNetwork
from nasfleet_trainer.networks.mlp import MlpNetwork
from nasfleet_trainer.stages import stage
from nasfleet_trainer.tasks.task import ChildRun, Report
from nasfleet_trainer.training import Examples, Training

MAX_CHANNELS = 65536


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
        self._keeping = Keeping()

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the accuracy of a child on the validation images, after each epoch and at the end."""
        started = time.perf_counter()
        description = run.description
        if not isinstance(description, ConvNet | Mlp):
            raise CannotBuildError(
                "imageClassification trains convolutional and fully connected networks, and this architecture is neither: "
                "search convChain or mlp, or train with a task of your own"
            )
        if self._prepared is None:
            with stage("load"):
                self._prepared = prepare(self._section, run)
        with stage("build"):
            network = build(description, self._prepared, run.seed)
        epochs = self._train(network, description, self._prepared, run, report)
        measurement = _measurement(description, self._prepared, epochs, time.perf_counter() - started)
        return self._keeping.keep(run, network, measurement, _facts(self._section, run, self._prepared))

    def _train(
        self, network: nn.Module, description: ConvNet | Mlp, prepared: Prepared, run: ChildRun, report: Report
    ) -> tuple[EpochMeasurement, ...]:
        fewest = min(len(prepared.train), len(prepared.validation))
        if run.world_size > 1 and fewest < 2 * run.world_size:
            raise CannotBuildError(f"a gang of {run.world_size} cannot share {fewest} images: give more, or a smaller gang")
        rate, optimizer = None, None
        if isinstance(description, ConvNet):
            rate, optimizer = description.learning_rate, description.optimizer
        training = Training(
            network,
            recipe=self._section if rate is None else replace(self._section, learning_rate=rate),
            augmentation=prepared.augmentation,
            compute=prepared.compute,
            seed=run.seed,
            optimizer=optimizer,
            share=Share(run.rank, run.world_size),
        )
        epochs = []
        for epoch in training.epochs(prepared.train, prepared.validation):
            epochs.append(epoch)
            try:
                report(epoch, examples=len(prepared.train))
            except StoppedEarly:  # caught, so that the measurement has its parameters and the weights are kept
                break
        return tuple(epochs)


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


def build(description: ConvNet | Mlp, prepared: Prepared, seed: int) -> nn.Module:
    """Return the child network on its device, its parameters drawn from the seed.

    Raises:
        CannotBuildError: if it is too large for any trainer: layers that are no convolutions hand all channels on.
    """
    if isinstance(description, ConvNet):
        _check_size(description, prepared.channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(description, prepared)
    return network.to(prepared.compute.device).to(memory_format=prepared.compute.memory_format)


def _check_size(network: ConvNet, channels: int) -> None:
    parameters, widest = network.parameters(channels), max(network.output_channels(channels))
    if parameters > MAX_PARAMETERS or widest > MAX_CHANNELS:
        raise CannotBuildError(
            f"the network has {parameters:,} parameters and up to {widest:,} channels in a layer: "
            f"at most {MAX_PARAMETERS:,} and {MAX_CHANNELS:,} can be trained"
        )


def _network(description: ConvNet | Mlp, prepared: Prepared) -> nn.Module:
    if isinstance(description, Mlp):
        return MlpNetwork(description, inputs=prepared.channels * prepared.side**2, outputs=prepared.classes)
    return ConvNetwork(description, channels=prepared.channels, classes=prepared.classes)


def _measurement(
    description: ConvNet | Mlp, prepared: Prepared, epochs: tuple[EpochMeasurement, ...], seconds: float
) -> Measurement:
    images = {"side": prepared.side, "channels": prepared.channels, "classes": prepared.classes}
    return Measurement(
        value=epochs[-1].value,
        epochs=epochs,
        seconds=seconds,
        trainer_seconds=seconds,
        parameters=accounting.parameters(description, **images),
        multiply_adds=accounting.multiply_adds(description, **images),
    )


def _facts(section: ImageClassification, run: ChildRun, prepared: Prepared) -> dict[str, Any]:
    """Return what the weights' manifest says of a child: all that measuring its value again takes, beside the data set."""
    return {
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
    }

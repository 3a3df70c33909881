"""The image classification task from one end to the other, on real digits."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest
import safetensors.torch
import torch

from nasfleet.catalogue.conv_chain import ChildOptimizer
from nasfleet.catalogue.search import Weights
from nasfleet.catalogue.tasks import Dataset, ImageClassification
from nasfleet.errors import InvalidInputError
from nasfleet.export import pytorch_source
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_layers import BatchNormLayer, ContrastNormLayer, ConvLayer, DropoutLayer, Layer, PoolLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp, MlpLayer
from nasfleet_testing.image_files import write_binary
from nasfleet_testing.specs import smallest_spec
from nasfleet_trainer.course import StoppedEarly
from nasfleet_trainer.failures import CannotBuildError, NotFiniteError, TrainerUnableError
from nasfleet_trainer.tasks.image_classification import ImageClassificationTask, prepare
from nasfleet_trainer.tasks.task import ChildRun

torch.set_num_threads(1)
CHILD = ConvNet(
    (
        ConvLayer(filter_height=3, filter_width=5, filters=8, stride_height=2),
        ConvLayer(filter_height=3, filter_width=3, filters=8),
        ConvLayer(filter_height=3, filter_width=1, filters=6, inputs=(0, 1)),
    )
)
SMALL: dict[str, Any] = {"epochs": 3, "batch_size": 25, "learning_rate": 0.3, "upsample_size": 8, "flip": False}


def child_run(task: ImageClassification, description: Any = CHILD, **changes: Any) -> ChildRun:
    of_the_run = {name: changes.pop(name) for name in ("device", "data_dir", "artifacts_dir") if name in changes}
    seed, trial = changes.pop("child_seed", 1), changes.pop("trial", 3)
    spec = smallest_spec(task=task, **changes)
    name = f"namespaces/default/searches/digits/trials/{trial}"
    return ChildRun(description, (1, 0), seed, spec, name, **of_the_run)


def trained(task: ImageClassification, **changes: Any) -> Measurement:
    return ImageClassificationTask(task).train(child_run(task, **changes), silent)


def silent(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
    """Take an epoch and say nothing."""


def curve(measurement: Measurement) -> list[tuple[float, float | None]]:
    return [(epoch.value, epoch.loss) for epoch in measurement.epochs]


def test_measurement_says_what_the_child_is_and_what_it_cost() -> None:
    reported: list[tuple[EpochMeasurement, int | None]] = []

    def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        reported.append((epoch, examples))

    task = ImageClassification(**SMALL)
    measurement = ImageClassificationTask(task).train(child_run(task), report)
    assert reported == [(epoch, 1200) for epoch in measurement.epochs]
    assert measurement.value == measurement.epochs[-1].value
    assert measurement.value > 0.5  # five times what guessing gives
    # Loose ends are the last layer alone: 3x5x1x8 + 16, 3x3x1x8 + 16, 3x1x16x6 + 12, and 6x10 + 10.
    assert measurement.parameters == 136 + 88 + 300 + 70
    # The first at 4 x 8 pixels, the others at 8 x 8.
    assert measurement.multiply_adds == 32 * 120 + 64 * 72 + 64 * 288 + 60
    assert measurement.seconds == measurement.trainer_seconds >= sum(epoch.seconds for epoch in measurement.epochs)
    assert measurement.weights_uri is None


def test_paper_recipe_trains() -> None:
    # As the catalogue has it by default: enlarged, cropped, mirrored, whitened, momentum, decay.
    measurement = trained(ImageClassification(epochs=2, training_examples=200))
    assert all(math.isfinite(epoch.loss or 0) for epoch in measurement.epochs)


def test_same_seed_trains_the_same_child_in_any_order() -> None:
    task = ImageClassification(**(SMALL | {"training_examples": 200}))
    warm = ImageClassificationTask(task)
    curves = [curve(warm.train(child_run(task, child_seed=seed), silent)) for seed in (1, 2, 1)]
    assert curves[0] == curves[2] != curves[1]
    torch.manual_seed(99)  # whatever else draws numbers in this process
    assert curve(trained(task, child_seed=1)) == curves[0]


def test_all_children_of_a_search_are_measured_on_the_same_images() -> None:
    task = ImageClassification(**SMALL)
    one, same, other = (
        prepare(task, child_run(task, child_seed=child_seed, seed=seed)).validation.images
        for child_seed, seed in ((1, 5), (2, 5), (1, 6))
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_test_batch_makes_no_difference(tmp_path: Path) -> None:
    folder = write_binary(tmp_path)
    task = ImageClassification(dataset=Dataset.CIFAR10, epochs=1, validation_examples=8)
    before = trained(task, data_dir=tmp_path)
    (folder / "test_batch.bin").unlink()
    assert curve(trained(task, data_dir=tmp_path)) == curve(before)


def test_failures_are_told_apart(tmp_path: Path) -> None:
    task = ImageClassification(**SMALL)
    with pytest.raises(CannotBuildError, match="this architecture is neither: search convChain or mlp"):
        trained(task, description=Assignment({"depth": 3}))
    with pytest.raises(NotFiniteError, match="the child diverged in epoch 1"):
        trained(ImageClassification(**(SMALL | {"learning_rate": 100, "weight_decay": 1})))
    with pytest.raises(TrainerUnableError, match="holds neither cifar-10-batches-bin"):
        trained(ImageClassification(dataset=Dataset.CIFAR10), data_dir=tmp_path)
    with pytest.raises(InvalidInputError, match="upsampleSize is 6, but images have 8 pixels: give at least that many"):
        trained(ImageClassification(**(SMALL | {"upsample_size": 6})))


def test_images_are_read_once_for_all_children(tmp_path: Path) -> None:
    folder = write_binary(tmp_path)
    section = ImageClassification(dataset=Dataset.CIFAR10, epochs=1, validation_examples=8)
    task = ImageClassificationTask(section)
    task.train(child_run(section, data_dir=tmp_path), silent)
    for path in folder.iterdir():
        path.unlink()
    task.train(child_run(section, data_dir=tmp_path), silent)


def kept(tmp_path: Path, weights: Weights, step_sizes: tuple[float, ...]) -> list[bool]:
    """Return whether the weights of each of several children, which learn as well as their step sizes let them, are kept."""
    section = ImageClassification(**(SMALL | {"training_examples": 500}))
    task = ImageClassificationTask(section)
    uris = []
    for trial, step_size in enumerate(step_sizes):
        task._section = ImageClassification(**(SMALL | {"learning_rate": step_size, "training_examples": 500}))
        run = child_run(section, trial=trial, weights=weights, artifacts_dir=tmp_path)
        uris.append(task.train(run, silent).weights_uri)
    return [uri is not None for uri in uris]


def test_weights_are_kept_as_the_search_says(tmp_path: Path) -> None:
    slow, fast = 1e-6, 0.1
    assert kept(tmp_path, Weights.NONE, (slow, fast)) == [False, False]
    assert kept(tmp_path, Weights.ALL, (fast, slow)) == [True, True]
    # The best so far, and what is as good: which of two equal ones is the best is not for a trainer to say.
    assert kept(tmp_path, Weights.BEST, (slow, fast, slow, fast)) == [True, True, False, True]


def test_weights_source_and_manifest_together_give_the_measured_accuracy_again(tmp_path: Path) -> None:
    measurement = trained(ImageClassification(**(SMALL | {"upsample_size": 12})), seed=5, artifacts_dir=tmp_path)
    weights = Path(url2pathname(urlparse(measurement.weights_uri or "").path))
    told = json.loads((weights.parent / "trial-3.json").read_text())
    source = pytorch_source(CHILD, told["channels"], told["classes"], told["imageSize"])
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported.py", "exec"), module)
    network = module["Network"]()
    network.load_state_dict(safetensors.torch.load_file(weights, device="cpu"))
    section = ImageClassification(
        dataset=Dataset(told["dataset"]),
        whiten=told["whiten"],
        upsample_size=told["upsampleSize"],
        validation_examples=told["validationExamples"],
    )
    prepared = prepare(section, child_run(section, seed=told["splitSeed"]))
    with torch.inference_mode():
        logits = network.eval()(prepared.augmentation.for_evaluation(prepared.validation.images))
    hits = (logits.argmax(dim=1) == prepared.validation.labels).numpy()
    assert np.mean(hits) == pytest.approx(measurement.value)
    assert told["value"] == measurement.value


def test_optimiser_and_step_size_are_those_of_the_network_where_it_has_some() -> None:
    task = ImageClassification(**(SMALL | {"training_examples": 200, "epochs": 1}))
    own = curve(trained(task))
    by_name = {name: curve(trained(task, description=replace(CHILD, optimizer=name))) for name in ChildOptimizer}
    assert by_name.pop(ChildOptimizer.NESTEROV) == own
    assert len({own[0], *(each[0] for each in by_name.values())}) == 4
    # The step size of the network is the task's if that has the same, whatever else the task says.
    other = ImageClassification(**(SMALL | {"training_examples": 200, "epochs": 1, "learning_rate": 0.05}))
    assert curve(trained(task, description=replace(CHILD, learning_rate=0.05))) == curve(trained(other)) != own


def test_a_child_of_every_kind_of_layer_learns_and_is_the_same_for_the_same_seed() -> None:
    child = ConvNet(
        (
            ConvLayer(filter_height=3, filter_width=3, filters=16, activation="Tanh"),
            ContrastNormLayer(size=5, inputs=(0,)),
            DropoutLayer(rate=0.2, inputs=(1,)),
            ConvLayer(filter_height=3, filter_width=3, filters=16, inputs=(2,)),
            PoolLayer(operation="Average", size=2, inputs=(3,)),
            BatchNormLayer(inputs=(0, 4)),
        ),
        pool_after=(3,),
        optimizer="Adam",
        learning_rate=0.01,
    )
    task = ImageClassification(**SMALL)
    warm = ImageClassificationTask(task)
    first, again, other = (warm.train(child_run(task, child, child_seed=seed), silent) for seed in (1, 1, 2))
    assert curve(first) == curve(again) != curve(other)
    assert first.value > 0.5  # five times what guessing gives


def test_networks_that_hand_on_too_many_channels_are_not_built() -> None:
    layers: list[Layer] = [ConvLayer(filter_height=1, filter_width=1, filters=4096)]
    layers += (BatchNormLayer(inputs=tuple(range(number))) for number in range(1, 9))
    with pytest.raises(CannotBuildError, match="up to 524,288 channels in a layer: at most 2,147,483,648 and 65,536"):
        trained(ImageClassification(**SMALL), description=ConvNet(tuple(layers)))


def test_a_fully_connected_network_is_trained_on_flattened_images(tmp_path: Path) -> None:
    task = ImageClassification(**SMALL)
    description = Mlp((MlpLayer(32, "relu"), MlpLayer(16, "tanh")))
    measurement = ImageClassificationTask(task).train(child_run(task, description, artifacts_dir=tmp_path), silent)
    assert measurement.value > 0.5
    assert measurement.parameters == 65 * 32 + 33 * 16 + 17 * 10
    assert measurement.multiply_adds == 64 * 32 + 32 * 16 + 16 * 10
    weights = safetensors.torch.load_file(Path(url2pathname(urlparse(measurement.weights_uri or "").path)))
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(pytorch_source(description, 1, 10, 8), "exported.py", "exec"), module)
    module["Network"]().load_state_dict(weights)


def test_child_that_is_stopped_early_is_measured_by_its_epochs_with_its_parameters_and_weights(tmp_path: Path) -> None:
    def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        if epoch.epoch == 2:
            raise StoppedEarly

    task = ImageClassification(**SMALL)
    measurement = ImageClassificationTask(task).train(child_run(task, artifacts_dir=tmp_path, weights=Weights.ALL), report)
    whole = trained(task)
    assert measurement.value == whole.epochs[1].value
    assert [epoch.epoch for epoch in measurement.epochs] == [1, 2]
    assert measurement.parameters == whole.parameters
    assert measurement.weights_uri is not None

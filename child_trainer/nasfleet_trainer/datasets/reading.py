"""Which reader a task's data set has, and how many of its images are held out."""

from pathlib import Path
from typing import assert_never

from nasfleet.catalogue.tasks import Dataset, ImageClassification
from nasfleet_trainer.data_directory import below
from nasfleet_trainer.datasets.cifar10 import read_cifar10
from nasfleet_trainer.datasets.digits import read_digits
from nasfleet_trainer.datasets.folder import read_folder
from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.datasets.splits import split
from nasfleet_trainer.failures import TrainerUnableError

_CIFAR10_VALIDATION = 5000  # Zoph & Le (2016), section 4.1


def read_split(task: ImageClassification, data_dir: Path | None, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Return the training and the validation images of a search with this seed.

    Raises:
        TrainerUnableError: if this trainer lacks the data set, or has a damaged one.
        InvalidInputError: if the data set has fewer images than the task asks for, or is not below the data directory.
    """
    examples = _read(task, data_dir)
    validation = task.validation_examples
    if validation is None:
        validation = _CIFAR10_VALIDATION if task.dataset is Dataset.CIFAR10 else len(examples) // 5
    return split(examples, seed=seed, validation=max(1, validation), training=task.training_examples)


def _read(task: ImageClassification, data_dir: Path | None) -> LabelledImages:
    match task.dataset:
        case Dataset.DIGITS:
            return read_digits()
        case Dataset.CIFAR10:
            return read_cifar10(_told(data_dir, task.dataset))
        case Dataset.FOLDER:
            folder = below(_told(data_dir, task.dataset), task.folder or "", name="folder", kind="folder")
            return read_folder(folder, task.image_size)
        case _:
            assert_never(task.dataset)


def _told(data_dir: Path | None, dataset: Dataset) -> Path:
    if data_dir is None:
        raise TrainerUnableError(f"this trainer was not told where its data sets are, which {dataset} needs: use --data-dir")
    return data_dir

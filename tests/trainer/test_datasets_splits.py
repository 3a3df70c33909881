"""Validation images: held out by the seed of the search, the same for all its children."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue.tasks import Dataset, ImageClassification
from nasfleet.errors import InvalidInputError
from nasfleet_testing.image_files import write_binary, write_folder
from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.datasets.reading import read_split
from nasfleet_trainer.datasets.splits import split
from nasfleet_trainer.failures import TrainerUnableError


def numbered(count: int) -> LabelledImages:
    """Return images that are known by their only pixel."""
    return LabelledImages(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1), np.zeros(count, np.int64), 1)


@given(count=st.integers(2, 200), data=st.data(), seed=st.integers(0, 2**63 - 1))
def test_no_image_is_in_both_splits_and_none_is_lost(count: int, data: st.DataObject, seed: int) -> None:
    held_out = data.draw(st.integers(1, count - 1))
    train, validation = split(numbered(count), seed=seed, validation=held_out, training=None)
    assert len(validation) == held_out
    assert sorted([*train.images.flat, *validation.images.flat]) == list(range(count))


def test_fewer_training_images_leave_the_validation_images_alone() -> None:
    all_of_it = split(numbered(100), seed=3, validation=20, training=None)
    less = split(numbered(100), seed=3, validation=20, training=10)
    np.testing.assert_array_equal(all_of_it[1].images, less[1].images)
    np.testing.assert_array_equal(all_of_it[0].images[:10], less[0].images)


def test_seed_of_the_search_chooses_the_images() -> None:
    one, other = (split(numbered(100), seed=seed, validation=20, training=None)[1].images for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_more_images_than_there_are_cannot_be_held_out_or_trained_on() -> None:
    with pytest.raises(InvalidInputError, match="validationExamples is 10, but there are 10 training images"):
        split(numbered(10), seed=0, validation=10, training=None)
    with pytest.raises(InvalidInputError, match="trainingExamples is 9, but 8 images are not held out"):
        split(numbered(10), seed=0, validation=2, training=9)


def test_digits_come_without_a_data_directory_and_keep_their_last_images_for_a_test() -> None:
    train, validation = read_split(ImageClassification(), None, seed=0)
    assert (train.images.shape, validation.images.shape) == ((1200, 1, 8, 8), (300, 1, 8, 8))
    assert (train.images.min(), train.images.max()) == (0, 255)
    assert np.bincount(train.labels, minlength=10).min() > 90


def test_data_directory_is_needed_where_the_images_are_files(tmp_path: Path) -> None:
    for dataset in (Dataset.CIFAR10, Dataset.FOLDER):
        with pytest.raises(TrainerUnableError, match=f"which {dataset} needs: use --data-dir"):
            read_split(ImageClassification(dataset=dataset), None, seed=0)


def test_files_are_read_from_the_data_directory(tmp_path: Path) -> None:
    write_binary(tmp_path)
    train, validation = read_split(ImageClassification(dataset=Dataset.CIFAR10, validation_examples=5), tmp_path, seed=0)
    assert (len(train), len(validation)) == (15, 5)
    write_folder(tmp_path / "cats" / "dogs")
    task = ImageClassification(dataset=Dataset.FOLDER, folder="cats/dogs", image_size=16)
    train, validation = read_split(task, tmp_path, seed=0)
    assert (len(train), len(validation), train.side) == (5, 1, 16)


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", "inside/../../elsewhere"])
def test_folder_outside_the_data_directory_is_refused(tmp_path: Path, folder: str) -> None:
    task = ImageClassification(dataset=Dataset.FOLDER, folder=folder)
    with pytest.raises(InvalidInputError, match="give a folder below the trainer's data directory"):
        read_split(task, tmp_path / "inside", seed=0)


def test_images_that_cannot_be_valid_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="labels are 0 to 3: there are 3 classes"):
        LabelledImages(np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 3]), 3)
    with pytest.raises(InvalidInputError, match=r"want images \[N, C, S, S\]"):
        LabelledImages(np.zeros((2, 1, 4, 5), np.uint8), np.array([0, 1]), 2)

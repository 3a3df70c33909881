"""CIFAR-10: both published layouts hold the same images, damage is named, and the test batch is never opened."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasfleet_testing.image_files import (
    cifar10_batches,
    dumped_by_python_2,
    dumped_by_python_3,
    write_binary,
    write_python,
)
from nasfleet_trainer.datasets.cifar10 import read_cifar10
from nasfleet_trainer.failures import TrainerUnableError

REAL_DATA = os.environ.get("NASFLEET_TEST_DATA")


@pytest.mark.parametrize("dump", [dumped_by_python_2, dumped_by_python_3])
def test_both_layouts_hold_the_same_images(tmp_path: Path, dump: Callable[[Any], bytes]) -> None:
    write_binary(tmp_path / "binary")
    write_python(tmp_path / "python", dump)
    binary, python = read_cifar10(tmp_path / "binary"), read_cifar10(tmp_path / "python")
    np.testing.assert_array_equal(binary.images, python.images)
    np.testing.assert_array_equal(binary.labels, python.labels)
    pixels, labels = cifar10_batches()[1]
    assert binary.images.shape == (20, 3, 32, 32)
    # The published order: all of red, then green, then blue, each row by row.
    assert binary.images[4, 2, 31, 30] == pixels[0, 2 * 1024 + 31 * 32 + 30]
    assert binary.labels[4:8].tolist() == labels


def test_test_batch_is_never_opened(tmp_path: Path) -> None:
    folder = write_binary(tmp_path)  # with a test batch that is no batch
    before = read_cifar10(tmp_path)
    (folder / "test_batch.bin").unlink()
    np.testing.assert_array_equal(before.images, read_cifar10(tmp_path).images)


def test_missing_folder_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(TrainerUnableError, match=r"neither cifar-10-batches-bin nor cifar-10-batches-py.*--data-dir"):
        read_cifar10(tmp_path)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def lose_an_image(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3073])


def relabel(path: Path) -> None:
    path.write_bytes(b"\x0b" + path.read_bytes()[1:])


BINARY_DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (Path.unlink, r"data_batch_3\.bin cannot be read \(No such file"),
    (lambda path: path.write_bytes(b""), r"data_batch_3\.bin has 0 bytes"),
    (shorten, r"data_batch_3\.bin has 12192 bytes, which is no whole number of records of 3073: unpack CIFAR-10 again"),
    (lose_an_image, r"data_batch_3\.bin has 3 images where another batch has 4"),
    (relabel, r"data_batch_3\.bin has the label 11, but the labels are 0 to 9"),
]


@pytest.mark.parametrize(("damage", "message"), BINARY_DAMAGE)
def test_damaged_binary_file_is_named(tmp_path: Path, damage: Callable[[Path], Any], message: str) -> None:
    folder = write_binary(tmp_path)
    damage(folder / "data_batch_3.bin")
    with pytest.raises(TrainerUnableError, match=message):
        read_cifar10(tmp_path)


class Malice:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("stolen",))


PIXELS = np.zeros((4, 3072), np.uint8)
PICKLES: list[tuple[Any, str]] = [
    (Malice(), r"names (posix|nt)\.mkdir, which is no array"),
    ([1, 2], "is a pickle without data"),
    ({"data": PIXELS}, "is a pickle without labels"),
    ({"data": PIXELS[:, :300], "labels": [0] * 4}, r"no array of bytes \[N, 3072\]"),
    ({"data": PIXELS.astype(float), "labels": [0] * 4}, r"no array of bytes \[N, 3072\]"),
    ({"data": PIXELS, "labels": [0] * 3}, "has 4 images, but not as many whole numbers as labels"),
    ({"data": PIXELS, "labels": ["cat"] * 4}, "has 4 images, but not as many whole numbers as labels"),
    ({"data": PIXELS, "labels": [0, 1, 2, -1]}, "has the label -1"),
]


@pytest.mark.parametrize(("content", "message"), PICKLES)
def test_pickle_that_is_no_batch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_python(tmp_path, dumped_by_python_2)
    (folder / "data_batch_2").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(TrainerUnableError, match=rf"data_batch_2 .*{message}"):
        read_cifar10(tmp_path)
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize("kept", [0, 1, 30, 200, 5000])
def test_pickle_that_is_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = write_python(tmp_path, dumped_by_python_2) / "data_batch_5"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(TrainerUnableError, match=r"data_batch_5 is no pickle of a batch .*unpack CIFAR-10 again"):
        read_cifar10(tmp_path)


@pytest.mark.skipif(REAL_DATA is None, reason="NASFLEET_TEST_DATA names no folder with the published files")
def test_published_files_have_fifty_thousand_images() -> None:
    examples = read_cifar10(Path(REAL_DATA or ""))
    assert examples.images.shape == (50_000, 3, 32, 32)
    assert np.bincount(examples.labels).tolist() == [5000] * 10
    # The published means of the training images' colours, in parts of 255.
    np.testing.assert_allclose(examples.images.mean((0, 2, 3)) / 255, [0.4914, 0.4822, 0.4465], atol=1e-4)

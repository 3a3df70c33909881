"""A folder of images: classes by name, the test folder never opened, and every fault named with its file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nasfleet_testing.image_files import write_folder
from nasfleet_trainer.datasets.folder import read_folder
from nasfleet_trainer.failures import TrainerUnableError


def test_classes_are_folders_in_order_of_their_names(tmp_path: Path) -> None:
    examples = read_folder(write_folder(tmp_path), side=8)
    assert examples.classes == 2
    assert examples.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert examples.images.shape == (6, 3, 8, 8)
    assert examples.images.mean((1, 2, 3)).tolist() == [200, 200, 200, 20, 20, 20]


def test_grey_and_transparent_images_have_three_channels(tmp_path: Path) -> None:
    write_folder(tmp_path)
    Image.new("L", (9, 9), 77).save(tmp_path / "dark" / "grey.png")
    Image.new("RGBA", (9, 9), (77, 77, 77, 77)).save(tmp_path / "dark" / "glass.png")
    assert read_folder(tmp_path, side=8).images.shape == (8, 3, 8, 8)


def test_only_what_is_below_train_is_read_where_there_is_a_train(tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    (tmp_path / "test" / "dark").mkdir(parents=True)
    (tmp_path / "test" / "dark" / "0.png").write_text("no search reads this")
    before = read_folder(tmp_path, side=8)
    (tmp_path / "test" / "dark" / "0.png").unlink()
    np.testing.assert_array_equal(before.images, read_folder(tmp_path, side=8).images)


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / ".cache").mkdir()
    for name in (".DS_Store", "Thumbs.db"):
        (tmp_path / "dark" / name).write_bytes(b"\0")
    assert len(read_folder(tmp_path, side=8)) == 6


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def empty(path: Path) -> None:
    for image in list(path.parent.iterdir())[1:]:
        image.unlink()


def nest(path: Path) -> None:
    (path.parent / "inner").mkdir()


FAULTS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda path: path.write_text("a note"), r"dark.1\.png is no image that can be read .*remove or replace it"),
    (shorten, r"dark.1\.png is no image that can be read .*remove or replace it"),
    (nest, r"dark.inner is no image that can be read"),
    (empty, r"dark has 1 images: give 2 at least"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_fault_is_named_with_its_file(tmp_path: Path, fault: Callable[[Path], Any], message: str) -> None:
    write_folder(tmp_path)
    fault(tmp_path / "dark" / "1.png")
    with pytest.raises(TrainerUnableError, match=message):
        read_folder(tmp_path, side=8)


def test_layouts_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerUnableError, match=r"there is no folder .*nowhere: correct the task's folder"):
        read_folder(tmp_path / "nowhere", side=8)
    write_folder(tmp_path / "tested" / "test")
    with pytest.raises(TrainerUnableError, match="has test but no train"):
        read_folder(tmp_path / "tested", side=8)
    with pytest.raises(TrainerUnableError, match=r"dark has 0 folders: give one for each class, two at least"):
        read_folder(tmp_path / "tested" / "test" / "dark", side=8)

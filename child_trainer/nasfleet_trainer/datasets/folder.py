"""A folder of images: one folder for each class, alone or below `train`; what is below `test` is never opened."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.failures import TrainerUnableError

_FEWEST_CLASSES = 2
_FEWEST_IMAGES = 2


def read_folder(folder: Path, side: int) -> LabelledImages:
    """Return the images, scaled to `side` x `side` pixels with three channels; classes are numbered in order of their names.

    Raises:
        TrainerUnableError: if the folder is missing or not laid out as above, or a file is no image.
    """
    root = _training_root(folder)
    classes = sorted(path for path in root.iterdir() if path.is_dir() and not _hidden(path))
    if len(classes) < _FEWEST_CLASSES:
        raise TrainerUnableError(f"{root} has {len(classes)} folders: give one for each class, two at least")
    files = [_images_of(path) for path in classes]
    images = [_read_image(path, side) for paths in files for path in paths]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(paths) for paths in files])
    return LabelledImages(np.stack(images), labels, len(classes))


def _training_root(folder: Path) -> Path:
    if not folder.is_dir():
        raise TrainerUnableError(f"there is no folder {folder}: correct the task's folder or the trainer's --data-dir")
    if (folder / "train").is_dir():
        return folder / "train"
    if (folder / "test").is_dir():
        raise TrainerUnableError(f"{folder} has test but no train: put the folders of the classes to train on below train")
    return folder


def _images_of(directory: Path) -> list[Path]:
    paths = sorted(path for path in directory.iterdir() if not _hidden(path))
    if len(paths) < _FEWEST_IMAGES:
        raise TrainerUnableError(
            f"{directory} has {len(paths)} images: give {_FEWEST_IMAGES} at least, to train and to validate on, or remove it"
        )
    return paths


def _read_image(path: Path, side: int) -> NDArray[np.uint8]:
    """Return [3, side, side]."""
    try:
        with Image.open(path) as image:
            scaled = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise TrainerUnableError(f"{path} is no image that can be read ({error}): remove or replace it") from error
    return np.asarray(scaled, np.uint8).transpose(2, 0, 1)


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name == "Thumbs.db"

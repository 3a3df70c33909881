"""The handwritten digits that come with scikit-learn: 8 pixels high and wide, no download.

Their file is read as it lies in the package: to import scikit-learn takes two seconds of each slot's start.
"""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasfleet_trainer.datasets.labelled_images import LabelledImages
from nasfleet_trainer.failures import TrainerUnableError

CLASSES = 10
_FILE = Path("datasets", "data", "digits.csv.gz")
_SIDE = 8
_GREYEST = 16
# There is no published test split: the last sixth, of other writers, is kept apart and used in no search.
_TRAINING_IMAGES = 1500


def read_digits() -> LabelledImages:
    """Return the 1,500 training images, 8 x 8 with one channel.

    Raises:
        TrainerUnableError: if scikit-learn is not installed here.
    """
    rows = _rows()[:_TRAINING_IMAGES]
    greys = rows[:, :-1].reshape(-1, 1, _SIDE, _SIDE)
    images = np.rint(greys * (255 / _GREYEST)).astype(np.uint8)
    return LabelledImages(images, rows[:, -1].astype(np.int64), CLASSES)


def _rows() -> NDArray[np.uint8]:
    """Return an image a row: its pixels as greys from 0 to 16, and then its label."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise TrainerUnableError("the digits come with scikit-learn, which is not installed here: install nasfleet[trainer]")
    path = Path(package.origin).parent / _FILE
    try:
        with gzip.open(path, "rt") as lines:
            return np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError) as error:
        raise TrainerUnableError(f"{path} cannot be read ({error}): install scikit-learn again") from error

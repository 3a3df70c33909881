"""The handwritten digits that come with scikit-learn: 8 pixels high and wide, no download."""

import numpy as np

from nasfleet_trainer.datasets.labelled_images import LabelledImages

CLASSES = 10
# scikit-learn has no test split of its own: the last sixth, of other writers, is kept apart and used in no search.
_TRAINING_IMAGES = 1500
_GREYEST = 16


def read_digits() -> LabelledImages:
    """Return the 1,500 training images, 8 x 8 with one channel."""
    from sklearn.datasets import load_digits  # imports scipy, which takes a second

    bunch = load_digits()
    images = np.rint(bunch.images[:_TRAINING_IMAGES, None] * (255 / _GREYEST)).astype(np.uint8)
    return LabelledImages(images, bunch.target[:_TRAINING_IMAGES].astype(np.int64), CLASSES)

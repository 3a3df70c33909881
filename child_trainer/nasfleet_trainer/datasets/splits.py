"""Validation images held out of the training images: the same ones for every child of a search."""

import numpy as np

from nasfleet.errors import InvalidInputError
from nasfleet_trainer.datasets.labelled_images import LabelledImages


def split(
    examples: LabelledImages, *, seed: int, validation: int, training: int | None
) -> tuple[LabelledImages, LabelledImages]:
    """Return the training images and the validation images, drawn from the seed of the search.

    Args:
        examples: all that may be trained on; a test split is no part of it.
        seed: of the search, not of a child.
        validation: how many to hold out; which ones does not depend on `training`.
        training: how many of the others to train on; all, if None.

    Raises:
        InvalidInputError: if there are not enough.
    """
    left = len(examples) - validation
    if left < 1:
        raise InvalidInputError(
            f"validationExamples is {validation}, but there are {len(examples)} training images: hold out fewer"
        )
    if training is not None and training > left:
        raise InvalidInputError(f"trainingExamples is {training}, but {left} images are not held out: give at most that")
    order = np.random.default_rng(seed).permutation(len(examples))
    chosen = order[validation:] if training is None else order[validation : validation + training]
    return examples[chosen], examples[order[:validation]]

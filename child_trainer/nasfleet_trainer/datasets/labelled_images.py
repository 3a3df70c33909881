"""Images with their labels, as every reader gives them; valid once made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasfleet.errors import InvalidInputError


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Square images as bytes.

    Attributes:
        images: uint8 [N, C, S, S].
        labels: int64 [N], from 0 to classes - 1.
        classes: how many classes there are.

    Raises:
        InvalidInputError: if the shapes do not agree or a label names no class.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        count, _, height, width = self.images.shape
        if height != width or self.labels.shape != (count,):
            raise InvalidInputError(f"want images [N, C, S, S] and labels [N], got {self.images.shape}, {self.labels.shape}")
        if count and not (self.labels.min() >= 0 and self.labels.max() < self.classes):
            raise InvalidInputError(f"labels are {self.labels.min()} to {self.labels.max()}: there are {self.classes} classes")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def channels(self) -> int:
        """Colours of a pixel: 1 or 3."""
        return int(self.images.shape[1])

    @property
    def side(self) -> int:
        """Height and width, in pixels."""
        return int(self.images.shape[2])

    def __getitem__(self, chosen: NDArray[np.int64]) -> "LabelledImages":
        """Return the images with these numbers, in this order."""
        return LabelledImages(self.images[chosen], self.labels[chosen], self.classes)

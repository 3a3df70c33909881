"""The last steps of an agent, to learn from at random; one preallocated row each, so that a batch is one look-up."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Transitions:
    """Steps: observations [B, N], actions [B, 1], rewards [B], what followed [B, N], and 1 or 0 where the episode ended [B]."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    following: Tensor
    goes_on: Tensor


class Replay:
    """The last `size` steps with observations of `width` figures; the oldest is forgotten first."""

    def __init__(self, size: int, width: int, generator: np.random.Generator) -> None:
        self._rows = np.empty((size, 2 * width + 3), dtype=np.float32)
        self._width = width
        self._generator = generator
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, len(self._rows))

    def add(
        self,
        observation: NDArray[np.float32],
        action: int,
        reward: float,
        following: NDArray[np.float32],
        *,
        terminated: bool,
    ) -> None:
        """Remember a step; `terminated` is false where only the time was over, since the task would have gone on."""
        row, width = self._rows[self._added % len(self._rows)], self._width
        row[:width] = observation
        row[width : 2 * width] = following
        row[2 * width] = action
        row[2 * width + 1] = reward
        row[2 * width + 2] = not terminated
        self._added += 1

    def sample(self, batch: int, device: torch.device) -> Transitions:
        """Return so many of the remembered steps, drawn uniformly with replacement."""
        chosen = torch.from_numpy(self._rows[self._generator.integers(len(self), size=batch)]).to(device)
        width = self._width
        return Transitions(
            observations=chosen[:, :width],
            actions=chosen[:, 2 * width : 2 * width + 1].long(),
            rewards=chosen[:, 2 * width + 1],
            following=chosen[:, width : 2 * width],
            goes_on=chosen[:, 2 * width + 2],
        )

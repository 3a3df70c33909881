"""The training of one child by the recipe of Zoph & Le (2016), section 4.1: Nesterov momentum, steps in stages.

All data stays on the device, and the host waits for the device once per epoch, when its figures are read. Each trainer of a
gang takes its share of every batch and of the images that are measured on, and all go through the same epochs.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasfleet.catalogue.tasks import ImageClassification
from nasfleet.measurement import EpochMeasurement
from nasfleet_trainer.augmentation import Augmentation
from nasfleet_trainer.compute import Compute
from nasfleet_trainer.data_parallel import ALONE, Share
from nasfleet_trainer.failures import NotFiniteError
from nasfleet_trainer.optimizers import build_optimizer

_EVALUATION_BATCH = 512


@dataclass(frozen=True, slots=True)
class Examples:
    """Images as bytes [N, C, S, S] with their labels [N], on the device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Training:
    """One child in training; `epochs` trains it, epoch by epoch.

    Args:
        network: on the device.
        recipe: the task's parameters.
        augmentation: what becomes of images before the network sees them.
        compute: where and in which precision.
        seed: the order of the images, their augmentation and what dropout drops follow from it.
        optimizer: its name in search documents; None for the task's own.
        share: what of it is this trainer's, if it trains the child with others.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        recipe: ImageClassification,
        augmentation: Augmentation,
        compute: Compute,
        seed: int,
        optimizer: str | None = None,
        share: Share = ALONE,
    ) -> None:
        self._network = network = share.equip(network)
        self._share = share
        self._recipe = recipe
        self._augmentation = augmentation
        self._compute = compute
        self._seed = seed
        self._generator = torch.Generator(compute.device).manual_seed(seed)
        self._optimizer = build_optimizer(network, recipe, optimizer)

    def epochs(self, train: Examples, validation: Examples) -> Iterator[EpochMeasurement]:
        """Yield each epoch when it is over.

        Raises:
            NotFiniteError: if the loss, or a logit on a validation image, is no finite number.
        """
        # Dropout draws from the process's own generator, and each trainer of a gang for its own share.
        torch.manual_seed(self._seed + self._share.rank)
        for epoch in range(self._recipe.epochs):
            started = time.perf_counter()
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(self._recipe, epoch)
            figures = torch.stack([self._train_once(train), self._hits(validation)])
            loss, hits = self._share.add_up(figures).tolist()
            if not math.isfinite(loss) or not math.isfinite(hits):
                raise NotFiniteError(f"the child diverged in epoch {epoch + 1}: its loss is {loss}")
            yield EpochMeasurement(epoch + 1, hits / len(validation), time.perf_counter() - started, loss)

    def _train_once(self, train: Examples) -> Tensor:
        """Return the mean loss of one pass over the images in random order; of a gang, this trainer's part of it."""
        self._network.train()
        total = torch.zeros((), device=self._compute.device)
        order = torch.randperm(len(train), generator=self._generator, device=self._compute.device)
        # Even shares: a last batch of one image would have no variance to normalise by.
        for batch in order.tensor_split(math.ceil(len(train) / self._recipe.batch_size)):
            total += self._step(train.images[batch], train.labels[batch]) * len(batch)
        return total / len(train)

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of one batch, after one step of the optimiser; of a gang, this trainer's part of it."""
        with self._compute.autocast():
            logits = self._network(self._augmentation.for_training(images, self._generator, self._share))
            own = self._share.of(labels)
            loss = functional.cross_entropy(logits, own) * (len(own) / len(labels))
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._share.add_up_gradients(self._network.parameters())
        self._optimizer.step()
        return loss.detach()

    @torch.inference_mode()
    def _hits(self, examples: Examples) -> Tensor:
        """Return how many images are classified rightly, NaN if a logit is no finite number; of a gang, in its share."""
        self._network.eval()
        hits = torch.zeros((), device=self._compute.device)
        for images, labels in zip(
            torch.split(self._share.of(examples.images), _EVALUATION_BATCH),
            torch.split(self._share.of(examples.labels), _EVALUATION_BATCH),
            strict=True,
        ):
            with self._compute.autocast():
                logits = self._network(self._augmentation.for_evaluation(images))
            hits += torch.where(logits.isfinite().all(), (logits.argmax(dim=1) == labels).sum(), math.nan)
        return hits


def learning_rate(recipe: ImageClassification, epoch: int) -> float:
    """Return the step size in an epoch, counted from 0: multiplied by the decay factor at each share of the epochs passed."""
    passed = sum(epoch >= share * recipe.epochs for share in recipe.learning_rate_decay_at)
    return recipe.learning_rate * recipe.learning_rate_decay_factor**passed

"""Images as a child sees them: whitened, enlarged, cropped and mirrored on the device, a whole batch at a time.

Whitening is per image, to mean 0 and variance 1, as TensorFlow's `per_image_whitening` of the paper's time does: nothing is
fitted, so nothing of the validation split can leak into training.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nasfleet_trainer.data_parallel import ALONE, Share


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What becomes of images before the network sees them.

    Attributes:
        enlarged_side: height and width, in pixels, to which images are enlarged before a crop of their own size.
        flip: whether training images are mirrored left to right, every other one.
        whiten: whether images are brought to mean 0 and variance 1 each; otherwise to 0 .. 1.
    """

    enlarged_side: int
    flip: bool
    whiten: bool

    def for_training(self, images: Tensor, generator: torch.Generator, share: Share = ALONE) -> Tensor:
        """Return float images [B, C, S, S], in channels-last memory, of bytes [B, C, S, S]: random crops, some mirrored.

        Of a gang each trainer gets its share of them, and draws for all, so that an image is cropped as it is by one alone.
        """
        count, side = len(images), images.shape[-1]
        slack = self.enlarged_side - side + 1
        top, left = torch.randint(slack, (2, count), generator=generator, device=images.device)
        mirrored = torch.zeros(count, dtype=torch.bool, device=images.device)
        if self.flip:
            mirrored = torch.rand(count, generator=generator, device=images.device) < 0.5  # noqa: PLR2004 - every other one
        return crop(self._prepared(share.of(images)), share.of(top), share.of(left), share.of(mirrored), side)

    def for_evaluation(self, images: Tensor) -> Tensor:
        """Return float images [B, C, S, S], in channels-last memory, of bytes [B, C, S, S]: the crop at the centre."""
        side = images.shape[-1]
        margin = (self.enlarged_side - side) // 2
        prepared = self._prepared(images)[:, :, margin : margin + side, margin : margin + side]
        return prepared.contiguous(memory_format=torch.channels_last)

    def _prepared(self, images: Tensor) -> Tensor:
        prepared = whiten(images) if self.whiten else images.float() / 255
        if self.enlarged_side == images.shape[-1]:
            return prepared
        return functional.interpolate(prepared, size=(self.enlarged_side,) * 2, mode="bilinear", align_corners=False)


def whiten(images: Tensor) -> Tensor:
    """Return each of [B, C, H, W] with mean 0 and variance 1 over all its pixels and channels.

    The deviation is taken as 1 / sqrt(pixels) at least, as TensorFlow does, so that a blank image is not divided by 0.
    """
    pixels = images[0].numel()
    flat = images.float().flatten(1)
    deviation, mean = torch.std_mean(flat, dim=1, keepdim=True, correction=0)
    return ((flat - mean) / deviation.clamp_min(pixels**-0.5)).view_as(images)


def crop(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, side: int) -> Tensor:
    """Return [B, C, side, side], in channels-last memory: of image b the square at top[b], left[b], mirrored if mirrored[b].

    One gather does all of it: indices [B, 1, 1], [B, side, 1] and [B, 1, side] select whole pixels, which come out depth last.
    """
    steps = torch.arange(side, device=images.device)
    across = torch.where(mirrored[:, None], steps.flip(0), steps)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    rows, columns = (top[:, None] + steps)[:, :, None], (left[:, None] + across)[:, None, :]
    return images.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)

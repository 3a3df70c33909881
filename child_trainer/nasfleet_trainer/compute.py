"""In which precision and memory layout a child is trained, by the device that it is trained on."""

from dataclasses import dataclass
from typing import assert_never

import torch

from nasfleet.catalogue.tasks import Precision
from nasfleet_trainer.failures import TrainerUnableError


@dataclass(frozen=True, slots=True)
class Compute:
    """Where a child is trained, and whether its forward passes compute with 16-bit brain floating point."""

    device: torch.device
    bfloat16: bool

    @property
    def memory_format(self) -> torch.memory_format:
        """Channels last: tensor cores want it, and children of the paper's size gain a tenth by it on a CPU too."""
        return torch.channels_last

    def autocast(self) -> torch.autocast:
        """Return the context in which forward passes run; weights stay 32-bit."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)


def choose_compute(device: str, precision: Precision) -> Compute:
    """Return what to compute with on `device`: "cpu", "cuda" or "cuda:1".

    Raises:
        TrainerUnableError: if there is no such device.
    """
    chosen = torch.device(device)
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise TrainerUnableError(
            f"this trainer was told to use {device}, but torch finds no GPU: install the driver and the device plugin, "
            "or start it with --device cpu (NASFLEET_DEVICE)"
        )
    return Compute(chosen, _computes_in_bfloat16(chosen, precision))


def _computes_in_bfloat16(device: torch.device, precision: Precision) -> bool:
    match precision:
        case Precision.FLOAT32:
            return False
        case Precision.BFLOAT16:
            return True
        case Precision.AUTO:
            # A CPU without the instructions emulates it, slowly; one with them gains only by big children.
            return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        case _:
            assert_never(precision)

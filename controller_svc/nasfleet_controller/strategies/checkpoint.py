"""The whole state of a learner as safetensors, so that reading it runs no code; every number comes back bit for bit."""

from dataclasses import dataclass

import torch
from safetensors.numpy import save
from safetensors.torch import load
from torch import Tensor, nn
from torch.optim import Optimizer

_POLICY = "policy"
_OPTIMIZER = "optimizer"
_VERSION = "version"
_BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a learner knows besides its tensors: updates so far, and the moving average of the reward."""

    version: int
    baseline: float


def write_checkpoint(policy: nn.Module, optimizer: Optimizer, progress: Progress) -> bytes:
    """Return the state as bytes; equal states give equal bytes."""
    tensors = {
        _VERSION: torch.tensor(progress.version),
        _BASELINE: torch.tensor(progress.baseline, dtype=torch.float64),
    }
    for name, weights in policy.named_parameters():
        tensors[f"{_POLICY}.{name}"] = weights.detach()
        for quantity, value in optimizer.state[weights].items():
            tensors[f"{_OPTIMIZER}.{name}.{quantity}"] = value
    # The same bytes as from the module for torch, in less than half the time.
    return save({name: tensor.numpy() for name, tensor in tensors.items()})


def read_checkpoint(checkpoint: bytes, policy: nn.Module, optimizer: Optimizer) -> Progress:
    """Bring a policy of the same shape and its optimiser to a state written before."""
    tensors = load(checkpoint)
    policy.load_state_dict(_below(_POLICY, tensors))
    moments = [_below(f"{_OPTIMIZER}.{name}", tensors) for name, _ in policy.named_parameters()]
    # A parameter that no gradient ever reached has no moments.
    state = {index: quantities for index, quantities in enumerate(moments) if quantities}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return Progress(int(tensors[_VERSION]), float(tensors[_BASELINE]))


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}

"""What the trainers of a gang compute together, so that a child learns in n of them what it learns in one.

Each takes its share of every batch. Gradients are added up, batch normalisation takes its statistics over the whole batch, and
each draws order and crops for the whole batch: what is left to differ is the order in which numbers are added, and what dropout
drops, which each draws for its own share.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one trainer in what `size` of them do together; of one alone it is all."""

    rank: int = 0
    size: int = 1

    def of(self, examples: Tensor) -> Tensor:
        """Return the part of [B, ...] that is this trainer's; parts differ by one at most."""
        return examples.tensor_split(self.size)[self.rank]

    def add_up(self, figures: Tensor) -> Tensor:
        """Return figures added up over all trainers."""
        if self.size > 1:
            distributed.all_reduce(figures)
        return figures

    def add_up_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every gradient the sum over all trainers, with one message for all of them."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        totals = torch.split(together, [gradient.numel() for gradient in gradients])
        for gradient, total in zip(gradients, totals, strict=True):
            gradient.copy_(total.view_as(gradient))

    def equip(self, network: nn.Module) -> nn.Module:
        """Return the network as rank 0 has it, with batch normalisation over whole batches."""
        if self.size > 1:
            _equip(network)
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)
        return network


ALONE = Share()


class GangBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batch of all trainers; the same on CPU and GPU, under the same parameter names."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return [B, C, H, W] normalised over B of all trainers, H and W."""
        if not self.training:
            return super().forward(maps)
        normalised: Tensor
        normalised, mean, variance, count = _Normalisation.apply(maps, self.weight, self.bias, self.eps)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, share)
                self.running_var.lerp_(variance * count / (count - 1).clamp_min(1), share)
        return normalised


class _Normalisation(torch.autograd.Function):
    """Ioffe & Szegedy (2015), algorithm 1 and the gradients of section 3, with each mean taken over all trainers."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = maps.float()
        mean, variance, count = _moments(values)
        deviation = torch.rsqrt(variance + eps)
        centred = (values - _wide(mean)) * _wide(deviation)
        ctx.save_for_backward(centred, weight, deviation, count)
        ctx.mark_non_differentiable(mean, variance, count)
        return (centred * _wide(weight) + _wide(bias)).to(maps.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        centred, weight, deviation, count = ctx.saved_tensors
        upstream = gradient.float()
        of_bias, of_weight = upstream.sum((0, 2, 3)), (upstream * centred).sum((0, 2, 3))
        sums = torch.stack([of_bias, of_weight])
        distributed.all_reduce(sums)
        mean_gradient, mean_product = sums / count
        of_maps = (upstream - _wide(mean_gradient) - centred * _wide(mean_product)) * _wide(weight * deviation)
        return of_maps.to(gradient.dtype), of_weight, of_bias, None


def _moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean [C], variance [C] and count [] over all trainers, by Chan et al. (1983): no cancellation of squares."""
    own_count = values.numel() / values.shape[1]
    own_variance, own_mean = torch.var_mean(values, (0, 2, 3), correction=0)
    own = torch.cat([own_mean, own_variance, own_mean.new_tensor([own_count])])
    everyones = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyones, own)
    gathered = torch.stack(everyones)
    counts, channels = gathered[:, -1:], values.shape[1]
    means, variances, count = gathered[:, :channels], gathered[:, channels:-1], counts.sum()
    mean = (means * counts).sum(0) / count
    variance = ((variances + (means - mean) ** 2) * counts).sum(0) / count
    return mean, variance, count


def _wide(figures: Tensor) -> Tensor:
    return figures[:, None, None]


def _equip(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            own = GangBatchNorm2d(child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats)
            own.load_state_dict(child.state_dict())
            setattr(module, name, own.to(child.weight.device))
        else:
            _equip(child)

"""Double deep Q-learning (van Hasselt, Guez and Silver 2016): the online network chooses the action, its target values it.

Plain deep Q-learning takes the greatest value of the target network, and so believes in whatever that overestimates. The target
follows the online network a little with each update (Lillicrap et al. 2016, section 3).
"""

from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nasfleet.catalogue.lunar_lander import LunarLander
from nasfleet_trainer.deep_q.replay import Transitions


def double_q_targets(
    rewards: Tensor, goes_on: Tensor, online_following: Tensor, target_following: Tensor, *, discount: float
) -> Tensor:
    """Return r + discount * Q_target(s', argmax over a of Q_online(s', a)), without the second part where the episode ended.

    Args:
        rewards: [B] of the steps.
        goes_on: [B] 1, or 0 where the step ended its episode.
        online_following: [B, A] values that the online network gives to the actions after the step.
        target_following: [B, A] values that the target network gives to them.
        discount: what a point is worth one step later.

    Raises:
        ValueError: if the shapes do not agree.
    """
    if online_following.shape != target_following.shape or not rewards.shape == goes_on.shape == online_following.shape[:1]:
        shapes = [list(each.shape) for each in (rewards, goes_on, online_following, target_following)]
        raise ValueError(f"want [B], [B], [B, A], [B, A]; got {shapes}")
    chosen = online_following.argmax(dim=1, keepdim=True)
    return rewards + discount * goes_on * target_following.gather(1, chosen).squeeze(1)


class QLearner:
    """A Q-network [B, N] to [B, A] on its device, and what improves it step by step.

    All its parameters and their gradients lie in one vector each, so that an optimiser's step and the following of the target
    are one operation each: what the updates of small networks cost is the number of operations, not their size.
    """

    def __init__(self, network: nn.Module, section: LunarLander, device: torch.device) -> None:
        self.network = network
        self._target = deepcopy(network).requires_grad_(requires_grad=False)
        self._device = device
        self._discount = section.discount
        self._rate = section.target_rate
        self._weights = nn.Parameter(_flatten(network))
        self._weights.grad = _gradients(network, self._weights)
        self._followers = _flatten(self._target)
        self._optimizer = torch.optim.Adam([self._weights], lr=section.learning_rate, fused=True)

    @torch.inference_mode()
    def best_action(self, observation: NDArray[np.float32]) -> int:
        """Return the action of the greatest value."""
        values = self.network(torch.from_numpy(observation).unsqueeze(0).to(self._device))
        return int(values.argmax())

    def learn(self, batch: Transitions) -> Tensor:
        """Make one update; return the mean squared error that it started from, on the device."""
        with torch.no_grad():
            following, target = self.network(batch.following), self._target(batch.following)
            targets = double_q_targets(batch.rewards, batch.goes_on, following, target, discount=self._discount)
        values = self.network(batch.observations).gather(1, batch.actions).squeeze(1)
        loss = functional.mse_loss(values, targets)
        self._optimizer.zero_grad(set_to_none=False)
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._followers.lerp_(self._weights.detach(), self._rate)
        return loss.detach()


def _flatten(network: nn.Module) -> Tensor:
    """Return one vector in which all parameters of the network lie from now on."""
    parameters = list(network.parameters())
    flat = torch.cat([parameter.detach().flatten() for parameter in parameters])
    for parameter, part in zip(parameters, _parts(flat, parameters), strict=True):
        parameter.data = part
    return flat


def _gradients(network: nn.Module, weights: Tensor) -> Tensor:
    """Return one vector to which the gradients of the network's parameters are added from now on."""
    flat = torch.zeros_like(weights)
    parameters = list(network.parameters())
    for parameter, part in zip(parameters, _parts(flat, parameters), strict=True):
        parameter.grad = part
    return flat


def _parts(flat: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    sizes = [parameter.numel() for parameter in parameters]
    return [part.view_as(parameter) for part, parameter in zip(torch.split(flat, sizes), parameters, strict=True)]

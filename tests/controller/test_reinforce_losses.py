import math

import pytest
import torch
from torch import Tensor

from nasfleet_controller.strategies.losses import ppo_loss, reinforce_loss

NONE = torch.zeros(1, 1)


def gradient_of(loss: Tensor, leaf: Tensor) -> Tensor:
    return torch.autograd.grad(loss, leaf, retain_graph=True)[0]


def log_prob_of_first(logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)[..., 0]


def test_gradient_is_advantage_times_one_hot_minus_probability() -> None:
    # d log softmax(z)[a] / dz = onehot(a) - p; with p = (1/2, 1/2), a = 0 and advantage 3: (1.5, -1.5).
    logits = torch.zeros(1, 1, 2, requires_grad=True)

    loss = reinforce_loss(log_prob_of_first(logits), NONE, torch.tensor([3.0]), entropy_weight=0.0)

    torch.testing.assert_close(-gradient_of(loss, logits), torch.tensor([[[1.5, -1.5]]]))


def test_gradient_is_a_sum_over_tokens_and_a_mean_over_architectures() -> None:
    # Each of 2 x 3 log-probabilities counts with its architecture's advantage, 1 or -4, divided by m = 2.
    log_probs = torch.zeros(2, 3, requires_grad=True)

    loss = reinforce_loss(log_probs, torch.zeros(2, 3), torch.tensor([1.0, -4.0]), entropy_weight=0.0)

    torch.testing.assert_close(-gradient_of(loss, log_probs), torch.tensor([[0.5] * 3, [-2.0] * 3]))


def test_no_gradient_flows_through_the_advantage() -> None:
    advantages = torch.ones(1, requires_grad=True)

    loss = reinforce_loss(torch.zeros(1, 1, requires_grad=True), NONE, advantages, entropy_weight=0.0)
    torch.autograd.backward(loss)

    assert advantages.grad is None


def test_entropy_counts_with_its_weight() -> None:
    entropies = torch.zeros(2, 3, requires_grad=True)

    loss = reinforce_loss(torch.zeros(2, 3), entropies, torch.zeros(2), entropy_weight=0.1)

    torch.testing.assert_close(-gradient_of(loss, entropies), torch.full((2, 3), 0.1 / 2))


def test_clipped_objective_has_the_plain_gradient_while_the_policy_is_the_old_one() -> None:
    logits = torch.tensor([[[0.3, -0.2]], [[0.1, 0.7]]], requires_grad=True)
    advantages = torch.tensor([2.0, -1.0])
    log_probs = log_prob_of_first(logits)

    plain = reinforce_loss(log_probs, torch.zeros(2, 1), advantages, entropy_weight=0.0)
    clipped = ppo_loss(log_probs, log_probs, torch.zeros(2, 1), advantages, clip=0.2, entropy_weight=0.0)

    torch.testing.assert_close(gradient_of(clipped, logits), gradient_of(plain, logits))


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [
        (1.1, 1.0, 1.1),  # within the clip: ratio times advantage
        (1.3, 1.0, 0.0),  # already likelier by more than the clip: nothing more to gain
        (0.7, -1.0, 0.0),  # already less likely by more than the clip
        (1.3, -1.0, -1.3),  # likelier though it was worse: undone without a limit
        (0.7, 1.0, 0.7),  # less likely though it was better: undone without a limit
    ],
)
def test_clipped_objective_stops_where_the_ratio_has_moved_far_enough(ratio: float, advantage: float, slope: float) -> None:
    # d(ratio x advantage) / d log p = ratio x advantage, or 0 where the clip holds.
    log_probs = torch.tensor([[math.log(ratio)]], requires_grad=True)

    loss = ppo_loss(log_probs, NONE, NONE, torch.tensor([advantage]), clip=0.2, entropy_weight=0.0)

    torch.testing.assert_close(-gradient_of(loss, log_probs), torch.tensor([[slope]]))


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match=r"want \[B, T\], \[B, T\], \[B\]; got \[2, 3\], \[2, 3\], \[3\]"):
        reinforce_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3), entropy_weight=0.0)
    with pytest.raises(ValueError, match=r"got \[2, 1\]"):
        ppo_loss(torch.zeros(2, 3), torch.zeros(2, 1), torch.zeros(2, 3), torch.zeros(2), clip=0.2, entropy_weight=0.0)

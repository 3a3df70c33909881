"""The scalars that a learner minimises; B architectures, T tokens."""

from torch import Tensor


def reinforce_loss(log_probs: Tensor, entropies: Tensor, advantages: Tensor, *, entropy_weight: float) -> Tensor:
    """Return the scalar whose gradient is minus the policy gradient (Williams 1992; Zoph & Le 2016, section 3.2).

    Args:
        log_probs: [B, T] log-probability, under the current policy, of each token taken.
        entropies: [B, T] entropy of each token's distribution, in nats.
        advantages: [B] reward minus baseline; treated as a constant.
        entropy_weight: reward units per nat.

    Raises:
        ValueError: if the shapes do not agree.
    """
    _check_shapes(log_probs, entropies, advantages)
    score = log_probs.sum(dim=1) * advantages.detach()
    return -(score + entropy_weight * entropies.sum(dim=1)).mean()


def ppo_loss(
    log_probs: Tensor, old_log_probs: Tensor, entropies: Tensor, advantages: Tensor, *, clip: float, entropy_weight: float
) -> Tensor:
    """Return minus the clipped surrogate objective (Schulman et al. 2017, equation 7), each token being one action.

    Its gradient is that of `reinforce_loss` while the policy is still the old one.

    Args:
        log_probs: [B, T] log-probability, under the current policy, of each token taken.
        old_log_probs: [B, T] the same before the first pass; treated as a constant.
        entropies: [B, T] entropy of each token's distribution, in nats.
        advantages: [B] reward minus baseline; treated as a constant.
        clip: how far from 1 the ratio of probabilities may move with profit.
        entropy_weight: reward units per nat.

    Raises:
        ValueError: if the shapes do not agree.
    """
    _check_shapes(log_probs, entropies, advantages)
    _check_shapes(old_log_probs, entropies, advantages)
    ratios = (log_probs - old_log_probs.detach()).exp()
    gains = advantages.detach().unsqueeze(1)
    surrogate = (ratios * gains).minimum(ratios.clamp(1 - clip, 1 + clip) * gains)
    return -(surrogate.sum(dim=1) + entropy_weight * entropies.sum(dim=1)).mean()


def _check_shapes(log_probs: Tensor, entropies: Tensor, advantages: Tensor) -> None:
    if log_probs.shape != entropies.shape or log_probs.shape[:1] != advantages.shape:
        shapes = [*log_probs.shape], [*entropies.shape], [*advantages.shape]
        raise ValueError(f"want [B, T], [B, T], [B]; got {shapes[0]}, {shapes[1]}, {shapes[2]}")

"""Learning from rewards: the policy gradient with a moving-average baseline (Zoph & Le 2016, section 3.2).

Where the paper is silent: the baseline averages the reward in use, starts at the first batch's mean, moves once per batch by
the batch's mean, and the advantage uses its value from before.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam

from nasfleet.catalogue import Reinforce
from nasfleet_controller.strategies.checkpoint import Progress, read_checkpoint, write_checkpoint
from nasfleet_controller.strategies.depths import Decisions
from nasfleet_controller.strategies.heads import Scores
from nasfleet_controller.strategies.losses import ppo_loss, reinforce_loss
from nasfleet_controller.strategies.policy import Policy
from nasfleet_controller.strategies.strategy import Credit, Update


class Learner:
    """Improves a policy, batch by batch; `decisions_at` gives the decisions at a depth."""

    def __init__(self, policy: Policy, section: Reinforce, decisions_at: Callable[[int | None], Decisions]) -> None:
        self._policy = policy
        self._section = section
        self._decisions_at = decisions_at
        self._optimizer = Adam(policy.parameters(), lr=section.learning_rate)
        self._baseline: float | None = None
        self.version = 0

    def learn(self, credited: Sequence[Credit]) -> Update | None:
        """Make one update; return None if every reward is later than `max_staleness` allows.

        Rewards that are too late stay out of gradient and baseline, and do not count as an update: that would make all
        others later still.
        """
        timely = [credit for credit in credited if self._is_timely(credit)]
        if not timely:
            return None
        mean_reward = fmean(credit.reward for credit in timely)
        baseline = mean_reward if self._baseline is None else self._baseline
        parts = self._parts(timely, baseline)
        first = self._pass(parts)
        # While the policy is the old one, the clipped objective has the gradient of the plain one: the first pass is done.
        for _ in range(self._section.ppo_passes - 1):
            self._pass(parts, first.log_probs)
        decay = self._section.baseline_decay
        self._baseline = decay * baseline + (1 - decay) * mean_reward
        staleness = self.version - min(credit.policy_version for credit in timely)
        self.version += 1
        return Update(
            version=self.version,
            baseline=self._baseline,
            mean_reward=mean_reward,
            entropy=first.entropy,
            gradient_norm=first.gradient_norm,
            staleness=staleness,
            checkpoint=write_checkpoint(self._policy, self._optimizer, Progress(self.version, self._baseline)),
        )

    def restore(self, checkpoint: bytes) -> None:
        """Return to the state after the update that wrote this checkpoint."""
        progress = read_checkpoint(checkpoint, self._policy, self._optimizer)
        self.version, self._baseline = progress.version, progress.baseline

    def _is_timely(self, credit: Credit) -> bool:
        bound = self._section.max_staleness
        return bound is None or self.version - credit.policy_version <= bound

    def _parts(self, credited: Sequence[Credit], baseline: float) -> list["_Part"]:
        by_depth: defaultdict[int | None, list[Credit]] = defaultdict(list)
        for credit in credited:
            by_depth[credit.layers].append(credit)
        return [
            _Part(
                decisions=self._decisions_at(layers),
                tokens=torch.tensor([credit.tokens for credit in group]),
                advantages=torch.tensor([credit.reward - baseline for credit in group]),
                share=len(group) / len(credited),
            )
            for layers, group in by_depth.items()
        ]

    def _pass(self, parts: Sequence["_Part"], old_log_probs: Sequence[Tensor] | None = None) -> "_Pass":
        """Take one step of gradient descent: plain, or clipped where log-probabilities of an earlier pass are given."""
        scores = [self._policy.score(part.decisions, part.tokens) for part in parts]
        olds: Sequence[Tensor | None] = old_log_probs or [None] * len(parts)
        loss = _weighted(parts, [self._loss(*each) for each in zip(parts, scores, olds, strict=True)])
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        norm = clip_grad_norm_(self._policy.parameters(), self._section.gradient_clip or math.inf)
        self._optimizer.step()
        per_decision = [
            entropies.detach().sum(dim=1).mean() / len(part.decisions)
            for part, (_, entropies) in zip(parts, scores, strict=True)
        ]
        log_probs = [log_probs.detach() for log_probs, _ in scores]
        return _Pass(log_probs, float(_weighted(parts, per_decision)), float(norm))

    def _loss(self, part: "_Part", score: Scores, old_log_probs: Tensor | None) -> Tensor:
        log_probs, entropies = score
        weight = self._section.entropy_weight
        if old_log_probs is None:
            return reinforce_loss(log_probs, entropies, part.advantages, entropy_weight=weight)
        clip = self._section.ppo_clip
        return ppo_loss(log_probs, old_log_probs, entropies, part.advantages, clip=clip, entropy_weight=weight)


@dataclass(frozen=True, slots=True)
class _Part:
    """The architectures of a batch that have one depth, and their share of the batch."""

    decisions: Decisions
    tokens: Tensor
    advantages: Tensor
    share: float


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass found before its step: log-probabilities by part, entropy in nats per decision, norm of the gradient."""

    log_probs: list[Tensor]
    entropy: float
    gradient_norm: float


def _weighted(parts: Sequence[_Part], means: Sequence[Tensor]) -> Tensor:
    """Return the mean over the whole batch, given those over its parts."""
    return torch.stack([part.share * mean for part, mean in zip(parts, means, strict=True)]).sum()

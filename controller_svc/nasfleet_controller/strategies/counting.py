"""What counts of token strings where some decisions do not arise: neither score nor gradient may come of the others.

Letters in shapes: B architectures, T tokens, S decisions, E embedding size.
"""

import torch
from torch import Tensor

from nasfleet.spaces.conditions import Condition, conditions
from nasfleet_controller.strategies.depths import Decisions


def arising(deciding: Tensor, condition: Condition) -> Tensor:
    """Return where a decision arises, given the tokens of the choice that decides it, in their shape."""
    return torch.isin(deciding, torch.tensor(sorted(condition.arises)))


class Counting:
    """Sets to 0 what belongs to decisions that do not arise; leaves all as it is in spaces where every decision does."""

    def __init__(self, decisions: Decisions, tokens: Tensor) -> None:
        self._tokens: Tensor | None = None
        self._steps: Tensor | None = None
        if given := conditions(decisions):
            self._tokens = tokens.new_ones(tokens.shape, dtype=torch.bool)
            self._steps = tokens.new_ones(len(tokens), len(decisions), dtype=torch.bool)
            for condition in given:
                arises = arising(tokens[:, condition.decider], condition)
                self._tokens[:, condition.column] = self._steps[:, condition.step] = arises

    def of_tokens(self, scores: Tensor) -> Tensor:
        """Return [B, T] with 0 for every token that says nothing."""
        return scores if self._tokens is None else scores * self._tokens

    def of_steps(self, embedded: Tensor) -> Tensor:
        """Return [B, S, E] with zeros for every decision that does not arise."""
        return embedded if self._steps is None else embedded * self._steps.unsqueeze(2)

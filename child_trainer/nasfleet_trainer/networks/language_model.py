"""A language model: an embedding, layers of one cell, a classifier (Zaremba et al. 2014), with the dropout of Gal (2016).

All masks stay the same for all steps of a window. Letters in shapes: T steps, B places of the text, V vocabulary, H units,
L layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional


class Layer(Protocol):
    """One recurrent layer, of whatever cell."""

    def __call__(self, inputs: Tensor, state: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs [T, B, H] for inputs [T, B, H], and the next state, from the last one [2, B, H]."""
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares that are left out: words of the vocabulary, figures between the layers, figures of the last output."""

    words: float = 0.0
    between: float = 0.0
    recurrent: float = 0.0


@dataclass(frozen=True, slots=True)
class Masks:
    """What is left out of one window; None for nothing.

    Attributes:
        words: [V, 1].
        between: before the first layer, between the layers and after the last: L + 1 of [B, H].
        recurrent: of each layer's last output: L of [B, H].
    """

    words: Tensor | None
    between: Sequence[Tensor | None]
    recurrent: Sequence[Tensor | None]


class LanguageModel(nn.Module):
    """Tokens to the logits of those that follow; its parameters are `embedding`, `layers.{i}` and `classifier`.

    Args:
        vocabulary: V.
        width: H.
        layers: all of this width.
        tied: whether the classifier uses the embedding's matrix.
        initial_range: every weight starts uniform between minus this and this; biases start at 0.
    """

    def __init__(self, vocabulary: int, width: int, layers: Sequence[nn.Module], *, tied: bool, initial_range: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(layers)
        self.classifier = nn.Linear(width, vocabulary)
        if tied:
            self.classifier.weight = self.embedding.weight
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -initial_range, initial_range)

    def forward(self, tokens: Tensor, state: Tensor, masks: Masks) -> tuple[Tensor, Tensor]:
        """Return logits [T * B, V] for tokens [T, B], and the next state, from the last one [L, 2, B, H]."""
        hidden = self.embedding(tokens)
        if masks.words is not None:
            hidden = hidden * functional.embedding(tokens, masks.words)
        hidden = _masked(hidden, masks.between[0])
        states = []
        for number, layer in enumerate(self.layers):
            hidden, after = layer(hidden, state[number], masks.recurrent[number])
            hidden = _masked(hidden, masks.between[number + 1])
            states.append(after)
        logits: Tensor = self.classifier(hidden.flatten(0, 1))
        return logits, torch.stack(states)

    def first_state(self, places: int) -> Tensor:
        """Return the state at the beginning of a text, [L, 2, B, H]: nothing."""
        weight = self.embedding.weight
        return weight.new_zeros(len(self.layers), 2, places, weight.shape[1])

    def masks(self, places: int, rates: Rates, generator: Generator) -> Masks:
        """Return masks drawn anew for a window of B places; what stays is made larger by what is left out."""
        vocabulary, width = self.embedding.weight.shape

        def draw(rate: float, *shape: int) -> Tensor | None:
            if rate == 0:
                return None
            kept = torch.empty(shape, device=self.embedding.weight.device).bernoulli_(1 - rate, generator=generator)
            return kept / (1 - rate)

        count = len(self.layers)
        return Masks(
            draw(rates.words, vocabulary, 1),
            [draw(rates.between, places, width) for _ in range(count + 1)],
            [draw(rates.recurrent, places, width) for _ in range(count)],
        )

    def no_masks(self) -> Masks:
        """Return the masks that leave nothing out."""
        return Masks(None, [None] * (len(self.layers) + 1), [None] * len(self.layers))


def _masked(hidden: Tensor, mask: Tensor | None) -> Tensor:
    return hidden if mask is None else hidden * mask

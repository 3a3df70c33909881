"""How the policy takes one decision: a softmax for one of several, set-selection attention for any of the earlier anchors.

Letters in shapes: B architectures, N decisions of one kind, W tokens of these decisions, H hidden units, E embedding size.
`ways` says for each of the N decisions how many options or candidates it has.
"""

from functools import lru_cache

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

Ways = tuple[int, ...]
Scores = tuple[Tensor, Tensor]


class OneOfHead(nn.Module):
    """One of n values, for `Choice` and `Index`: a softmax over the first `ways` logits; the others cannot be chosen."""

    def __init__(self, hidden_units: int, embedding_size: int, most_ways: int) -> None:
        super().__init__()
        self.logits = nn.Linear(hidden_units, most_ways)
        self.embedding = nn.Parameter(torch.empty(most_ways, embedding_size))

    def sample(self, hidden: Tensor, ways: int, _earlier: list[Tensor], generator: Generator) -> Tensor:
        """Return one token [B, 1] for each hidden state [B, H].

        The largest of logits with Gumbel noise is a draw from their softmax; minus the logarithm of an exponential variate is
        such noise.
        """
        logits: Tensor = self.logits(hidden)[:, :ways]
        noise = torch.empty_like(logits).exponential_(generator=generator).log_()
        return (logits - noise).argmax(dim=1, keepdim=True)

    def embed(self, tokens: Tensor, _ways: Ways) -> Tensor:
        """Return what the LSTM reads after these decisions [B, N, E], given their tokens [B, W]."""
        return functional.embedding(tokens, self.embedding)

    def score(self, hidden: Tensor, tokens: Tensor, ways: Ways) -> Scores:
        """Return log-probabilities and entropies [B, W] of tokens [B, W] taken in states [B, N, H]."""
        impossible = _impossible(ways, len(self.embedding))
        log_probs = self.logits(hidden).masked_fill(impossible, -torch.inf).log_softmax(dim=2)
        taken = log_probs.gather(2, tokens.unsqueeze(2)).squeeze(2)
        return taken, -(log_probs.exp() * log_probs.masked_fill(impossible, 0.0)).sum(dim=2)


class SubsetHead(nn.Module):
    """Any of the earlier anchors (Zoph & Le 2016, section 3.3), each drawn by itself.

    P(anchor j feeds anchor i) = sigmoid(v . tanh(W_prev h_j + W_curr h_i)), h being the LSTM's output at an anchor's step.
    The paper does not say what the LSTM reads after an anchor: here the mean of one learned vector for the anchor itself and
    one for each candidate chosen, so that later decisions know of the choice and all steps can still be scored in one pass.
    """

    def __init__(self, hidden_units: int, embedding_size: int, most_ways: int) -> None:
        super().__init__()
        self.previous = nn.Linear(hidden_units, hidden_units, bias=False)
        self.current = nn.Linear(hidden_units, hidden_units, bias=False)
        self.attention = nn.Linear(hidden_units, 1, bias=False)
        self.embedding = nn.Parameter(torch.empty(1 + most_ways, embedding_size))

    def sample(self, hidden: Tensor, ways: int, earlier: list[Tensor], generator: Generator) -> Tensor:
        """Return tokens [B, ways] for hidden states [B, H], given W_prev h_j [B, H] of the earlier anchors; add its own."""
        candidates = torch.stack(earlier[:ways], dim=1) if ways else hidden.new_empty(len(hidden), 0, hidden.shape[1])
        earlier.append(self.previous(hidden))
        logits = self.attention(torch.tanh(candidates + self.current(hidden).unsqueeze(1))).squeeze(2)
        return torch.bernoulli(logits.sigmoid(), generator=generator).long()

    def embed(self, tokens: Tensor, ways: Ways) -> Tensor:
        """Return what the LSTM reads after these decisions [B, N, E], given their tokens [B, W]."""
        anchors, candidates = _pairs(ways)
        chosen = self.embedding.new_zeros(len(tokens), len(ways), 1 + max(ways))
        chosen[:, :, 0] = 1.0
        chosen[:, anchors, 1 + candidates] = tokens.to(chosen.dtype)
        return (chosen / chosen.sum(dim=2, keepdim=True)) @ self.embedding[: 1 + max(ways)]

    def score(self, hidden: Tensor, tokens: Tensor, ways: Ways) -> Scores:
        """Return log-probabilities and entropies [B, W] of tokens [B, W] taken in states [B, N, H]."""
        anchors, candidates = _pairs(ways)
        mixed = self.previous(hidden).index_select(1, candidates) + self.current(hidden).index_select(1, anchors)
        logits = self.attention(torch.tanh(mixed)).squeeze(2)
        log_yes, log_no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        entropies = -(log_yes.exp() * log_yes + log_no.exp() * log_no)
        return torch.where(tokens == 1, log_yes, log_no), entropies


Head = OneOfHead | SubsetHead


@lru_cache(maxsize=64)
def _impossible(ways: Ways, most_ways: int) -> Tensor:
    """Return for each decision which of the logits are none of its options [N, most_ways]."""
    return torch.arange(most_ways) >= torch.tensor(ways).unsqueeze(1)


@lru_cache(maxsize=64)
def _pairs(ways: Ways) -> tuple[Tensor, Tensor]:
    """Return the anchor and the candidate that each token is about [W], [W]."""
    pairs = [(anchor, candidate) for anchor, count in enumerate(ways) for candidate in range(count)]
    anchors, candidates = zip(*pairs, strict=True) if pairs else ((), ())
    return torch.tensor(anchors, dtype=torch.long), torch.tensor(candidates, dtype=torch.long)

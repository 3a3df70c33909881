"""The policy: a recurrent network that writes architectures token by token (Zoph & Le 2016, sections 3.1 to 3.3).

Each decision is one step of the LSTM. The head of the decision's kind reads the LSTM's output and gives the distribution of
its tokens; the embedding of what was chosen is the next step's input. The first input is a learned vector. A decision that does
not arise has the token 0, is certain, and the step after it reads zeros.
Letters in shapes: B architectures, T tokens, S decisions, H hidden units, E embedding size.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Generator, Tensor, nn

from nasfleet.spaces.conditions import conditions
from nasfleet.spaces.decision import Decision, Subset
from nasfleet_controller.strategies.counting import Counting, arising
from nasfleet_controller.strategies.depths import Decisions
from nasfleet_controller.strategies.heads import Head, OneOfHead, Scores, SubsetHead


class Policy(nn.Module):
    """Writes and scores token strings of a space and of all its shallower forms.

    Args:
        decisions: of the space, at its greatest depth.
        hidden_units: H, of each layer of the LSTM.
        layers: of the LSTM.
        embedding_size: E.
        initial_range: every weight starts uniform between minus this and this.
        generator: of the initial weights.
    """

    def __init__(
        self,
        decisions: Decisions,
        *,
        hidden_units: int,
        layers: int,
        embedding_size: int,
        initial_range: float,
        generator: Generator,
    ) -> None:
        super().__init__()
        heads = {kind: _build_head(of_kind, hidden_units, embedding_size) for kind, of_kind in _by_kind(decisions).items()}
        # A kind may be any text, a module's name may not.
        self._position = {kind: position for position, kind in enumerate(heads)}
        self.heads = nn.ModuleList(heads.values())
        self.lstm = nn.LSTM(embedding_size, hidden_units, layers, batch_first=True)
        self.first_input = nn.Parameter(torch.empty(embedding_size))
        for weights in self.parameters():
            nn.init.uniform_(weights, -initial_range, initial_range, generator=generator)

    @torch.no_grad()
    def sample(self, decisions: Decisions, count: int, generator: Generator) -> Tensor:
        """Return `count` token strings [B, T] drawn from the policy.

        Bit-equal for the same weights, count and state of the generator; another count gives other strings.
        """
        inputs = self.first_input.expand(count, -1)
        states = [(inputs.new_zeros(count, self.lstm.hidden_size),) * 2 for _ in range(self.lstm.num_layers)]
        earlier: defaultdict[str, list[Tensor]] = defaultdict(list)
        all_weights = self.lstm.all_weights
        taken: list[Tensor] = []
        given = {condition.step: condition for condition in conditions(decisions)}
        for step, decision in enumerate(decisions):
            hidden = inputs
            for layer, weights in enumerate(all_weights):
                hidden, cell = torch.lstm_cell(hidden, states[layer], *weights)
                states[layer] = hidden, cell
            head = self._head(decision.kind)
            ways = _ways(decision)
            tokens = head.sample(hidden, ways, earlier[decision.kind], generator)
            inputs = head.embed(tokens, (ways,)).squeeze(1)
            if step in given:
                arises = arising(taken[given[step].deciding_step], given[step])
                tokens, inputs = tokens * arises, inputs * arises
            taken.append(tokens)
        return torch.cat(taken, dim=1)

    def score(self, decisions: Decisions, tokens: Tensor) -> Scores:
        """Return log-probabilities and entropies (nats) [B, T], [B, T] of each token, given those before it.

        Args:
            decisions: of the space at the depth of these tokens.
            tokens: [B, T] token strings, each valid in the space.
        """
        order = _arrange(decisions)
        counting = Counting(decisions, tokens)
        embedded = [self._head(k.kind).embed(tokens.index_select(1, k.columns), k.ways) for k in order.kinds]
        outputs = counting.of_steps(torch.cat(embedded, dim=1).index_select(1, order.of_steps))
        first = self.first_input.expand(len(tokens), 1, -1)
        hidden, _ = self.lstm(torch.cat([first, outputs[:, :-1]], dim=1))
        scores = [
            self._head(k.kind).score(hidden.index_select(1, k.steps), tokens.index_select(1, k.columns), k.ways)
            for k in order.kinds
        ]
        log_probs, entropies = (
            torch.cat(parts, dim=1).index_select(1, order.of_columns) for parts in zip(*scores, strict=True)
        )
        return counting.of_tokens(log_probs), counting.of_tokens(entropies)

    def _head(self, kind: str) -> Head:
        head = self.heads[self._position[kind]]
        assert isinstance(head, OneOfHead | SubsetHead)
        return head


@dataclass(frozen=True, slots=True)
class _KindOrder:
    """Where the decisions of one kind stand among all: their steps [N], the columns of their tokens [W], their ways."""

    kind: str
    steps: Tensor
    columns: Tensor
    ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Order:
    """The kinds, and how to put what was computed kind by kind back into the order of the decisions and of the tokens."""

    kinds: tuple[_KindOrder, ...]
    of_steps: Tensor
    of_columns: Tensor


@lru_cache(maxsize=64)
def _arrange(decisions: Decisions) -> _Order:
    ends = torch.tensor([decision.width for decision in decisions]).cumsum(0).tolist()
    steps: defaultdict[str, list[int]] = defaultdict(list)
    columns: defaultdict[str, list[int]] = defaultdict(list)
    for step, (decision, end) in enumerate(zip(decisions, ends, strict=True)):
        steps[decision.kind].append(step)
        columns[decision.kind].extend(range(end - decision.width, end))
    kinds = tuple(
        _KindOrder(
            kind, torch.tensor(at), torch.tensor(columns[kind], dtype=torch.long), tuple(_ways(decisions[s]) for s in at)
        )
        for kind, at in steps.items()
    )
    return _Order(kinds, torch.cat([k.steps for k in kinds]).argsort(), torch.cat([k.columns for k in kinds]).argsort())


def _by_kind(decisions: Decisions) -> dict[str, list[Decision]]:
    of_kind: defaultdict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        of_kind[decision.kind].append(decision)
    return of_kind


def _build_head(of_kind: Sequence[Decision], hidden_units: int, embedding_size: int) -> Head:
    head = SubsetHead if isinstance(of_kind[0], Subset) else OneOfHead
    return head(hidden_units, embedding_size, max(map(_ways, of_kind)))


def _ways(decision: Decision) -> int:
    return decision.candidates if isinstance(decision, Subset) else decision.bound

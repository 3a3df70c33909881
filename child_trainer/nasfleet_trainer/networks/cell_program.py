"""A recurrent cell as a program over steps: which leaves are computed together, and how one step goes forwards and backwards.

Letters in shapes: T steps, B places of the text, N leaves, H units. Leaves that combine and activate alike are one run: their
vectors lie side by side, and one call serves all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell
from nasfleet_trainer.networks.cell_operations import ACTIVATE, COMBINE, DEACTIVATE, UNCOMBINE


@dataclass(frozen=True, slots=True)
class Run:
    """Leaves that lie side by side and do the same; the one that yields the cell state is a run by itself."""

    operation: Operation
    leaves: tuple[int, ...]


@dataclass(slots=True)
class Trace:
    """What one step leaves behind for its gradient.

    Attributes:
        x: of each run, what its leaves make of the input [B, leaves of the run * H].
        h: of each run, what its leaves make of the last output.
        state: the last cell state [B, H].
        combined: of each run and then of each inner node, before the activation.
        activated: likewise, after it.
        outputs: of each node, what others read of it [B, H].
        received: what the node that receives the cell state gives before it does.
        injected: that combined with the cell state.
        yielded: the new cell state.
    """

    x: Sequence[Tensor]
    h: Sequence[Tensor]
    state: Tensor
    combined: list[Tensor]
    activated: list[Tensor]
    outputs: list[Tensor]
    received: Tensor
    injected: Tensor
    yielded: Tensor


class CellProgram:
    """How a cell computes."""

    def __init__(self, cell: RecurrentCell) -> None:
        self.cell = cell
        self.runs = tuple(_runs(cell))
        self.order = tuple(leaf for run in self.runs for leaf in run.leaves)
        self._inner = tuple(
            (node, cell.nodes[node], *below) for node in range(len(cell.nodes)) if (below := cell.children(node)) is not None
        )

    def sizes(self, width: int) -> list[int]:
        """Return how many figures of a step belong to each run."""
        return [len(run.leaves) * width for run in self.runs]

    def forward(self, x: Sequence[Tensor], h: Sequence[Tensor], state: Tensor) -> Trace:
        """Return what a step computes: the last of its outputs is the cell's.

        Args:
            x: by run, what the leaves make of the input.
            h: by run, what they make of the last output.
            state: the last cell state.
        """
        nothing = state
        trace = Trace(x, h, state, [], [], [nothing] * len(self.cell.nodes), nothing, nothing, nothing)
        self._compute_leaves(trace)
        if self.cell.state_into < self.cell.base:
            self._inject(trace)
        for node, operation, left, right in self._inner:
            combined = COMBINE[operation.combination](trace.outputs[left], trace.outputs[right])
            trace.outputs[node] = activated = ACTIVATE[operation.activation](combined)
            trace.combined.append(combined)
            trace.activated.append(activated)
            if node == self.cell.state_from:
                trace.yielded = combined
            if node == self.cell.state_into:
                self._inject(trace)
        return trace

    def _compute_leaves(self, trace: Trace) -> None:
        width = trace.state.shape[1]
        for run, of_input, of_output in zip(self.runs, trace.x, trace.h, strict=True):
            combined = COMBINE[run.operation.combination](of_input, of_output)
            activated = ACTIVATE[run.operation.activation](combined)
            trace.combined.append(combined)
            trace.activated.append(activated)
            parts = torch.split(activated, width, dim=1) if len(run.leaves) > 1 else (activated,)
            for leaf, part in zip(run.leaves, parts, strict=True):
                trace.outputs[leaf] = part
            if self.cell.state_from in run.leaves:
                trace.yielded = combined

    def _inject(self, trace: Trace) -> None:
        into, inject = self.cell.state_into, self.cell.inject
        trace.received = trace.outputs[into]
        trace.injected = COMBINE[inject.combination](trace.received, trace.state)
        trace.outputs[into] = ACTIVATE[inject.activation](trace.injected)

    def backward(self, trace: Trace, of_output: Tensor, of_yielded: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return the gradients of `x` and `h`, by run, and of the last cell state.

        Args:
            trace: what `forward` returned.
            of_output: gradient of the cell's output.
            of_yielded: gradient of the new cell state.
        """
        cell = self.cell
        gradients = [of_output] * len(cell.nodes)
        of_state = of_yielded
        for at, (node, operation, left, right) in zip(
            range(len(trace.combined) - 1, len(self.runs) - 1, -1), reversed(self._inner), strict=True
        ):
            gradient = gradients[node]
            if node == cell.state_into:
                gradient, of_state = self._uninject(trace, gradient)
            gradient = DEACTIVATE[operation.activation](gradient, trace.combined[at], trace.activated[at])
            if node == cell.state_from:
                gradient = gradient + of_yielded
            gradients[left], gradients[right] = UNCOMBINE[operation.combination](
                gradient, trace.outputs[left], trace.outputs[right]
            )
        if cell.state_into < cell.base:
            gradients[cell.state_into], of_state = self._uninject(trace, gradients[cell.state_into])
        of_x, of_h = self._leaf_gradients(trace, gradients, of_yielded)
        return of_x, of_h, of_state

    def _leaf_gradients(
        self, trace: Trace, gradients: Sequence[Tensor], of_yielded: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        of_x, of_h = [], []
        for at, run in enumerate(self.runs):
            parts = [gradients[leaf] for leaf in run.leaves]
            gradient = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
            gradient = DEACTIVATE[run.operation.activation](gradient, trace.combined[at], trace.activated[at])
            if self.cell.state_from in run.leaves:
                gradient = gradient + of_yielded
            of_input, of_last = UNCOMBINE[run.operation.combination](gradient, trace.x[at], trace.h[at])
            of_x.append(of_input)
            of_h.append(of_last)
        return of_x, of_h

    def _uninject(self, trace: Trace, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of what the node gave before it received the cell state, and of that state."""
        inject = self.cell.inject
        gradient = DEACTIVATE[inject.activation](gradient, trace.injected, trace.outputs[self.cell.state_into])
        return UNCOMBINE[inject.combination](gradient, trace.received, trace.state)


def _runs(cell: RecurrentCell) -> Iterator[Run]:
    """Yield the leaves in runs, sums first, so that what is alike lies side by side."""

    def alike(leaf: int) -> tuple[str, str, bool]:
        operation = cell.nodes[leaf]
        return operation.combination, operation.activation, leaf == cell.state_from

    for (combination, activation, _), leaves in groupby(sorted(range(cell.base), key=alike), alike):
        yield Run(Operation(combination, activation), tuple(leaves))

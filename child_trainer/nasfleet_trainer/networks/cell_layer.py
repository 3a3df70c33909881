"""A layer of a recurrent cell over many steps: one product for the inputs of all steps, and one for each step's last output.

Autograd would book every operation of every step and multiply out the weights' gradient step by step. Here the whole window is
one function with a gradient by hand: the weights' gradient is one product over all steps.
Letters in shapes: T steps, B places of the text, N leaves, I inputs, H units.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet_trainer.networks.cell_program import CellProgram, Trace


class CellLayer(nn.Module):
    """A layer of the cell; its parameters are `input` and `recurrent`, each the matrices of all leaves, one below another."""

    def __init__(self, cell: RecurrentCell, inputs: int, width: int) -> None:
        super().__init__()
        self._program = CellProgram(cell)
        self._width = width
        self.input = nn.Linear(inputs, cell.base * width, bias=False)
        self.recurrent = nn.Linear(width, cell.base * width, bias=False)

    def forward(self, inputs: Tensor, state: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs [T, B, H] for inputs [T, B, I], and the state after the last step.

        Args:
            inputs: of all steps.
            state: output and cell state of the step before the first [2, B, H].
            mask: what each last output is multiplied by before it is read [B, H]; None for nothing.
        """
        x = functional.linear(inputs, self._in_order(self.input.weight))
        outputs, cell_state = _Window.apply(
            x, self._in_order(self.recurrent.weight), state[0], state[1], mask, self._program, torch.is_grad_enabled()
        )
        return outputs, torch.stack((outputs[-1], cell_state))

    def _in_order(self, weight: Tensor) -> Tensor:
        """Return the matrices in the order in which the program computes the leaves."""
        order = self._program.order
        if order == tuple(range(len(order))):
            return weight
        return torch.cat([weight.narrow(0, leaf * self._width, self._width) for leaf in order])


class _Window(torch.autograd.Function):
    """All steps of a window: x [T, B, N * H], weight [N * H, H], output and cell state [B, H]."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        output: Tensor,
        state: Tensor,
        mask: Tensor | None,
        program: CellProgram,
        learns: bool,  # noqa: FBT001 - apply takes no keywords
    ) -> tuple[Tensor, Tensor]:
        sizes, transposed = program.sizes(output.shape[1]), weight.t()
        traces: list[Trace] = []
        outputs = []
        ctx.save_for_backward(weight, mask, output)
        for of_input in x.unbind(0):
            read = output if mask is None else output * mask
            trace = program.forward(torch.split(of_input, sizes, dim=1), torch.split(read @ transposed, sizes, dim=1), state)
            output, state = trace.outputs[-1], trace.yielded
            outputs.append(output)
            if learns:
                traces.append(trace)
        ctx.program, ctx.traces, ctx.shape = program, traces, x.shape
        # Copies: what autograd gives out must not hang on what is kept for the gradient, or neither is ever freed.
        return torch.stack(outputs), state.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_outputs: Tensor, of_state: Tensor) -> tuple[Tensor | None, ...]:
        weight, mask, first = ctx.saved_tensors
        program, traces = ctx.program, ctx.traces
        of_x, of_h = of_outputs.new_empty(ctx.shape), of_outputs.new_empty(ctx.shape)
        of_last = torch.zeros_like(first)
        for step, of_output in reversed(list(enumerate(of_outputs.unbind(0)))):
            of_runs, of_last_runs, of_state = program.backward(traces[step], of_output + of_last, of_state)
            torch.cat(of_runs, dim=1, out=of_x[step])
            torch.cat(of_last_runs, dim=1, out=of_h[step])
            of_last = of_h[step] @ weight
            if mask is not None:
                of_last = of_last * mask
        read = torch.stack([first, *(trace.outputs[-1] for trace in traces[:-1])])
        of_weight = of_h.flatten(0, 1).t() @ (read if mask is None else read * mask).flatten(0, 1)
        return of_x, of_weight, of_last, of_state, None, None, None

"""Recurrent cells that several tests look at."""

from typing import Any

from hypothesis import strategies as st

from nasfleet.export import pytorch_source
from nasfleet.spaces.recurrent_cell import ACTIVATIONS, COMBINATIONS, Operation, RecurrentCell

# Figure 5 of Zoph & Le 2017: [Add, Tanh | ElemMult, ReLU | ElemMult, Sigmoid | Add, ReLU | 1, 0].
FIGURE_5 = RecurrentCell(
    nodes=(Operation("add", "tanh"), Operation("elemMult", "relu"), Operation("elemMult", "sigmoid")),
    inject=Operation("add", "relu"),
    state_from=1,
    state_into=0,
)
_operations = st.builds(Operation, st.sampled_from(COMBINATIONS), st.sampled_from(ACTIVATIONS))


@st.composite
def cells(draw: st.DrawFn, min_base: int = 2, max_base: int = 9) -> RecurrentCell:
    """Return a cell of any shape."""
    nodes = 2 * draw(st.integers(min_base, max_base)) - 1
    numbers = st.integers(0, nodes - 1)
    operations = tuple(draw(_operations) for _ in range(nodes))
    return RecurrentCell(operations, draw(_operations), draw(numbers), draw(numbers))


def exported_layer(cell: RecurrentCell, inputs: int, width: int) -> Any:
    """Return a layer made by the source that users get of a cell."""
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(pytorch_source(cell, 3, 10), "exported.py", "exec"), module)
    return module["CellLayer"](inputs, width)

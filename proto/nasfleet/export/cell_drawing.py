"""Recurrent cells drawn as trees, the root first; x is the input, h the last output, c the last cell state.

h'  2 sigmoid(add)
├─  0 tanh(add) of x, h; takes c by relu(add)
└─  1 relu(elemMult) of x, h; gives c'
"""

from collections.abc import Iterator

from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell


def cell_drawing(cell: RecurrentCell) -> str:
    """Return the cell as text for a terminal, 80 columns wide at most."""
    return "".join(f"{row}\n" for row in _rows(cell, cell.root, "h' ", ""))


def _rows(cell: RecurrentCell, node: int, first: str, others: str) -> Iterator[str]:
    below = cell.children(node)
    text = f"{first}{node:2} {_called(cell.nodes[node])}"
    notes = [f"takes c by {_called(cell.inject)}"] if node == cell.state_into else []
    notes += ["gives c'"] if node == cell.state_from else []
    yield "; ".join([text if below else f"{text} of x, h", *notes])
    if below is not None:
        yield from _rows(cell, below[0], f"{others}├─ ", f"{others}│  ")
        yield from _rows(cell, below[1], f"{others}└─ ", f"{others}   ")


def _called(operation: Operation) -> str:
    return f"{operation.activation}({operation.combination})"

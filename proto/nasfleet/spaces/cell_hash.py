"""One hash for all spellings of a recurrent cell.

All combinations are commutative, and a leaf's matrices are its own: to swap two subtrees, with whatever belongs to the cell
state in them, only renames matrices. All combinations are associative too: where a node passes on a combination without an
activation, and the node above combines in the same way, it does not matter how the operands are grouped. What a cell computes
by other identities, as the rectifier of a rectifier, counts as another cell.
"""

from dataclasses import dataclass

from nasfleet.spaces.canonical import digest
from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell


def cell_hash(cell: RecurrentCell) -> str:
    """Return 16 hexadecimal digits that do not depend on the order and the grouping of what a node combines."""
    return digest(str(_form(cell, cell.root)))


@dataclass(frozen=True, slots=True)
class _Form:
    """What a node gives: operands in a canonical order, and whether their combination is the new cell state."""

    operation: Operation
    operands: tuple[str, ...]
    is_state: bool = False

    def __str__(self) -> str:
        combined = f"{self.operation.combination}({','.join(self.operands)})"
        return f"{self.operation.activation}({'state=' * self.is_state}{combined})"

    def operands_below(self, above: Operation) -> tuple[str, ...]:
        """Return what a node above reads of it: its own operands, if that is the same, else itself."""
        passed_on = self.operation.activation == "identity" and not self.is_state
        return self.operands if passed_on and self.operation.combination == above.combination else (str(self),)


def _form(cell: RecurrentCell, node: int) -> _Form:
    operation, below = cell.nodes[node], cell.children(node)
    if below is None:
        operands: tuple[str, ...] = ("h", "x")
    else:
        operands = tuple(operand for child in below for operand in _form(cell, child).operands_below(operation))
    form = _Form(operation, tuple(sorted(operands)), is_state=node == cell.state_from)
    if node != cell.state_into:
        return form
    return _Form(cell.inject, tuple(sorted((*form.operands_below(cell.inject), "c"))))

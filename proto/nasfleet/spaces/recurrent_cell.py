"""Recurrent cells as data: a full binary tree over the input and the last output (Zoph & Le 2017, 3.4).

A cell of base N has N leaves and N - 1 nodes above them. Nodes count from 0, the leaves first; node N + k joins nodes 2k and
2k + 1, so that the last one is the root. With x the input, h the last output, c the last cell state:

    leaf i             activation(combination(W_i x, U_i h)), with two matrices of its own and no bias
    any other node     activation(combination(left, right)), without parameters
    state_into         what this node gives, joined with c by `inject`; whoever reads the node reads the joined value
    state_from         this node's combination, before its activation, is the new cell state
    output             what the root gives
"""

from dataclasses import dataclass

from nasfleet.errors import InvalidInputError

COMBINATIONS = ("add", "elemMult", "max")
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "sin")
MAX_BASE = 64
LEAST_BASE = 2


@dataclass(frozen=True, slots=True)
class Operation:
    """What a node computes of two vectors: activation(combination(left, right)).

    Raises:
        InvalidInputError: if there is no combination or activation of this name.
    """

    combination: str
    activation: str

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("combination", self.combination, COMBINATIONS),
            ("activation", self.activation, ACTIVATIONS),
        ):
            if name not in known:
                raise InvalidInputError(f"{kind} is {name!r}: give one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class RecurrentCell:
    """A recurrent cell.

    Attributes:
        nodes: all 2N - 1 of them, the leaves first.
        inject: how the last cell state joins a node's output.
        state_from: the node that yields the new cell state.
        state_into: the node that receives the last one.

    Raises:
        InvalidInputError: if the nodes make no full binary tree of a base from 2 to 64, or an index names none of them.
    """

    nodes: tuple[Operation, ...]
    inject: Operation
    state_from: int
    state_into: int

    def __post_init__(self) -> None:
        if len(self.nodes) % 2 == 0 or not LEAST_BASE <= self.base <= MAX_BASE:
            raise InvalidInputError(
                f"a cell has {len(self.nodes)} nodes: give 2 N - 1 for a base N from {LEAST_BASE} to {MAX_BASE}"
            )
        for name, node in (("state_from", self.state_from), ("state_into", self.state_into)):
            if not 0 <= node < len(self.nodes):
                raise InvalidInputError(f"{name} is {node}, but nodes count from 0 to {len(self.nodes) - 1}")

    @property
    def base(self) -> int:
        """Return the number of leaves."""
        return (len(self.nodes) + 1) // 2

    @property
    def root(self) -> int:
        """Return the number of the node whose output is the cell's."""
        return len(self.nodes) - 1

    def children(self, node: int) -> tuple[int, int] | None:
        """Return the two nodes that a node joins; None for a leaf."""
        above = node - self.base
        return None if above < 0 else (2 * above, 2 * above + 1)

    def parameters(self, inputs: int, width: int) -> int:
        """Return the parameters of a layer of this cell that reads `inputs` figures and gives `width`: two matrices a leaf."""
        return self.base * (inputs + width) * width

    def multiply_adds(self, inputs: int, width: int) -> int:
        """Return the multiply-adds of one step of such a layer on one example, in its matrices; the tree's own are left out."""
        return self.base * (inputs + width) * width

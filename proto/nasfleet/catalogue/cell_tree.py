"""Recurrent cells: the space of Zoph & Le (2016) for language, and one cell given in full."""

from collections.abc import Iterator
from typing import ClassVar

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule
from nasfleet.spaces.recurrent_cell import LEAST_BASE, MAX_BASE

CELL_SOURCE = "Zoph & Le 2016, section 4.2"


class CellCombination(Named):
    """How a node makes one vector of two, element by element."""

    ADD = "add", "Their sum."
    ELEM_MULT = "elemMult", "Their product."
    MAX = "max", "The greater of each two elements; an addition of the paper's second experiment."


class CellActivation(Named):
    """What a node applies to what it combined."""

    IDENTITY = "identity", "Nothing."
    TANH = "tanh", "The hyperbolic tangent."
    SIGMOID = "sigmoid", "The logistic function."
    RELU = "relu", "What is positive, else 0."
    SIN = "sin", "The sine; an addition of the paper's second experiment."


@block
class CellNode(Block):
    """What one node of a cell computes."""

    combination: CellCombination = parameter("How it combines its two inputs.")
    activation: CellActivation = parameter("What it applies to that.")


@block
class GivenCell(Block):
    """One cell in full, as `nasfleet export` writes it: to train what one search found on other text or at another size."""

    nodes: tuple[CellNode, ...] = parameter(
        "All nodes, the leaves first: 2 * base - 1 of them.", min_length=3, max_length=2 * MAX_BASE - 1
    )
    inject: CellNode = parameter("How the cell state of the step before joins the node that receives it.")
    state_from: int = parameter(
        "The node whose combination, before its activation, is the new cell state; nodes count from 0.",
        minimum=0,
        maximum=2 * MAX_BASE - 2,
        unit="number of the node",
    )
    state_into: int = parameter(
        "The node that receives the cell state of the step before.",
        minimum=0,
        maximum=2 * MAX_BASE - 2,
        unit="number of the node",
    )

    RULES = tuple(
        Rule(
            holds=f"self.{name} < size(self.nodes)",
            message="names no node: nodes count from 0, so give less than their number",
            path=name,
        )
        for name in ("stateFrom", "stateInto")
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield an index that names no node."""
        for name, node in (("stateFrom", self.state_from), ("stateInto", self.state_into)):
            if node >= len(self.nodes):
                fault = f"is {node}, but there are {len(self.nodes)} nodes, counted from 0"
                yield Problem((name,), fault, f"give {len(self.nodes) - 1} at most")


@block
class CellTree(Block):
    """Recurrent cells: trees that combine the input and the last output of the cell, with a cell state."""

    BLOCK: ClassVar[str] = "recurrentCell"

    base: int = parameter(
        "Leaves of the tree, at the start if it grows; each has two weight matrices of its own.",
        default=8,
        minimum=LEAST_BASE,
        maximum=MAX_BASE,
        unit="leaves",
        source=CELL_SOURCE,
    )
    combinations: tuple[CellCombination, ...] = parameter(
        "Combinations to choose from.",
        default=(CellCombination.ADD, CellCombination.ELEM_MULT),
        min_length=1,
        max_length=3,
        distinct=True,
        source=CELL_SOURCE,
    )
    activations: tuple[CellActivation, ...] = parameter(
        "Activations to choose from.",
        default=(CellActivation.IDENTITY, CellActivation.TANH, CellActivation.SIGMOID, CellActivation.RELU),
        min_length=1,
        max_length=5,
        distinct=True,
        source=CELL_SOURCE,
    )
    cell: GivenCell | None = parameter(
        "A cell that is found already, the only one of the space then; base says how many nodes it has.", default=None
    )

    RULES = (
        Rule(
            holds="!has(self.cell) || size(self.cell.nodes) == 2 * self.base - 1",
            message="has not 2 * base - 1 nodes: give as many, or the base that fits",
            path="cell.nodes",
        ),
        Rule(
            holds="!has(self.cell) || (self.cell.nodes.all(node, node.combination in self.combinations) && "
            "self.cell.inject.combination in self.combinations)",
            message="leaves out a combination of the cell: add it",
            path="combinations",
        ),
        Rule(
            holds="!has(self.cell) || (self.cell.nodes.all(node, node.activation in self.activations) && "
            "self.cell.inject.activation in self.activations)",
            message="leaves out an activation of the cell: add it",
            path="activations",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield what keeps the given cell, if there is one, from being one of this space."""
        if self.cell is None:
            return
        if len(self.cell.nodes) != 2 * self.base - 1:
            fault = f"has {len(self.cell.nodes)} nodes, and a base of {self.base} makes {2 * self.base - 1}"
            yield Problem(("cell", "nodes"), fault, "give as many, or the base that fits")
        operations = (*self.cell.nodes, self.cell.inject)
        for name, known, used in (
            ("combinations", self.combinations, {node.combination for node in operations}),
            ("activations", self.activations, {node.activation for node in operations}),
        ):
            if missing := sorted(used - set(known)):
                yield Problem((name,), f"is {shown(known)}, and the cell uses {', '.join(missing)} too", "add what is missing")

"""The space of recurrent cells of Zoph and Le (2017), figure 5.

First for each node its combination and its activation, then those of the cell's injection, then the node that yields the new
cell state and the node that receives the last one. These two range over all nodes: only so has the space of base 8 the
paper's size of 6 * 10^16.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from nasfleet.catalogue.cell_tree import CellTree
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.cell_hash import cell_hash
from nasfleet.spaces.decision import Choice, Decision, Index, Option
from nasfleet.spaces.recurrent_cell import LEAST_BASE, MAX_BASE, Operation, RecurrentCell
from nasfleet.spaces.space import Description, read_tokens, write_tokens


@dataclass(frozen=True)
class CellTreeSpace:
    """All cells of `base` leaves that `tree` allows, or the one that it gives.

    Raises:
        InvalidInputError: if `base` is out of bounds.
    """

    tree: CellTree
    base: int

    def __post_init__(self) -> None:
        if not LEAST_BASE <= self.base <= MAX_BASE:
            raise InvalidInputError(f"a recurrentCell has a base of {self.base}: give {LEAST_BASE} to {MAX_BASE}")

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions in the order in which they are taken."""
        if self.tree.cell is None:
            return tuple(self._open_decisions())
        # The only cell of its space: nothing is left to decide.
        return tuple(Choice(name, name, (value,)) for name, value in _named(given_cell(self.tree)).items())

    def decode(self, tokens: Sequence[int]) -> RecurrentCell:
        """Return the cell that these tokens choose, or raise InvalidTokensError."""
        values = read_tokens(self.decisions, tokens)
        nodes = range(2 * self.base - 1)
        return RecurrentCell(
            nodes=tuple(Operation(*(str(values[f"node{node}/{word}"]) for word in _WORDS)) for node in nodes),
            inject=Operation(*(str(values[f"inject/{word}"]) for word in _WORDS)),
            state_from=int(str(values["stateFrom"])),
            state_into=int(str(values["stateInto"])),
        )

    def encode(self, description: Description) -> tuple[int, ...]:
        """Return the tokens that choose this cell, or raise InvalidInputError if it is not of this space."""
        if not isinstance(description, RecurrentCell) or description.base != self.base:
            raise InvalidInputError(f"want a recurrent cell of base {self.base}, got {description!r:.100}")
        return write_tokens(self.decisions, _named(description))

    def canonical(self, tokens: Sequence[int]) -> str:
        """Return 16 hexadecimal digits that are the same for two spellings of one cell, or raise InvalidTokensError."""
        return cell_hash(self.decode(tokens))

    def size(self) -> int:
        """Return the number of token strings of the space, exactly."""
        return prod(decision.size for decision in self.decisions)

    def _open_decisions(self) -> Iterator[Decision]:
        nodes = 2 * self.base - 1
        for place in (*(f"node{node}" for node in range(nodes)), "inject"):
            yield Choice(f"{place}/combination", "combination", tuple(one.value for one in self.tree.combinations))
            yield Choice(f"{place}/activation", "activation", tuple(one.value for one in self.tree.activations))
        yield Index("stateFrom", "stateFrom", nodes)
        yield Index("stateInto", "stateInto", nodes)


_WORDS = ("combination", "activation")


def given_cell(tree: CellTree) -> RecurrentCell:
    """Return the cell that a section gives.

    Raises:
        InvalidInputError: if it gives none.
    """
    given = tree.cell
    if given is None:
        raise InvalidInputError("this recurrentCell gives no cell: it has many")
    nodes = tuple(Operation(node.combination.value, node.activation.value) for node in given.nodes)
    inject = Operation(given.inject.combination.value, given.inject.activation.value)
    return RecurrentCell(nodes, inject, given.state_from, given.state_into)


def _named(cell: RecurrentCell) -> dict[str, Option]:
    """Return what was decided, by the name of the decision, in the order of the decisions."""
    named = [*((f"node{number}", node) for number, node in enumerate(cell.nodes)), ("inject", cell.inject)]
    values: dict[str, Option] = {}
    for place, operation in named:
        values[f"{place}/combination"] = operation.combination
        values[f"{place}/activation"] = operation.activation
    return values | {"stateFrom": cell.state_from, "stateInto": cell.state_into}

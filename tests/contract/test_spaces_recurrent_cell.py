"""The space of recurrent cells: the paper's tree, its token order and its size, and one hash for all spellings of a cell."""

import math
from collections import defaultdict
from dataclasses import replace
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import CellActivation, CellCombination, CellNode, CellTree, GivenCell, Growth, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.cell_hash import cell_hash
from nasfleet.spaces.cell_tree import CellTreeSpace, given_cell
from nasfleet.spaces.recurrent_cell import ACTIVATIONS, COMBINATIONS, Operation, RecurrentCell
from nasfleet.spaces.space import InvalidTokensError
from nasfleet_testing.cells import FIGURE_5, cells

EXTENDED = CellTree(combinations=tuple(CellCombination), activations=tuple(CellActivation))
PAPER = CellTreeSpace(CellTree(), 8)


def test_the_papers_space_has_the_papers_size_and_34_tokens() -> None:
    assert PAPER.size() == 8**15 * 8 * 15 * 15 == pytest.approx(6.33e16, rel=1e-3)
    assert len(PAPER.decisions) == sum(decision.width for decision in PAPER.decisions) == 34


def test_the_space_with_max_and_sin_has_the_size_of_the_second_experiment() -> None:
    assert CellTreeSpace(EXTENDED, 8).size() == 15**16 * 225 == pytest.approx(1.5e21, rel=0.03)


def test_tokens_stand_in_the_order_of_figure_5() -> None:
    # Add, Tanh | ElemMult, ReLU | ElemMult, Sigmoid | Add, ReLU | 1, 0; identity, tanh, sigmoid and relu are numbered from 0.
    tokens = (0, 1, 1, 3, 1, 2, 0, 3, 1, 0)
    assert CellTreeSpace(CellTree(base=2), 2).decode(tokens) == FIGURE_5


def test_nodes_of_base_8_are_numbered_from_the_leaves_up_and_left_to_right() -> None:
    cell = PAPER.decode((0,) * 34)
    joined = {node: cell.children(node) for node in range(15)}
    assert joined == dict.fromkeys(range(8)) | {
        8: (0, 1),
        9: (2, 3),
        10: (4, 5),
        11: (6, 7),
        12: (8, 9),
        13: (10, 11),
        14: (12, 13),
    }
    assert cell.root == 14


@given(st.integers(2, 64))
def test_every_base_makes_a_tree_in_which_each_node_but_the_root_is_joined_once(base: int) -> None:
    cell = CellTreeSpace(CellTree(), base).decode((0,) * (4 * base + 2))
    joined = [child for node in range(2 * base - 1) for child in cell.children(node) or ()]
    assert joined == list(range(2 * base - 2))


@given(cells())
def test_encode_undoes_decode(cell: RecurrentCell) -> None:
    space = CellTreeSpace(EXTENDED, cell.base)
    assert space.decode(space.encode(cell)) == cell


def test_a_cell_index_beyond_the_nodes_is_refused_by_name() -> None:
    with pytest.raises(InvalidTokensError, match="stateInto takes tokens from 0 to 14, got 15"):
        PAPER.decode((0,) * 33 + (15,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state_from": 3}, "state_from is 3, but nodes count from 0 to 2"),
        ({"state_into": -1}, "state_into is -1"),
        ({"nodes": FIGURE_5.nodes[:2]}, "a cell has 2 nodes: give 2 N - 1"),
        ({"nodes": FIGURE_5.nodes[:1]}, "a cell has 1 nodes"),
        ({"nodes": (FIGURE_5.inject,) * 129}, "a cell has 129 nodes"),
    ],
)
def test_what_is_no_cell_cannot_be_made(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        replace(FIGURE_5, **change)  # type: ignore[arg-type]


def test_an_unknown_operation_cannot_be_made() -> None:
    with pytest.raises(InvalidInputError, match="combination is 'mean': give one of add, elemMult, max"):
        Operation("mean", "tanh")
    with pytest.raises(InvalidInputError, match="activation is 'gelu'"):
        Operation("add", "gelu")


def test_a_cell_that_the_space_leaves_out_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="base 8"):
        PAPER.encode(FIGURE_5)
    of_max = replace(FIGURE_5, inject=Operation("max", "sin"))
    with pytest.raises(InvalidInputError, match="inject/combination is one of"):
        CellTreeSpace(CellTree(base=2), 2).encode(of_max)


def test_the_catalogue_names_what_cells_can_compute() -> None:
    assert tuple(CellCombination) == COMBINATIONS
    assert tuple(CellActivation) == ACTIVATIONS


def test_a_given_cell_is_the_only_one_of_its_space() -> None:
    space = build_space(SearchSpaceSection(space=as_given(FIGURE_5)))
    assert space.size() == 1
    assert space.decode((0,) * 10) == FIGURE_5
    assert space.encode(FIGURE_5) == (0,) * 10
    with pytest.raises(InvalidInputError):
        space.encode(replace(FIGURE_5, state_from=0))


def test_a_section_without_a_cell_gives_none() -> None:
    with pytest.raises(InvalidInputError, match="gives no cell"):
        given_cell(CellTree())


def as_given(cell: RecurrentCell) -> CellTree:
    def node(operation: Operation) -> CellNode:
        return CellNode(combination=CellCombination(operation.combination), activation=CellActivation(operation.activation))

    given_ = GivenCell(
        nodes=tuple(map(node, cell.nodes)), inject=node(cell.inject), state_from=cell.state_from, state_into=cell.state_into
    )
    return replace(EXTENDED, base=cell.base, cell=given_)


def test_the_base_grows_by_schedule() -> None:
    section = SearchSpaceSection(space=CellTree(base=4), growth=Growth(layers=2, every_trials=100, max_layers=8))
    bases = [layers_at(section, trial) for trial in (0, 99, 100, 200, 5000)]
    assert bases == [4, 4, 6, 8, 8]
    assert [len(build_space(section, base).decisions) for base in bases] == [18, 18, 26, 34, 34]


# One hash

OPERATIONS = [Operation(*both) for both in product(("add", "elemMult"), ("identity", "sigmoid"))]
_X, _H, _C = 0.37, -0.81, 0.59
_WEIGHTS = ((1.13, -0.72), (0.44, 1.91))


def computed(cell: RecurrentCell, weights: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """Return output and new cell state of a cell with one unit, with plain numbers."""
    combine = {"add": float.__add__, "elemMult": float.__mul__}
    activate = {"identity": float, "sigmoid": lambda value: 1 / (1 + math.exp(-value))}
    outputs: list[float] = []
    state = math.nan
    for number, node in enumerate(cell.nodes):
        below = cell.children(number)
        left, right = (
            (weights[number][0] * _X, weights[number][1] * _H) if below is None else (outputs[below[0]], outputs[below[1]])
        )
        combined = combine[node.combination](left, right)
        if number == cell.state_from:
            state = combined
        value = activate[node.activation](combined)
        if number == cell.state_into:
            value = activate[cell.inject.activation](combine[cell.inject.combination](value, _C))
        outputs.append(value)
    return round(outputs[-1], 9), round(state, 9)


def test_cells_of_base_2_have_one_hash_exactly_if_they_compute_the_same_with_their_matrices_renamed() -> None:
    by_hash, by_function = defaultdict(set), defaultdict(set)
    for number, (*nodes, inject, state_from, state_into) in enumerate(product(*[OPERATIONS] * 4, range(3), range(3))):
        cell = RecurrentCell(tuple(nodes), inject, state_from, state_into)
        by_hash[cell_hash(cell)].add(number)
        by_function[frozenset(computed(cell, weights) for weights in permutations(_WEIGHTS))].add(number)

    assert number == 2303
    assert sorted(map(sorted, by_hash.values())) == sorted(map(sorted, by_function.values()))
    assert len(by_hash) < 2304 / 1.5


# Powers of two: so the two subtrees of a node have one shape, and each can be written in the other's place.
@given(st.sampled_from([2, 4, 8]).flatmap(lambda base: cells(base, base)), st.data())
def test_swapping_two_subtrees_with_all_that_is_in_them_changes_no_hash(cell: RecurrentCell, data: st.DataObject) -> None:
    left, right = cell.children(data.draw(st.integers(cell.base, cell.root))) or (0, 0)
    moved = _exchanged(cell, left, right)
    other = RecurrentCell(
        tuple(cell.nodes[moved.get(number, number)] for number in range(len(cell.nodes))),
        cell.inject,
        moved.get(cell.state_from, cell.state_from),
        moved.get(cell.state_into, cell.state_into),
    )
    assert cell_hash(other) == cell_hash(cell)


def _exchanged(cell: RecurrentCell, left: int, right: int) -> dict[int, int]:
    """Return which node comes to each place when two subtrees of one shape change places."""
    below = zip(cell.children(left) or (), cell.children(right) or (), strict=True)
    return {left: right, right: left} | {old: new for pair in below for old, new in _exchanged(cell, *pair).items()}


@pytest.mark.parametrize(
    "change", [{"state_from": 0}, {"state_into": 2}, {"inject": Operation("add", "tanh")}, {"nodes": (FIGURE_5.nodes[0],) * 3}]
)
def test_another_cell_has_another_hash(change: dict[str, object]) -> None:
    assert cell_hash(replace(FIGURE_5, **change)) != cell_hash(FIGURE_5)  # type: ignore[arg-type]

"""Generated search specs, drawn from the catalogue's own descriptions, for laws that hold for every search."""

import re
from dataclasses import replace
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from nasfleet.catalogue import (
    Budget,
    CellActivation,
    CellCombination,
    CellNode,
    CellTree,
    ConvChain,
    GivenCell,
    InvalidParametersError,
    Random,
    SearchDocument,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
)
from nasfleet.catalogue.fields import Field, Kind, fields_of, snake
from nasfleet.catalogue.kubernetes_names import LABEL_VALUE, LONGEST_LABEL_VALUE, QUALIFIED, QUALIFIED_LENGTHS
from nasfleet_testing.spaces import decision_lists

_free = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
_printable = st.text(max_size=8).filter(str.isprintable)


def smallest_spec(**changes: Any) -> SearchSpec:
    """Return a spec that says no more than it must, but for `changes`."""
    required: dict[str, Any] = {
        "search_space": SearchSpaceSection(space=ConvChain()),
        "strategy": Random(),
        "task": Synthetic(),
        "budget": Budget(trials=1),
    }
    return SearchSpec(**(required | changes))


@st.composite
def blocks(draw: st.DrawFn, block: type[Any]) -> Any:
    """Return a valid block of a class; what does not go together is taken back to its default."""
    if block is CellTree and draw(st.booleans()):
        return draw(_trees_of_one_cell())
    values: dict[str, Any] = {}
    for field in fields_of(block):
        if field.required or draw(st.booleans()):
            values[field.name] = draw(_values(field))
    for _ in range(len(values) + 1):
        try:
            return block(**values)
        except InvalidParametersError as error:
            _take_back(values, error)
    return reject()


@st.composite
def _trees_of_one_cell(draw: st.DrawFn) -> CellTree:
    """Return a space whose only cell is given: numbers drawn by themselves would hardly ever make one."""
    nodes = tuple(draw(blocks(CellNode)) for _ in range(2 * draw(st.integers(2, 3)) - 1))
    numbers = st.integers(0, len(nodes) - 1)
    cell = GivenCell(nodes=nodes, inject=draw(blocks(CellNode)), state_from=draw(numbers), state_into=draw(numbers))
    return CellTree(
        base=(len(nodes) + 1) // 2, combinations=tuple(CellCombination), activations=tuple(CellActivation), cell=cell
    )


def _take_back(values: dict[str, Any], error: InvalidParametersError) -> None:
    for problem in error.problems:
        name = snake(problem.path[0]) if problem.path else ""
        if not name:
            values.clear()
        elif name == "search_space":
            values[name] = SearchSpaceSection(space=ConvChain())
        elif name == "decisions":
            reject()
        elif name == "task":
            values[name] = Synthetic()
        elif name == "budget":
            values[name] = replace(values[name], convergence=None)
        elif name in values:
            values.pop(name)
        elif "space" in values:  # an alternative that stands among the section's own fields
            values["space"] = ConvChain()


def _values(field: Field) -> st.SearchStrategy[Any]:
    about = field.about
    if field.kind is Kind.DECISION:
        return decision_lists()
    if GivenCell in field.classes:
        return st.none()
    one = _one(field)
    if field.repeated:
        ascending = sorted if field.name == "learning_rate_decay_at" else list
        unique = {"unique": True} if about.distinct else {}
        return st.lists(one, min_size=about.min_length or 0, max_size=4, **unique).map(ascending).map(tuple)
    return st.none() | one if field.nullable else one


_label_values = st.from_regex(rf"({LABEL_VALUE})?", fullmatch=True).filter(lambda text: len(text) <= LONGEST_LABEL_VALUE)
_label_keys = st.from_regex(QUALIFIED, fullmatch=True).filter(re.compile(QUALIFIED_LENGTHS).fullmatch) | st.just(
    f"{'d' * 126}.{'d' * 126}/{'g' * 63}"
)
_LIKE_ALL_OF_THEIR_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TRUTH: st.booleans(),
    Kind.OPTION: _printable | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    Kind.LABELS: st.dictionaries(_label_keys, _label_values, max_size=3),
    Kind.FREE: st.dictionaries(st.text(max_size=5), _free, max_size=3),
}


def _one(field: Field) -> st.SearchStrategy[Any]:
    about = field.about
    if field.kind in _LIKE_ALL_OF_THEIR_KIND:
        return _LIKE_ALL_OF_THEIR_KIND[field.kind]
    match field.kind:
        case Kind.INTEGER:
            return st.integers(int(about.minimum or 0), int(about.maximum or 0))
        case Kind.NUMBER:
            return _numbers(field)
        case Kind.TEXT:
            texts = st.from_regex(about.pattern, fullmatch=True) if about.pattern else _printable
            patterns = [re.compile(pattern) for pattern in about.patterns]
            texts = texts.filter(lambda text: all(pattern.fullmatch(text) for pattern in patterns))
            return texts.filter(lambda text: text.isprintable() and about.admits_length(len(text)))
        case Kind.ENUM:
            return st.sampled_from(list(field.classes[0]))
        case _:
            return st.sampled_from(field.classes).flatmap(blocks)


def _numbers(field: Field) -> st.SearchStrategy[float]:
    about = field.about
    lowest, highest = about.minimum, about.maximum
    return st.floats(
        lowest if lowest is not None else about.exclusive_minimum,
        highest if highest is not None else about.exclusive_maximum,
        exclude_min=about.exclusive_minimum is not None,
        exclude_max=about.exclusive_maximum is not None,
    )


specs: st.SearchStrategy[SearchSpec] = blocks(SearchSpec)
_labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?", fullmatch=True)
documents: st.SearchStrategy[SearchDocument] = st.builds(SearchDocument, name=_labels, namespace=_labels, spec=specs)

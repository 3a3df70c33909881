"""Generated search specs, drawn from the catalogue's own descriptions, for laws that hold for every search."""

from dataclasses import replace
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from nasfleet.catalogue import (
    Budget,
    ConvChain,
    InvalidParametersError,
    Random,
    SearchDocument,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
)
from nasfleet.catalogue.fields import Field, Kind, fields_of, snake
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


def _take_back(values: dict[str, Any], error: InvalidParametersError) -> None:
    for problem in error.problems:
        if not problem.path:
            values.clear()
        elif snake(problem.path[0]) in {"search_space", "decisions"}:
            reject()
        elif problem.path[0] == "task":
            values["task"] = Synthetic()
        elif problem.path[0] == "budget":
            values["budget"] = replace(values["budget"], convergence=None)
        else:
            values.pop(snake(problem.path[0]), None)


def _values(field: Field) -> st.SearchStrategy[Any]:
    about = field.about
    if field.kind is Kind.DECISION:
        return decision_lists()
    one = _one(field)
    if field.repeated:
        ascending = sorted if field.name == "learning_rate_decay_at" else list
        unique = {"unique": True} if about.distinct else {}
        return st.lists(one, min_size=about.min_length or 0, max_size=4, **unique).map(ascending).map(tuple)
    return st.none() | one if field.nullable else one


_LIKE_ALL_OF_THEIR_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TRUTH: st.booleans(),
    Kind.OPTION: _printable | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    Kind.LABELS: st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
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

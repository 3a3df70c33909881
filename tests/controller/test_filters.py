import contextlib
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Double, Integer, MetaData, String, Table, create_engine, insert, select

from nasfleet_controller.filters import Field, InvalidFilterError, Order, filter_expression, number, read_order

Row = dict[str, Any]
Truth = Callable[[Row], bool]

table = Table(
    "rows", MetaData(), Column("id", Integer), Column("size", Integer), Column("score", Double), Column("word", String)
)
FIELDS = {
    "size": Field(table.c.size, number),
    "score": Field(table.c.score, number),
    "word": Field(table.c.word, str, ordered=False),
}
COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
rows = st.lists(
    st.fixed_dictionaries(
        {
            "size": st.none() | st.integers(-3, 3),
            "score": st.none() | st.sampled_from([-0.5, 0.0, 1.5, 2.0]),
            "word": st.none() | st.sampled_from(["cat", 'a "b" \\', "AND"]),
        }
    ),
    max_size=6,
)
spaces = st.sampled_from(["", " ", "  \n"])


def compared(field: str, comparison: str, value: Any, text: str) -> tuple[str, Truth]:
    return f"{field}{comparison}{text}", lambda row: row[field] is not None and COMPARISONS[comparison](row[field], value)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


numbers = st.builds(
    lambda field, comparison, value, space: compared(field, comparison, value, f"{space}{value}"),
    st.sampled_from(["size", "score"]),
    st.sampled_from(sorted(COMPARISONS)),
    st.sampled_from([-3, 0, 1, 1.5, -0.5, 1e30, 10**30]),
    spaces,
)
words = st.builds(
    lambda comparison, value: compared("word", comparison, value, quoted(value)),
    st.sampled_from(["=", "!="]),
    st.sampled_from(["cat", 'a "b" \\', "AND"]),
)


def joined(word: str, terms: list[tuple[str, Truth]]) -> tuple[str, Truth]:
    """Return terms in brackets, so that no rule of precedence is needed."""
    every = all if word == "AND" else any
    return f" {word} ".join(f"({text})" for text, _ in terms), lambda row: every(truth(row) for _, truth in terms)


expressions = st.recursive(
    numbers | words,
    lambda inner: (
        st.builds(joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda one: (f"NOT ({one[0]})", lambda row: not one[1](row)), inner)
        | st.builds(lambda one: (f"-({one[0]})", lambda row: not one[1](row)), inner)
    ),
    max_leaves=8,
)


def chosen(text: str, given_rows: list[Row]) -> list[int]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        if given_rows:
            connection.execute(insert(table), [{"id": index, **row} for index, row in enumerate(given_rows)])
        found = list(connection.scalars(select(table.c.id).where(filter_expression(text, FIELDS)).order_by(table.c.id)))
    engine.dispose()
    return found


@given(expressions, rows)
def test_a_filter_chooses_the_rows_for_which_it_is_true(expression: tuple[str, Truth], given_rows: list[Row]) -> None:
    text, truth = expression
    assert chosen(text, given_rows) == [index for index, row in enumerate(given_rows) if truth(row)]


def test_or_binds_tighter_than_and() -> None:
    given_rows = [{"size": size, "score": score, "word": None} for size in (0, 1) for score in (0.0, 1.0)]
    assert chosen("size = 1 AND score = 0 OR score = 1", given_rows) == [2, 3]
    assert chosen("score = 1 OR score = 0 AND size = 1", given_rows) == [2, 3]
    assert chosen("NOT size = 1 OR score = 1", given_rows) == [0, 1, 3]


def test_a_minus_before_a_field_negates_its_comparison_and_one_before_a_number_does_not() -> None:
    given_rows = [{"size": size, "score": None, "word": None} for size in (-1, 0, 1)]
    assert chosen("-size = 1", given_rows) == [0, 1]
    assert chosen("-size = -1", given_rows) == [1, 2]
    assert chosen("size > -1 AND -size = 1 OR -(size = 0)", given_rows) == [1, 2]


@pytest.mark.parametrize(
    ("text", "position", "word", "why"),
    [
        ("rewrad > 1", 1, "'rewrad'", "known fields: size, score, word"),
        ("size > 1 AND  scoer < 2", 15, "'scoer'", "known fields: size, score, word"),
        ("size", 5, "the end", "want one of = != < <= > >= after 'size'"),
        ("size >", 7, "the end", "want a value to compare 'size' with"),
        ("size > AND", 8, "'AND'", "want a value to compare 'size' with"),
        ("size > big", 8, "'big'", "size wants a number"),
        ("size > nan", 8, "'nan'", "size wants a number"),
        ("size = 1 score = 2", 10, "'score'", "want AND, OR or the end"),
        ("size = 1 and score = 2", 10, "'and'", "want AND, OR or the end"),
        ("(size = 1", 10, "the end", r"want AND, OR or '\)'"),
        ("size = 1)", 9, r"'\)'", "want AND, OR or the end"),
        ('word = "cat', 8, "'\"cat'", "a quoted text must end with its quote"),
        ("word < cat", 6, "'<'", "word is compared with = and != only"),
        ("= 1", 1, "'='", "known fields"),
        ("size == 1", 7, "'='", "want a value"),
        ("size : 1", 6, "':'", "want one of"),
        ("NOT", 4, "the end", "known fields"),
        ("-", 2, "the end", "known fields"),
        ("-scoer = 1", 2, "'scoer'", "known fields"),
        ("--size = 1", 2, "'-size'", "known fields"),
        ("(" * 40 + "size = 1", 33, r"'\('", "brackets may be nested 32 deep"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, position: int, word: str, why: str) -> None:
    with pytest.raises(InvalidFilterError, match=f"cannot read {word} at character {position} of the filter .*: {why}"):
        filter_expression(text, FIELDS)


def test_filter_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidFilterError, match=r"2,3\d\d characters, more than 2,000"):
        filter_expression(" OR ".join(["size = 1"] * 196), FIELDS)


@given(st.text(alphabet="size><=!()\"' ANDORT1.\\-é\x00", max_size=40))
def test_any_text_is_read_or_refused_with_our_own_error(text: str) -> None:
    with contextlib.suppress(InvalidFilterError):
        filter_expression(text, FIELDS)


def test_order_is_read_field_by_field() -> None:
    assert read_order("score desc,  size , word asc", FIELDS) == (
        Order("score", descending=True),
        Order("size", descending=False),
        Order("word", descending=False),
    )
    assert read_order(" ", FIELDS) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("scoer", "names 'scoer'; known fields: size, score, word"),
        ("size DESC", r"cannot read 'size DESC' .*\" desc\""),
        ("size,,score", "cannot read ''"),
        ("size desc desc", "cannot read 'size desc desc'"),
        ("size, size desc", "names a field twice"),
    ],
)
def test_order_that_cannot_be_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidFilterError, match=why):
        read_order(text, FIELDS)

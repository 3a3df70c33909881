"""One document has one reading."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import InvalidParametersError
from nasfleet.strict_yaml import MOST_CHARACTERS, read_yaml, write_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("6e-4", 6e-4),
        ("1e3", 1000.0),
        ("-5", -5),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("~", None),
        ('"on"', "on"),
        ("'010'", "010"),
        ("h200", "h200"),
        ("1.2.3", "1.2.3"),
        ("2e4x", "2e4x"),
        ("none", "none"),
    ],
)
def test_a_plain_spelling_on_which_all_readers_agree_is_read(text: str, value: object) -> None:
    data, problems = read_yaml(f"a: {text}")

    assert problems == []
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("on", "give true, false, or the word in quotes"),
        ("Yes", "give true, false, or the word in quotes"),
        ("n", "give true, false, or the word in quotes"),
        ("010", "give the number without a leading zero, or the text in quotes"),
        ("08.5", "give the number without a leading zero, or the text in quotes"),
        ("12:30", "give a plain number, or the text in quotes"),
        ("1:30:00.5", "give a plain number, or the text in quotes"),
        ("1_000", "give the number without _, or the text in quotes"),
        ("0x1F", "give the number in decimal, or the text in quotes"),
        ("0o17", "give the number in decimal, or the text in quotes"),
        ("0b11", "give the number in decimal, or the text in quotes"),
        ("2026-01-31", "give the text in quotes"),
        ("2026-01-31T10:00:00Z", "give the text in quotes"),
        ("=", "give the text in quotes"),
        ("<<", "give the text in quotes"),
        ("9223372036854775808", "give a number up to 9223372036854775807, or the text in quotes"),
    ],
)
def test_a_spelling_on_which_readers_differ_is_refused(text: str, fix: str) -> None:
    _, problems = read_yaml(f"a: [{text}]")

    assert list(map(str, problems)) == [f"a[0] is {text} (line 1, column 5), which YAML readers differ on: {fix}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "the document has the anchor &x (line 1, column 4): write the value out where it is used"),
        ("a: !!int 1", "the document has the tag tag:yaml.org,2002:int (line 1, column 4): remove the tag"),
        ("a: !mine {}", "the document has the tag !mine (line 1, column 4): remove the tag"),
        ("%YAML 1.1\n---\na: 1", "the document has a directive (line 1, column 1): remove the line that begins with %"),
        ("a: 1\n---\nb: 1", "the document is followed by another one (line 2, column 1): give one document in a file"),
        ("a: [1", "the document is no YAML (line 1, column 6): expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n\tb: 2", "the document is no YAML (line 2, column 1): found character '\\t' that cannot start any token"),
        ("a: \x00", "the document is no YAML: unacceptable character #x0000"),
        ("", "the document is empty: give a search, beginning with apiVersion"),
        ("# nothing", "the document is empty: give a search, beginning with apiVersion"),
        ("[" * 100_000, "the document is nested more than 64 levels deep (line 1, column 65): give a flatter document"),
        ("a" * (MOST_CHARACTERS + 1), "the document has 1,000,001 characters: give 1,000,000 at most"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_plain_single_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidParametersError) as raised:
        read_yaml(text)

    assert str(raised.value).startswith(message)


def test_a_key_that_stands_there_twice_is_refused_with_both_its_place_and_value() -> None:
    data, problems = read_yaml("a:\n  b: 1\n  b: 2\n")

    assert list(map(str, problems)) == ["a.b stands there a second time, as 2 (line 3, column 3): give it once"]
    assert data == {"a": {"b": 1}}


@pytest.mark.parametrize("key", ["1", "true", "null", "[a]", "{a: b}"])
def test_a_key_that_is_no_text_is_refused(key: str) -> None:
    _, problems = read_yaml(f"{{{key}: 1}}")

    assert [problem.fix for problem in problems] == ["put the key in quotes"]


def test_json_is_read() -> None:
    assert read_yaml('{"a": [1, 2.5, "x", true, null, {"b": {}}]}') == ({"a": [1, 2.5, "x", True, None, {"b": {}}]}, [])


def test_characters_that_json_escapes_as_a_pair_are_one_character() -> None:
    assert read_yaml(r'{"a": "\ud83d\ude00"}') == ({"a": "\N{GRINNING FACE}"}, [])


def test_half_of_such_a_pair_can_be_named_in_a_message() -> None:
    _, problems = read_yaml(r'{"\ud83d": 1, "\ud83d": 2}')

    assert list(map(str, problems)) == [r"\ud83d stands there a second time, as 2 (line 1, column 15): give it once"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(_values)
def test_what_is_written_is_read_back_as_the_same(value: object) -> None:
    data, problems = read_yaml(write_yaml({"a": value}))

    assert problems == []
    assert data == {"a": value}


@pytest.mark.parametrize(
    "text", ["on", "010", "6e-4", "12:30", "null", "1", "", "2026-01-31", "=", "a: b", "- a", "# a", "\u2028", "*a"]
)
def test_text_that_looks_like_something_else_is_read_back_as_text(text: str) -> None:
    assert read_yaml(write_yaml({text or "a": text})) == ({text or "a": text}, [])

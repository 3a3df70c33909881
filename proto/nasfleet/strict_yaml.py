"""YAML with one reading: what YAML 1.1 and 1.2 readers, kubectl's among them, would read differently is refused.

Numbers are numbers (`6e-4` is one, as for kubectl); a plain spelling that one reader takes for text and another for something
else has to be put in quotes or written plainly. Anchors, merges, tags and duplicate keys are refused.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import yaml

from nasfleet.catalogue.problems import InvalidParametersError, Problem, shown

MOST_CHARACTERS = 1_000_000
MOST_LEVELS = 64

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LARGEST_INTEGER = 2**63 - 1
_AMBIGUOUS = (
    (re.compile("y|n|yes|no|on|off", re.IGNORECASE), "true, false, or the word in quotes"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a plain number, or the text in quotes"),
    (re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "the number without a leading zero, or the text in quotes"),
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"), "the number in decimal, or the text in quotes"),
    (re.compile(r"[-+]?[0-9.][0-9_]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "the number without _, or the text in quotes"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "the text in quotes"),
    (re.compile("=|<<"), "the text in quotes"),
)


class Unreadable(Enum):
    """Stands where a value was that has no single reading, so that what is around it is still read."""

    VALUE = "unreadable"


def read_yaml(text: str) -> tuple[Any, list[Problem]]:
    """Return the data of a document, and what in it has no single reading.

    Raises:
        InvalidParametersError: if the text as a whole is no single YAML document.
    """
    if len(text) > MOST_CHARACTERS:
        raise _not_a_document(f"has {len(text):,} characters", f"give {MOST_CHARACTERS:,} at most")
    try:
        problems = list(_foreign_features(text))
        if problems:
            raise InvalidParametersError(problems)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _not_a_document(
            f"is no YAML{_place(error.problem_mark)}: {error.problem}", "correct the spelling there"
        ) from error
    except yaml.YAMLError as error:
        raise _not_a_document(f"is no YAML: {str(error).splitlines()[0]}", "give plain UTF-8 text") from error
    if node is None:
        raise _not_a_document("is empty", "give a search, beginning with apiVersion")
    return _construct(node, (), problems), problems


def _not_a_document(fault: str, fix: str) -> InvalidParametersError:
    return InvalidParametersError([Problem((), fault, fix)])


def _place(mark: Any) -> str:
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"


def _foreign_features(text: str) -> Iterator[Problem]:
    """Yield what plain data does not need, from the events, before any of it is followed."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = _place(event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > MOST_LEVELS:
            raise _not_a_document(f"is nested more than {MOST_LEVELS} levels deep{place}", "give a flatter document")
        if documents > 1:
            raise _not_a_document(f"is followed by another one{place}", "give one document in a file")
        if isinstance(event, yaml.AliasEvent):
            yield Problem((), f"refers to *{event.anchor}{place}", "write the value out where it is used")
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.anchor:
                yield Problem((), f"has the anchor &{event.anchor}{place}", "write the value out where it is used")
            if event.tag:
                yield Problem((), f"has the tag {event.tag}{place}", "remove the tag")
        elif isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
            yield Problem((), f"has a directive{place}", "remove the line that begins with %")


def _construct(node: yaml.Node, path: tuple[str, ...], problems: list[Problem]) -> Any:
    match node:
        case yaml.MappingNode():
            return _construct_map(node, path, problems)
        case yaml.SequenceNode():
            return [_construct(entry, (*path, f"[{position}]"), problems) for position, entry in enumerate(node.value)]
        case yaml.ScalarNode():
            return _construct_scalar(node, path, problems)
        case _:
            raise TypeError(f"YAML has no node of type {type(node)}")


def _construct_map(node: yaml.MappingNode, path: tuple[str, ...], problems: list[Problem]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _construct(key_node, path, problems)
        if key is Unreadable.VALUE:
            continue
        if not isinstance(key, str):
            problems.append(Problem(path, f"has the key {shown(key)}{_place(key_node.start_mark)}", "put the key in quotes"))
        elif key in entries:
            again = shown(_construct(value_node, path, []))
            fault = f"stands there a second time, as {again}{_place(key_node.start_mark)}"
            problems.append(Problem((*path, key), fault, "give it once"))
        else:
            entries[key] = _construct(value_node, (*path, key), problems)
    return entries


def _construct_scalar(node: yaml.ScalarNode, path: tuple[str, ...], problems: list[Problem]) -> Any:
    if node.style is not None:
        # JSON escapes what lies beyond 16 bits as a pair of surrogates, which PyYAML leaves apart.
        return node.value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    value = read_plain(node.value)
    if value is Unreadable.VALUE:
        place = _place(node.start_mark)
        problems.append(Problem(path, f"is {node.value}{place}, which YAML readers differ on", f"give {_plainer(node.value)}"))
    return value


def read_plain(text: str) -> Any:
    """Return what a scalar without quotes stands for; `Unreadable.VALUE` if readers differ on it."""
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        # Readers in other languages lose the last digits of larger ones.
        return (
            int(text)
            if len(text) <= len(str(_LARGEST_INTEGER)) + 1 and abs(int(text)) <= _LARGEST_INTEGER
            else Unreadable.VALUE
        )
    if _NUMBER.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".nan", "nan"))
    return Unreadable.VALUE if any(spelling.fullmatch(text) for spelling, _ in _AMBIGUOUS) else text


def _plainer(text: str) -> str:
    too_large = f"a number up to {_LARGEST_INTEGER}, or the text in quotes"
    return next((fix for spelling, fix in _AMBIGUOUS if spelling.fullmatch(text)), too_large)


class _Dumper(yaml.SafeDumper):
    """Writes what `read_yaml` reads back as the same."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Return True: everything is written out where it is used."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if read_plain(text) == text and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def write_yaml(data: Any) -> str:
    """Return data as YAML in the order in which it stands."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)

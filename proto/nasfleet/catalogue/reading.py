"""Blocks read from plain data, strictly: everything that is wrong is said at once, and nothing is ignored."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasfleet.catalogue.checking import expectation, field_problems
from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of
from nasfleet.catalogue.labels import label_problems
from nasfleet.catalogue.nesting import is_nested_deeper
from nasfleet.catalogue.problems import InvalidParametersError, Problem, shown
from nasfleet.catalogue.unserved import is_unserved
from nasfleet.strict_yaml import MOST_LEVELS, Unreadable

Path = tuple[str, ...]


@dataclass(slots=True)
class Reader:
    """Reads blocks from plain data; what is wrong goes to `problems`, and `Unreadable.VALUE` stands in its place."""

    problems: list[Problem] = field(default_factory=list)

    def read(self, block: type[Any], data: Any, path: Path) -> Any:
        """Return a block made of a map of fields."""
        if not self._is_map(data, path, "a map of fields"):
            return Unreadable.VALUE
        fields = [entry for entry in fields_of(block) if entry.about.in_document]
        self._refuse_unknown(data, known_names(fields), path)
        values = {entry.name: self._read_field(entry, data, path) for entry in fields if _is_given(entry, data)}
        for entry in fields:
            if entry.required and entry.name not in values and not entry.about.inline:
                self._add((*path, entry.document_name), "is missing", f"give {expectation(entry)}")
        if any(value is Unreadable.VALUE for value in values.values()) or not _has_required(fields, values):
            return Unreadable.VALUE
        try:
            return block(**values)
        except InvalidParametersError as error:
            self.problems += (problem.below(*path) for problem in error.problems)
            return Unreadable.VALUE

    def _read_field(self, entry: Field, data: Mapping[str, Any], path: Path) -> Any:
        if entry.kind is Kind.ONE_OF and entry.about.inline:
            return self._read_alternative(entry, data, path)
        raw, below = data[entry.document_name], (*path, entry.document_name)
        if entry.kind is Kind.ONE_OF:
            return self._read_one_of(entry, raw, below)
        if entry.kind is Kind.BLOCK and not entry.repeated:
            return self.read(entry.classes[0], raw, below)
        if raw is None:
            self._add(below, "is empty", f"remove it, or give {expectation(entry)}")
            return Unreadable.VALUE
        return self._checked(entry, self._convert(entry, raw, below), path)

    def _checked(self, entry: Field, value: Any, path: Path) -> Any:
        problems = () if value is Unreadable.VALUE else tuple(field_problems(entry, value))
        if entry.kind is Kind.LABELS and isinstance(value, Mapping) and not problems:
            problems = tuple(label_problems(entry.document_name, value))
        self.problems += (problem.below(*path) for problem in problems)
        return Unreadable.VALUE if problems else value

    def _read_one_of(self, entry: Field, raw: Any, path: Path) -> Any:
        names = [block_name(alternative) for alternative in entry.classes]
        if isinstance(raw, str) and raw in names:
            self._add(path, f"is {shown(raw)}", f"write {path[-1]}: {{{raw}: {{}}}}")
            return Unreadable.VALUE
        if not self._is_map(raw, path, f"a map with {expectation(entry)}"):
            return Unreadable.VALUE
        self._refuse_unknown(raw, names, path)
        return self._read_alternative(entry, raw, path)

    def _read_alternative(self, entry: Field, data: Mapping[str, Any], path: Path) -> Any:
        """Return the one block of `data` that is an alternative of a field."""
        chosen = [alternative for alternative in entry.classes if block_name(alternative) in data]
        match chosen:
            case [one]:
                return self.read(one, data[block_name(one)], (*path, block_name(one)))
            case []:
                # A name that is unknown or not served stands for the choice, and has been refused already.
                if not self._refused_below(path):
                    self._add(path, f"is {shown(data)}, which chooses nothing", f"give {expectation(entry)}")
            case several:
                given = " and ".join(block_name(alternative) for alternative in several)
                self._add(path, f"gives {given}", "keep one of them")
        return Unreadable.VALUE

    def _convert(self, entry: Field, raw: Any, path: Path) -> Any:
        """Return data as the field's type; what is of another type stays, for the checks to refuse."""
        if not entry.repeated:
            return self._convert_one(entry, raw, path)
        if not isinstance(raw, list):
            return raw
        values = tuple(self._convert_one(entry, one, (*path, f"[{at}]")) for at, one in enumerate(raw))
        return Unreadable.VALUE if any(value is Unreadable.VALUE for value in values) else values

    def _convert_one(self, entry: Field, raw: Any, path: Path) -> Any:
        match entry.kind, raw:
            case Kind.BLOCK, _:
                return self.read(entry.classes[0], raw, path)
            case Kind.NUMBER, int() if not isinstance(raw, bool):
                return float(raw)
            case Kind.ENUM, str():
                return next((member for member in entry.classes[0] if member == raw), raw)
            case ((Kind.FREE | Kind.LABELS), Mapping()) if not is_nested_deeper(raw, MOST_LEVELS) and _has_unreadable(raw):
                return Unreadable.VALUE
        return raw

    def _refused_below(self, path: Path) -> bool:
        return any(problem.path[:-1] == path for problem in self.problems)

    def _is_map(self, data: Any, path: Path, wanted: str) -> bool:
        if data is None:
            self._add(path, "is empty", f"give {wanted}" + (f", {path[-1]}: {{}} for the defaults" if path else ""))
        elif not isinstance(data, Mapping) and data is not Unreadable.VALUE:
            self._add(path, f"is {shown(data)}", f"give {wanted}")
        return isinstance(data, Mapping)

    def _refuse_unknown(self, data: Mapping[str, Any], known: list[str], path: Path) -> None:
        for name, value in data.items():
            if name in known:
                continue
            if is_unserved(path, name):
                self._add((*path, name), f"is not served by this version (its value: {shown(value)})", "remove it")
            else:
                self._add((*path, name), f"is not known (its value: {shown(value)})", _suggestion(name, known))

    def _add(self, path: Path, fault: str, fix: str) -> None:
        self.problems.append(Problem(path, fault, fix))


def known_names(fields: Iterable[Field]) -> list[str]:
    """Return the names that may stand in a document beside each other."""
    return [
        name for entry in fields for name in (map(block_name, entry.classes) if entry.about.inline else (entry.document_name,))
    ]


def _is_given(entry: Field, data: Mapping[str, Any]) -> bool:
    return entry.about.inline or entry.document_name in data


def _has_required(fields: Iterable[Field], values: Mapping[str, Any]) -> bool:
    return all(entry.name in values for entry in fields if entry.required)


def _has_unreadable(raw: Any) -> bool:
    match raw:
        case Mapping():
            return any(map(_has_unreadable, raw.values()))
        case list():
            return any(map(_has_unreadable, raw))
    return raw is Unreadable.VALUE


def _suggestion(name: str, known: list[str]) -> str:
    """Return the nearest known name as a question, or all of them."""
    plain = {other.lower(): other for other in known}
    nearest = difflib.get_close_matches(name.replace("_", "").lower(), plain, n=1)
    return f"did you mean {plain[nearest[0]]}?" if nearest else f"known here: {', '.join(known)}"

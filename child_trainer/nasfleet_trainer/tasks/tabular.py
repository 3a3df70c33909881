"""Looks measurements up in a table that somebody else paid for: strategies are compared in seconds, without a GPU."""

import asyncio
import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from nasfleet.catalogue.tasks import Tabular
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet_trainer.data_directory import below
from nasfleet_trainer.failures import CannotBuildError, TrainerUnableError
from nasfleet_trainer.tasks.task import ChildRun, Report


@dataclass(frozen=True, slots=True)
class Row:
    """What one architecture was measured at: the figure of merit, and the seconds that its training took."""

    value: float
    seconds: float


_T = TypeVar("_T")
Table = Mapping[tuple[int, ...], Row]


class TabularTask:
    """Answers from the table, after a share of the seconds that the training took."""

    def __init__(self, section: Tabular) -> None:
        self._section = section

    async def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the row of the architecture's tokens, as one epoch.

        Raises:
            TrainerUnableError: if the table is not here or is not a table; the message names file, line and fix.
            CannotBuildError: if the table has no such architecture.
            InvalidInputError: if the table is not below the data directory.
        """
        path = table_path(run.data_dir, self._section)
        row = load_table(path, self._section).get(run.tokens)
        if row is None:
            raise CannotBuildError(
                f"{path} has no row for the tokens {list(run.tokens)}; add it, or search a space that it covers"
            )
        if self._section.replay_time_scale:
            await asyncio.sleep(row.seconds * self._section.replay_time_scale)
        epoch = EpochMeasurement(1, row.value, row.seconds)
        report(epoch)
        return Measurement(row.value, (epoch,), row.seconds, row.seconds)


def table_path(data_dir: Path | None, section: Tabular) -> Path:
    """Return where the table lies: below the data directory; if the trainer was told of none, below its own folder.

    Raises:
        InvalidInputError: if the search names a file elsewhere.
    """
    return below(data_dir or Path(), section.file, name="file", kind="file")


@lru_cache(maxsize=4)
def load_table(path: Path, section: Tabular) -> Table:
    """Return the table in a CSV or JSON Lines file, by tokens; read once per process.

    Raises:
        TrainerUnableError: naming file, line and fix.
    """
    table: dict[tuple[int, ...], Row] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, fields in (_csv_rows if path.suffix == ".csv" else _json_rows)(file, path):
                tokens, row = _parse_row(fields, section, f"{path}, line {line}")
                if tokens in table:
                    raise TrainerUnableError(
                        f"{path}, line {line}: the tokens {list(tokens)} stand there twice; remove one row"
                    )
                table[tokens] = row
    except OSError as error:
        raise TrainerUnableError(
            f"{path} cannot be read: {error.strerror}; put the table there, or give the trainer the right --data-dir"
        ) from error
    except UnicodeDecodeError as error:
        raise TrainerUnableError(f"{path} is no text in UTF-8 at byte {error.start}; save it as UTF-8") from error
    if not table:
        raise TrainerUnableError(f"{path} has no rows; add one for each architecture")
    return table


def _csv_rows(file: Any, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(file, strict=True)
    try:
        for fields in reader:
            if None in fields or None in fields.values():
                raise TrainerUnableError(
                    f"{path}, line {reader.line_num}: give as many fields as the header, {reader.fieldnames}"
                )
            yield reader.line_num, fields
    except csv.Error as error:
        raise TrainerUnableError(f"{path}, line {reader.reader.line_num}: is no CSV: {error}; correct it") from error


def _json_rows(file: Any, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
            raise TrainerUnableError(
                f"{path}, line {line}: is no JSON: {error.msg} at column {error.colno}; correct it"
            ) from error
        if not isinstance(fields, dict):
            raise TrainerUnableError(
                f"{path}, line {line}: is no JSON object but {text.strip()[:40]}; write one object per line"
            )
        yield line, fields


def _parse_row(fields: Mapping[str, Any], section: Tabular, where: str) -> tuple[tuple[int, ...], Row]:
    tokens = _parse(fields, section.tokens_column, _tokens, "give whole numbers: 0 3 1, [0, 3, 1] or (0, 3, 1)", where)
    value = _parse(fields, section.value_column, _number, "give a finite number", where)
    if section.seconds_column is None:
        return tokens, Row(value, 0.0)
    return tokens, Row(value, _parse(fields, section.seconds_column, _seconds, "give seconds, 0 or more", where))


def _parse(fields: Mapping[str, Any], column: str, convert: Callable[[Any], _T], fix: str, where: str) -> _T:
    if column not in fields:
        raise TrainerUnableError(
            f"{where}: there is no column {column}, only {', '.join(fields)}; name the column in spec.task.tabular"
        )
    try:
        return convert(fields[column])
    except (TypeError, ValueError) as error:
        raise TrainerUnableError(f"{where}: column {column} is {fields[column]!r}; {fix}") from error


def _tokens(given: Any) -> tuple[int, ...]:
    listed = _without_brackets(given).replace(",", " ").split() if isinstance(given, str) else given
    tokens = tuple(int(token) for token in listed)
    if any(token < 0 or isinstance(given_token, float) for token, given_token in zip(tokens, listed, strict=True)):
        raise ValueError("no token")
    return tokens


def _without_brackets(text: str) -> str:
    text = text.strip()
    return text[1:-1] if text[:1] + text[-1:] in {"[]", "()"} else text


def _number(given: Any) -> float:
    number = float(given)
    if isinstance(given, bool) or not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _seconds(given: Any) -> float:
    seconds = _number(given)
    if seconds < 0:
        raise ValueError("less than none")
    return seconds

"""The tabular task: good tables give their rows, bad ones an error that names file, line and fix."""

import asyncio
import re
from pathlib import Path

import pytest

from nasfleet.catalogue.tasks import Tabular
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.building import build_space
from nasfleet_testing.scripted_controller import search_spec
from nasfleet_trainer.failures import CannotBuildError, TrainerUnableError
from nasfleet_trainer.tasks.tabular import Row, TabularTask, load_table
from nasfleet_trainer.tasks.task import ChildRun

CSV = Tabular(file="table.csv", seconds_column="seconds")
JSON_LINES = Tabular(file="table.jsonl", seconds_column="seconds")


def write(folder: Path, section: Tabular, text: str) -> Path:
    path = folder / section.file
    path.write_text(text, encoding="utf-8")
    return path


async def look_up(section: Tabular, folder: Path, tokens: tuple[int, ...]) -> Measurement:
    def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        assert epoch.epoch == 1

    spec = search_spec(section)
    description = build_space(spec.search_space).decode(tokens)
    run = ChildRun(description, tokens, 0, spec, "namespaces/default/searches/s/trials/1", data_dir=folder)
    return await TabularTask(section).train(run, report)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (CSV, 'tokens,value,seconds,note\n0 1 2,0.5,60,x\n"[1, 2, 3]",0.75,90,y\n'),
        (CSV, '\ufefftokens,value,seconds\r\n"0,1,2",0.5,60\r\n1 2 3,0.75,90\r\n'),
        (CSV, 'tokens,value,seconds\n"(0, 1, 2)",0.5,60\n"(1, 2, 3)",0.75,90\n'),
        (
            JSON_LINES,
            '{"tokens": [0, 1, 2], "value": 0.5, "seconds": 60}\n\n{"tokens": "1 2 3", "value": 0.75, "seconds": 90}\n',
        ),
    ],
)
async def test_a_row_is_found_by_its_tokens(tmp_path: Path, section: Tabular, text: str) -> None:
    path = write(tmp_path, section, text)
    assert load_table(path, section) == {(0, 1, 2): Row(0.5, 60), (1, 2, 3): Row(0.75, 90)}
    measurement = await look_up(section, tmp_path, (1, 2, 3))
    assert measurement == Measurement(0.75, (EpochMeasurement(1, 0.75, 90),), 90, 90)


async def test_an_architecture_that_the_table_does_not_have_cannot_be_built(tmp_path: Path) -> None:
    write(tmp_path, CSV, "tokens,value,seconds\n0 1 2,0.5,60\n")
    with pytest.raises(CannotBuildError, match=r"table\.csv has no row for the tokens \[0, 0, 0\]"):
        await look_up(CSV, tmp_path, (0, 0, 0))


async def test_a_replay_takes_its_share_of_the_tabled_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    section = Tabular(file="table.csv", seconds_column="seconds", replay_time_scale=0.01)
    write(tmp_path, section, "tokens,value,seconds\n0 1 2,0.5,60\n")
    await look_up(section, tmp_path, (0, 1, 2))
    assert slept == [pytest.approx(0.6)]


def test_a_table_is_read_once_per_process(tmp_path: Path) -> None:
    path = write(tmp_path, CSV, "tokens,value,seconds\n0 1 2,0.5,60\n")
    table = load_table(path, CSV)
    path.unlink()
    assert load_table(path, CSV) is table


@pytest.mark.parametrize(
    ("section", "text", "said"),
    [
        (CSV, "", "has no rows"),
        (CSV, "tokens,value,seconds\n", "has no rows"),
        (CSV, "code,value,seconds\n0 1 2,0.5,60\n", "line 2: there is no column tokens, only code, value, seconds"),
        (CSV, "tokens,value\n0 1 2,0.5\n", "no column seconds"),
        (CSV, "tokens,value,seconds\n0 1 2,0.5,60\n0 1 x,0.5,60\n", "line 3: column tokens is '0 1 x'; give whole numbers"),
        (CSV, "tokens,value,seconds\n0 -1 2,0.5,60\n", "column tokens is '0 -1 2'"),
        (CSV, "tokens,value,seconds\n(0 1 2],0.5,60\n", "column tokens is '(0 1 2]'; give whole numbers"),
        (CSV, "tokens,value,seconds\n(0 1 2,0.5,60\n", "column tokens is '(0 1 2'; give whole numbers"),
        (CSV, "tokens,value,seconds\n0 1 2,nan,60\n", "column value is 'nan'; give a finite number"),
        (CSV, "tokens,value,seconds\n0 1 2,0.5,-1\n", "column seconds is '-1'; give seconds, 0 or more"),
        (CSV, "tokens,value,seconds\n0 1 2,0.5\n", "line 2: give as many fields as the header"),
        (CSV, "tokens,value,seconds\n0 1 2,0.5,60,9\n", "line 2: give as many fields as the header"),
        (CSV, 'tokens,value,seconds\n"0 1 2"x,0.5,60\n', "line 2: is no CSV"),
        (CSV, "tokens,value,seconds\n0 1 2,0.5,60\n0 1 2,0.6,60\n", "line 3: the tokens [0, 1, 2] stand there twice"),
        (JSON_LINES, '{"tokens": [0, 1, 2], "value": 0.5, "seconds": 60}\n{"tokens": [0', "line 2: is no JSON"),
        (JSON_LINES, "[1, 2]\n", "line 1: is no JSON object"),
        (JSON_LINES, '{"tokens": [0.5, 1, 2], "value": 0.5, "seconds": 60}\n', "column tokens is [0.5, 1, 2]"),
        (JSON_LINES, '{"tokens": 7, "value": 0.5, "seconds": 60}\n', "column tokens is 7"),
        (JSON_LINES, '{"tokens": [0], "value": null, "seconds": 60}\n', "column value is None"),
        (JSON_LINES, '{"tokens": [0], "value": true, "seconds": 60}\n', "column value is True"),
    ],
)
def test_a_bad_table_is_named_with_line_and_fix(tmp_path: Path, section: Tabular, text: str, said: str) -> None:
    path = write(tmp_path, section, text)
    with pytest.raises(TrainerUnableError) as error:
        load_table(path, section)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_missing_table_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TrainerUnableError, match=r"nowhere\.csv cannot be read: No such file or directory; .*--data-dir"):
        load_table(tmp_path / "nowhere.csv", CSV)


@pytest.mark.parametrize("file", ["/etc/table.csv", "../table.csv", "inside/../../table.csv"])
async def test_a_search_names_no_table_elsewhere_on_the_machine(tmp_path: Path, file: str) -> None:
    said = f"file is {file}: give a file below the trainer's data directory, as table.csv"
    with pytest.raises(InvalidInputError, match=re.escape(said)):
        await look_up(Tabular(file=file), tmp_path, (0, 1, 2))


def test_a_table_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"tokens,value,seconds\n\xff\xfe\n")
    with pytest.raises(TrainerUnableError, match="no text in UTF-8"):
        load_table(path, CSV)

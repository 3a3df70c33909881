"""A search through the whole system: `nasfleet run` in a directory of its own, which goes on where it was interrupted."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nasfleet.catalogue import SearchDocument, SearchSpec
from nasfleet.document import dump
from nasfleet.errors import InvalidInputError, UnavailableError
from nasfleet.names import SearchName
from nasfleet.v1.trial_pb2 import Trial
from nasfleet_cli.comparing.runs import SettledTrial
from nasfleet_cli.target import Target, connected

_FIELDS = ("canonical_hash", "reward", "measurement", "end_time", "number")


def search_through_the_fleet(
    document: SearchDocument, spec: SearchSpec, state: Path, options: Sequence[str]
) -> tuple[SettledTrial, ...]:
    """Return the trials of a whole search, in the order in which they settled.

    Args:
        document: the search's name.
        spec: what it is.
        state: directory of its results; a search that has ended there already is only read.
        options: more options of `nasfleet run`.

    Raises:
        InvalidInputError: if the directory holds another search.
        UnavailableError: if it did not run to its end; the message names its log.
    """
    state.mkdir(parents=True, exist_ok=True)
    file, log = state / "search.yaml", state / "run.log"
    text = dump(replace(document, spec=spec))
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise InvalidInputError(f"{state} holds another search: give another --output, or delete it")
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "nasfleet_cli", "run", str(file), "--state", str(state), "--plain", *options]
    with log.open("ab") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, check=False)
    if ended.returncode:
        last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        raise UnavailableError(f"a search to be compared has not run to its end: {last} (see {log}); the same command goes on")
    return _settled(document, state)


def _settled(document: SearchDocument, state: Path) -> tuple[SettledTrial, ...]:
    name = str(SearchName(document.namespace, document.name))
    with connected(Target(None, state)) as client:
        began = client.get_search(name).create_time.ToNanoseconds() / 1e9
        trials = sorted(client.list_trials(name, fields=_FIELDS), key=lambda trial: (_ended(trial), trial.number))
    settled: list[SettledTrial] = []
    trainer_seconds = 0.0
    for trial in trials:
        trainer_seconds += trial.measurement.trainer_seconds
        reward = trial.reward if trial.HasField("reward") else None
        settled.append(SettledTrial(trial.canonical_hash, reward, _ended(trial) - began, trainer_seconds))
    return tuple(settled)


def _ended(trial: Trial) -> float:
    return trial.end_time.ToNanoseconds() / 1e9

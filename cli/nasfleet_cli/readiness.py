"""What is checked at the door, before anything is started: whether this machine can train for a search at all."""

import importlib.util
import os
from pathlib import Path

from nasfleet.catalogue import (
    CellTree,
    ConvChain,
    ImageClassification,
    LanguageModeling,
    MlpChoices,
    PluginTask,
    SearchSpec,
    Tabular,
    Weights,
)
from nasfleet.errors import InvalidInputError, NasfleetError
from nasfleet_cli.extras import needing


def check_trainable(spec: SearchSpec, data_dir: Path | None, device: str, artifacts: Path) -> None:
    """Raise NasfleetError if trainers of this machine could not train for the search; the message says what is missing.

    `artifacts` is where they put weights unless the search says where.
    """
    if device == "cuda":
        _check_gpu()
    task, space = spec.task, spec.search_space.space
    if isinstance(task, ImageClassification):
        _check_images(task, space, data_dir, spec.seed)
    elif isinstance(task, LanguageModeling):
        _check_text(task, spec, data_dir)
    elif isinstance(task, Tabular):
        _check_table(task, data_dir)
    elif isinstance(task, PluginTask):
        _check_importable(task.object)
        _check_made(spec)
    if spec.weights is not Weights.NONE:
        _check_writable(artifacts if spec.artifacts is None else Path(spec.artifacts.removeprefix("file://")))


def _check_gpu() -> None:
    with needing("trainer"):
        from nasfleet_trainer.device import require_gpu
    require_gpu()


def _check_images(task: ImageClassification, space: object, data_dir: Path | None, seed: int) -> None:
    if not isinstance(space, ConvChain | MlpChoices):
        raise InvalidInputError(
            "spec.task.imageClassification trains convolutional and fully connected networks, and spec.searchSpace has none: "
            "search convChain or mlp, or train with a task of your own (spec.task.plugin)"
        )
    with needing("trainer"):
        from nasfleet_trainer.datasets.reading import read_split
    read_split(task, data_dir, seed)


def _check_text(task: LanguageModeling, spec: SearchSpec, data_dir: Path | None) -> None:
    space, growth = spec.search_space.space, spec.search_space.growth
    if not isinstance(space, CellTree):
        raise InvalidInputError(
            "spec.task.languageModeling trains recurrent cells, and spec.searchSpace has none: "
            "search recurrentCell, or train with a task of your own (spec.task.plugin)"
        )
    with needing("trainer"):
        from nasfleet_trainer.datasets.text_reading import read_text
        from nasfleet_trainer.language_size import size_of
    text = read_text(task, data_dir)
    if len(text.training) < 2 * task.batch_size:
        raise InvalidInputError(
            f"spec.task.languageModeling.batchSize is {task.batch_size}, but the training text has {len(text.training)} words "
            f"or characters: give {len(text.training) // 2} at most"
        )
    size_of(task, space.base if growth is None else growth.max_layers, len(text.vocabulary))


def _check_table(task: Tabular, data_dir: Path | None) -> None:
    with needing("trainer"):
        from nasfleet_trainer.tasks.tabular import load_table, table_path
    load_table(table_path(data_dir, task), task)


def _check_importable(path: str) -> None:
    module = path.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
    except ImportError as error:
        raise InvalidInputError(f"spec.task.plugin.object {path} cannot be imported: {error}; install what it needs") from error
    if found is None:
        raise InvalidInputError(
            f"spec.task.plugin.object {path} cannot be imported: there is no module {module}; "
            "run nasfleet in the folder that holds it, or install it"
        )


def _check_made(spec: SearchSpec) -> None:
    """Make the task as a trainer does."""
    with needing("trainer"):
        from nasfleet_trainer.tasks.loading import load_task
    try:
        load_task(spec)
    except NasfleetError as error:
        raise InvalidInputError(f"spec.task.plugin: {error}") from error


def _check_writable(artifacts: Path) -> None:
    there = next(path for path in (artifacts.absolute(), *artifacts.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InvalidInputError(
            f"weights cannot be written to {artifacts}: {there} is no directory that this user may write to; "
            "name another in spec.artifacts or --state, get the right to write, or set spec.weights to None"
        )

"""Where the texts of language tasks come from; a test split is never opened.

The Penn Treebank's words are read as Mikolov prepared them. What comes with Python needs no file at all.
"""

from pathlib import Path
from typing import assert_never

from nasfleet.catalogue.language_modeling import Corpus, LanguageModeling
from nasfleet.errors import InvalidInputError
from nasfleet_trainer.data_directory import below
from nasfleet_trainer.datasets.text import Text, text_of, units_of
from nasfleet_trainer.failures import TrainerUnableError

_TRAINING, _VALIDATION = "ptb.train.txt", "ptb.valid.txt"
# As it is unpacked from Mikolov's archive, and as people keep it.
_FOLDERS = ("", "ptb", "simple-examples/data")
_TENTHS = 10


def read_text(task: LanguageModeling, data_dir: Path | None) -> Text:
    """Return the text of a task, in numbers.

    Raises:
        TrainerUnableError: if this trainer lacks the text, or has an empty one.
        InvalidInputError: if the task names a file that is not below the data directory.
    """
    training, validation = _read(task, data_dir)
    return text_of(
        _first(units_of(training, task.unit), task.training_tokens, "trainingTokens"),
        _first(units_of(validation, task.unit), task.validation_tokens, "validationTokens"),
        task.vocabulary_size,
    )


def _first(words: list[str], most: int | None, name: str) -> list[str]:
    if most is not None and most > len(words):
        raise InvalidInputError(f"{name} is {most}, but the text has {len(words)}: give at most that")
    return words[:most]


def _read(task: LanguageModeling, data_dir: Path | None) -> tuple[str, str]:
    match task.corpus:
        case Corpus.PYTHON_TOPICS:
            return _python_topics()
        case Corpus.PENN_TREEBANK:
            folder = _treebank(_told(data_dir, task.corpus))
            return _content(folder / _TRAINING), _content(folder / _VALIDATION)
        case Corpus.FILES:
            folder = _told(data_dir, task.corpus)
            return (
                _content(below(folder, task.training_file or "", name="trainingFile", kind="file")),
                _content(below(folder, task.validation_file or "", name="validationFile", kind="file")),
            )
        case _:
            assert_never(task.corpus)


def _python_topics() -> tuple[str, str]:
    """Return eight tenths of the topics of Python's help and one tenth; the last tenth is kept apart and used in no search.

    Topics quote each other: each paragraph is kept where it stands first, so that none is in two parts.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise TrainerUnableError(
            "the texts of Python's help are left out of this Python: install all of it, or use another corpus"
        ) from error
    seen: set[str] = set()
    texts = []
    for _, topic in sorted(topics.items()):
        paragraphs = [paragraph for paragraph in topic.split("\n\n") if paragraph not in seen]
        seen.update(paragraphs)
        texts.append("\n\n".join(paragraphs))
    tenth = len(texts) // _TENTHS
    return "\n".join(texts[: -2 * tenth]), "\n".join(texts[-2 * tenth : -tenth])


def _told(data_dir: Path | None, corpus: Corpus) -> Path:
    if data_dir is None:
        raise TrainerUnableError(f"this trainer was not told where its data sets are, which {corpus} needs: use --data-dir")
    return data_dir


def _treebank(data_dir: Path) -> Path:
    for folder in _FOLDERS:
        if all((data_dir / folder / name).exists() for name in (_TRAINING, _VALIDATION)):
            return data_dir / folder
    raise TrainerUnableError(
        f"{data_dir} does not hold {_TRAINING} and {_VALIDATION}: put the Penn Treebank there, or name the folder that "
        "holds it with --data-dir"
    )


def _content(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise TrainerUnableError(f"{path} cannot be read ({reason}): put a text there, or name another file") from error
    if not text.strip():
        raise TrainerUnableError(f"{path} has no words, so that there is no vocabulary: put a text there, or name another file")
    return text

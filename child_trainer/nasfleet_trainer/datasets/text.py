"""Texts as numbers, as every reader gives them: a vocabulary, what to train on and what to measure on; valid once made."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasfleet.catalogue.language_modeling import TextUnit
from nasfleet.errors import InvalidInputError

UNKNOWN = "<unk>"
END_OF_LINE = "<eos>"


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """Two parts of a text, in the numbers of one vocabulary.

    Attributes:
        vocabulary: words or characters, the most frequent first.
        training: int64 [tokens], what to learn from.
        validation: int64 [tokens], what to measure on.

    Raises:
        InvalidInputError: if a part has fewer than two tokens, so that there is nothing to foretell.
    """

    vocabulary: tuple[str, ...]
    training: NDArray[np.int64]
    validation: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, part in (("training", self.training), ("validation", self.validation)):
            if len(part) < 2:  # noqa: PLR2004 - one to read, one to foretell
                raise InvalidInputError(f"the {name} text has {len(part)} words or characters: give 2 at least")


def units_of(text: str, unit: TextUnit) -> list[str]:
    """Return the words or characters of a text; a line of words ends with a word of its own, an empty one has none."""
    if unit is TextUnit.CHARACTER:
        return list(text)
    lines = (line.split() for line in text.splitlines())
    return [word for words in lines if words for word in (*words, END_OF_LINE)]


def text_of(training: Sequence[str], validation: Sequence[str], most: int) -> Text:
    """Return two lists of words or characters as numbers, with a vocabulary of `most` at most, made of the training part.

    Raises:
        InvalidInputError: if a part has fewer than two.
    """
    known = [word for word, _ in Counter(training).most_common(most)]
    numbers = {word: number for number, word in enumerate(known)}
    if UNKNOWN not in numbers and not {*training, *validation} <= numbers.keys():
        if len(known) == most:
            # The least frequent makes room, so that no more than `most` are told apart.
            del numbers[known.pop()]
        numbers[UNKNOWN] = len(known)
        known.append(UNKNOWN)
    return Text(tuple(known), _numbered(training, numbers), _numbered(validation, numbers))


def _numbered(words: Iterable[str], numbers: dict[str, int]) -> NDArray[np.int64]:
    unknown = numbers.get(UNKNOWN, 0)
    return np.array([numbers.get(word, unknown) for word in words], np.int64)

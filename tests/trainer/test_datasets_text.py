"""Texts are read where they should be, in one vocabulary, and a test split never is."""

from pathlib import Path

import pytest

from nasfleet.catalogue import Corpus, LanguageModeling, TextUnit
from nasfleet.errors import InvalidInputError
from nasfleet_trainer.datasets.text import text_of, units_of
from nasfleet_trainer.datasets.text_reading import read_text
from nasfleet_trainer.failures import TrainerUnableError

FILES = LanguageModeling(corpus=Corpus.FILES, training_file="a.txt", validation_file="b.txt")
TREEBANK = LanguageModeling(corpus=Corpus.PENN_TREEBANK)


def test_a_line_of_words_has_an_end_and_an_empty_one_has_nothing() -> None:
    assert units_of(" no it \n\nwas n't\n", TextUnit.WORD) == ["no", "it", "<eos>", "was", "n't", "<eos>"]


def test_characters_are_all_that_stands_there() -> None:
    assert units_of("a b\n", TextUnit.CHARACTER) == ["a", " ", "b", "\n"]


def test_the_most_frequent_come_first_and_all_others_are_unknown() -> None:
    text = text_of(["b", "a", "b", "c", "b", "a"], ["c", "z", "b"], 3)
    assert text.vocabulary == ("b", "a", "<unk>")
    assert text.training.tolist() == [0, 1, 0, 2, 0, 1]
    assert text.validation.tolist() == [2, 2, 0]


def test_nothing_is_unknown_where_all_is_known() -> None:
    assert text_of(["b", "a", "b"], ["a", "b"], 2).vocabulary == ("b", "a")


def test_an_unknown_word_of_the_text_itself_is_used() -> None:
    text = text_of(["<unk>", "a"], ["z", "a"], 10)
    assert text.vocabulary == ("<unk>", "a")
    assert text.validation.tolist() == [0, 1]


def write_treebank(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ptb.train.txt").write_text(" no it was <unk>\n it was n't\n")
    (folder / "ptb.valid.txt").write_text(" it was black\n")
    (folder / "ptb.test.txt").write_bytes(b"\xff\xfe whoever opens this fails")


@pytest.mark.parametrize("folder", [".", "ptb", "simple-examples/data"])
def test_the_treebank_is_found_as_it_is_unpacked_and_its_test_split_is_not_opened(tmp_path: Path, folder: str) -> None:
    write_treebank(tmp_path / folder)
    (tmp_path / folder / "ptb.test.txt").chmod(0)
    text = read_text(TREEBANK, tmp_path)
    assert [text.vocabulary[number] for number in text.validation] == ["it", "was", "<unk>", "<eos>"]


def test_what_comes_with_python_needs_no_folder_and_no_paragraph_is_in_both_parts() -> None:
    text = read_text(LanguageModeling(vocabulary_size=100_000), None)
    assert len(text.training) > 20_000
    assert 2_000 < len(text.validation) < len(text.training) / 2
    words = [text.vocabulary[number] for number in text.training]
    lines = {line for line in " ".join(words).split("<eos>") if len(line.split()) > 11}
    validation = " ".join(text.vocabulary[number] for number in text.validation).split("<eos>")
    shared = [line for line in validation if line in lines]
    assert len(shared) < len(validation) / 50, shared


def test_only_the_first_are_read_where_fewer_are_wanted() -> None:
    text = read_text(LanguageModeling(training_tokens=50, validation_tokens=10), None)
    assert (len(text.training), len(text.validation)) == (50, 10)


@pytest.mark.parametrize(
    ("task", "content", "message"),
    [
        (TREEBANK, {}, "does not hold ptb.train.txt and ptb.valid.txt: put the Penn Treebank there"),
        (FILES, {}, r"a.txt cannot be read \(No such file or directory\)"),
        (FILES, {"a.txt": b" \n\n", "b.txt": b"x y"}, "a.txt has no words, so that there is no vocabulary"),
        (FILES, {"a.txt": b"x y", "b.txt": b"\xff\xfe"}, r"b.txt cannot be read \(it is no text in UTF-8\)"),
    ],
)
def test_a_text_that_is_missing_or_empty_is_said_to_be(
    tmp_path: Path, task: LanguageModeling, content: dict[str, bytes], message: str
) -> None:
    for name, written in content.items():
        (tmp_path / name).write_bytes(written)
    with pytest.raises(TrainerUnableError, match=message):
        read_text(task, tmp_path)


def test_a_text_that_this_trainer_was_not_told_of_is_asked_for() -> None:
    with pytest.raises(TrainerUnableError, match="which pennTreebank needs: use --data-dir"):
        read_text(TREEBANK, None)


@pytest.mark.parametrize("file", ["/etc/passwd", "../a.txt"])
def test_a_search_names_no_file_elsewhere_on_the_machine(tmp_path: Path, file: str) -> None:
    with pytest.raises(InvalidInputError, match="give a file below the trainer's data directory"):
        read_text(LanguageModeling(corpus=Corpus.FILES, training_file=file, validation_file="b.txt"), tmp_path)


def test_more_words_than_there_are_cannot_be_wanted(tmp_path: Path) -> None:
    write_treebank(tmp_path)
    with pytest.raises(InvalidInputError, match="trainingTokens is 100, but the text has 9: give at most that"):
        read_text(LanguageModeling(corpus=Corpus.PENN_TREEBANK, training_tokens=100), tmp_path)

"""Whether this machine can train for a search of recurrent cells is said before anything is started."""

from pathlib import Path
from typing import Any

import pytest

from nasfleet.catalogue import (
    CellTree,
    ConvChain,
    Corpus,
    Growth,
    InversePerplexity,
    LanguageModeling,
    SearchSpaceSection,
    SearchSpec,
    Weights,
)
from nasfleet.errors import NasfleetError
from nasfleet_cli.readiness import check_trainable
from nasfleet_testing.specs import smallest_spec


def spec_of(task: LanguageModeling, section: SearchSpaceSection | None = None) -> SearchSpec:
    section = section or SearchSpaceSection(space=CellTree())
    return smallest_spec(task=task, search_space=section, reward=InversePerplexity(), weights=Weights.NONE)


def check(spec: SearchSpec, data_dir: Path | None = None) -> None:
    check_trainable(spec, data_dir, "cpu", Path())


def test_a_text_that_comes_with_python_needs_nothing() -> None:
    check(spec_of(LanguageModeling()))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"corpus": Corpus.PENN_TREEBANK}, "does not hold ptb.train.txt and ptb.valid.txt"),
        (
            {"corpus": Corpus.FILES, "training_file": "a", "validation_file": "b"},
            "has no words, so that there is no vocabulary",
        ),
        ({"target_parameters": 1000}, "targetParameters is 1,000, but a vocabulary of .* alone takes"),
        ({"training_tokens": 30}, "batchSize is 20, but the training text has 30 words or characters: give 15 at most"),
    ],
)
def test_what_is_missing_is_said_at_the_door(tmp_path: Path, task: dict[str, Any], message: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("\n")
    with pytest.raises(NasfleetError, match=message):
        check(spec_of(LanguageModeling(**task)), tmp_path)


def test_a_target_has_to_be_met_at_the_greatest_base_of_a_space_that_grows() -> None:
    # Two characters, 2 layers of width 1: 2 * 2 + 2 of the vocabulary, 4 of each leaf.
    task = LanguageModeling(vocabulary_size=2, target_parameters=6 + 4 * 10)
    growth = Growth(layers=1, every_trials=1, max_layers=11)
    check(spec_of(task))
    with pytest.raises(NasfleetError, match="targetParameters is 46"):
        check(spec_of(task, SearchSpaceSection(space=CellTree(), growth=growth)))


def test_a_space_without_cells_has_nothing_to_train_on_a_text() -> None:
    with pytest.raises(NasfleetError, match="search recurrentCell"):
        check(spec_of(LanguageModeling(), SearchSpaceSection(space=ConvChain())))

"""A document says a search, and a search is written as a document."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from nasfleet.catalogue import (
    BestOfLastEpochsCubed,
    Budget,
    ConvChain,
    Dataset,
    Growth,
    ImageClassification,
    InvalidParametersError,
    PluginTask,
    PoolSelector,
    Reinforce,
    SearchDocument,
    SearchSpaceSection,
    SearchSpec,
    Weights,
)
from nasfleet.document import as_data, dump, load
from nasfleet_testing.documents import PAPER, changed
from nasfleet_testing.specs import documents, smallest_spec

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "search.md"


def test_the_published_search_is_read_as_it_stands() -> None:
    assert load(PAPER) == SearchDocument(
        name="cifar10-conv",
        spec=SearchSpec(
            search_space=SearchSpaceSection(space=ConvChain(), growth=Growth()),
            strategy=Reinforce(),
            task=ImageClassification(dataset=Dataset.CIFAR10),
            reward=BestOfLastEpochsCubed(),
            budget=Budget(trials=12_800, trainer_hours=2000, target_reward=0.9),
            parallelism=800,
            trainer_pool_selector=PoolSelector(match_labels={"gpu": "h200"}),
            seed=1,
        ),
    )


def test_numbers_are_read_as_numbers_of_the_declared_kind() -> None:
    spec = load(changed(("6e-4", "1"))).spec

    assert isinstance(spec.strategy, Reinforce)
    assert repr(spec.strategy.learning_rate) == "1.0"
    assert repr(spec.parallelism) == "800"


def test_enumerations_and_nested_blocks_are_read() -> None:
    spec = load(changed(("seed: 1", "weights: None\n  trial: {retries: {lost: 3}}"))).spec

    assert spec.weights is Weights.NONE
    assert spec.trial.retries.lost == 3


def test_parameters_of_a_plug_in_are_free() -> None:
    task = "plugin: {object: mine.tasks:Regression, parameters: {depth: 3, rates: [0.5, {a: null}]}}"
    spec = load(changed(("imageClassification: {dataset: cifar10, epochs: 50}", task))).spec

    assert spec.task == PluginTask(object="mine.tasks:Regression", parameters={"depth": 3, "rates": [0.5, {"a": None}]})


@settings(max_examples=40, deadline=None)
@given(documents)
def test_what_is_dumped_is_loaded_as_the_same(document: SearchDocument) -> None:
    # Decisions of a plug-in space are filled in by programs; documents do not have them.
    document = load(dump(document))

    assert load(dump(document)) == document
    assert load(json.dumps(as_data(document))) == document


def test_a_dump_writes_every_default_out() -> None:
    text = dump(SearchDocument(name="a", spec=smallest_spec()))

    assert "filterHeights: [1, 3, 5, 7]" in text
    assert "leaseSeconds: 30.0" in text


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a" * 64, "a\n"])
def test_a_search_has_a_dns_label_for_a_name(name: str) -> None:
    with pytest.raises(InvalidParametersError, match="name is"):
        SearchDocument(name=name, spec=smallest_spec())


def test_the_example_of_the_reference_page_is_a_search() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)

    assert [load(example).name for example in examples] == ["first-search"]

"""Each malformed document is refused with the path, the value and the fix, and nothing else is said."""

import pytest

from nasfleet.catalogue import InvalidParametersError
from nasfleet.document import load
from nasfleet_testing.documents import PAPER, changed
from nasfleet_testing.malformed_documents import MALFORMED


@pytest.mark.parametrize(("old", "new", "message"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_document_is_refused_with_path_value_and_fix(old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidParametersError) as raised:
        load(changed((old, new)))

    assert str(raised.value) == message


def test_several_errors_are_said_together() -> None:
    text = changed(
        ("layers: 6", "layers: 0"), ("learningRate", "learningrat"), ("seed: 1", "seed: yes"), ("gpu: h200", "gpu: 1")
    )

    with pytest.raises(InvalidParametersError) as raised:
        load(text)

    assert {".".join(problem.path) for problem in raised.value.problems} == {
        "spec.searchSpace.convChain.layers",
        "spec.strategy.reinforce.learningrat",
        "spec.seed",
        "spec.trainerPoolSelector.matchLabels.gpu",
    }


@pytest.mark.parametrize("text", ["[]", "just text", "42"])
def test_a_document_that_is_no_map_is_refused(text: str) -> None:
    with pytest.raises(InvalidParametersError, match=r"^the document is .*: give a map of fields$"):
        load(text)


def test_the_unchanged_document_is_accepted() -> None:
    assert load(PAPER).name == "cifar10-conv"

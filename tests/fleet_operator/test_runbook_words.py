"""The runbook has a section for each reason that people are shown, and says what conditions and events say."""

from pathlib import Path

import pytest

from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.search_status import State

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()


@pytest.mark.parametrize("kind", FailureKind)
def test_each_kind_of_failure_has_a_section_with_the_same_advice(kind: FailureKind) -> None:
    assert f"\n### {kind}\n" in RUNBOOK
    section = RUNBOOK.split(f"\n### {kind}\n")[1].split("\n#")[0]
    assert kind.advice in " ".join(section.split())


@pytest.mark.parametrize("state", State)
def test_each_state_of_a_search_is_there(state: State) -> None:
    assert f"`{state}`" in RUNBOOK or f"\n### {state}\n" in RUNBOOK

"""The runbook has a section for each reason and alert that people are shown, and says what conditions and events say."""

import pytest

from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.search_status import State
from nasfleet_testing.alerts import alerts
from nasfleet_testing.pages import ROOT

RUNBOOK = ROOT / "docs" / "runbook.md"
PARTS = [part.partition("\n") for part in RUNBOOK.read_text(encoding="utf-8").split("\n### ")[1:]]
SECTIONS = {heading: " ".join(text.partition("\n## ")[0].split()) for heading, _, text in PARTS}


def heading(state: State) -> str:
    """Return the heading of a search's state: pools and searches have some words in common, with sections of their own."""
    return f"{state} of a search" if state in set(FailureKind) else state


@pytest.mark.parametrize("kind", FailureKind)
def test_every_reason_of_a_pool_has_a_section_with_its_advice(kind: FailureKind) -> None:
    assert kind.advice in SECTIONS[kind]


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_search_has_a_section_of_its_own(state: State) -> None:
    assert SECTIONS[heading(state)]


def test_the_runbook_has_no_section_for_what_is_never_said() -> None:
    assert sorted(found for found, _, _ in PARTS) == sorted(
        [*FailureKind, *map(heading, State), *(alert.name for alert in alerts())]
    )

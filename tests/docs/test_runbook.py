"""The runbook has a section for each reason that people are shown, with the advice that conditions and events give."""

from collections.abc import Iterator

import pytest

from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.search_status import State
from nasfleet_testing.pages import ROOT

RUNBOOK = ROOT / "docs" / "runbook.md"


def sections() -> Iterator[tuple[str, str]]:
    for part in RUNBOOK.read_text(encoding="utf-8").split("\n### ")[1:]:
        heading, _, text = part.partition("\n")
        yield heading, " ".join(text.partition("\n## ")[0].split())


SECTIONS = dict(sections())


@pytest.mark.parametrize("kind", FailureKind)
def test_every_reason_of_a_pool_has_a_section_with_its_advice(kind: FailureKind) -> None:
    assert kind.advice in SECTIONS[kind]


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_search_has_a_section(state: State) -> None:
    assert SECTIONS.get(f"{state} of a search") or SECTIONS.get(state)


def test_the_runbook_has_no_section_for_what_is_never_said() -> None:
    assert {heading.removesuffix(" of a search") for heading in SECTIONS} == {*FailureKind, *State}

from pathlib import Path

import pytest

from nasfleet import document
from nasfleet_cli import reference
from nasfleet_testing.pages import ROOT, anchors, links, pages

EXAMPLES = sorted(ROOT.glob("examples/**/*.yaml"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_reference_of_the_command_line_is_fresh() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert page == reference.page(), "run python -m nasfleet_cli.reference > docs/reference/cli.md"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_is_a_valid_search(file: Path) -> None:
    document.load(file.read_text(encoding="utf-8"))


def test_the_paper_s_example_has_the_paper_s_constants() -> None:
    spec = document.load((ROOT / "examples" / "cifar10.yaml").read_text(encoding="utf-8")).spec
    bare = document.load(
        """
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {name: bare}
spec:
  searchSpace: {convChain: {}, growth: {}}
  strategy: {reinforce: {}}
  task: {imageClassification: {dataset: cifar10, trainingExamples: 45000, validationExamples: 5000}}
  reward: {bestOfLastEpochsCubed: {}}
  budget: {trials: 12800}
  parallelism: 800
"""
    ).spec
    assert spec == bare

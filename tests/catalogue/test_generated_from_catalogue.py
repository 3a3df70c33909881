"""What is written from the catalogue is as the catalogue now is."""

import dataclasses
from pathlib import Path

import pytest

from nasfleet.catalogue import protogen, reference
from nasfleet.catalogue.custom_resources import POOLS, SEARCHES, CustomResource, manifest
from nasfleet.catalogue.search import SearchSpec
from nasfleet.codec import spec_to_proto

_ROOT = Path(__file__).parents[2]


def test_the_contract_is_fresh() -> None:
    written = (_ROOT / "proto" / "nasfleet" / "v1" / "catalogue.proto").read_text(encoding="utf-8")

    assert written == protogen.contract(), "run make proto"


@pytest.mark.parametrize("name", ["search", "trainer-pool"])
def test_the_reference_pages_are_fresh(name: str) -> None:
    written = (_ROOT / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")

    assert written == reference.page(name), f"run python -m nasfleet.catalogue.reference {name} > docs/reference/{name}.md"


@pytest.mark.parametrize("resource", [SEARCHES, POOLS], ids=lambda resource: resource.plural)
def test_the_custom_resources_are_fresh(resource: CustomResource) -> None:
    written = (_ROOT / "operator" / "manifests" / "crds" / f"{resource.plural}.yaml").read_text(encoding="utf-8")

    assert written == manifest(resource), "run make proto"


def test_the_stubs_are_those_of_the_contract() -> None:
    message = spec_to_proto.__annotations__["return"]

    assert [field.name for field in message.DESCRIPTOR.fields] == [field.name for field in dataclasses.fields(SearchSpec)]


@pytest.mark.parametrize("name", ["search", "trainer-pool"])
def test_every_heading_that_a_reference_page_links_to_is_there(name: str) -> None:
    page = reference.page(name)
    headings = {f"(#{line[3:].lower().replace('.', '')})" for line in page.splitlines() if line.startswith("## ")}

    assert {f"(#{link.split(')')[0]})" for link in page.split("(#")[1:]} <= headings

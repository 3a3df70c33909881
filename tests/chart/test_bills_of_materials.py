"""`make sbom`: what an image has, as CycloneDX says it, is what its lock pins."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from nasfleet_testing.chart import ROOT

IMAGES = ("operator", "controller", "trainer", "torch")
Pinned = set[tuple[str, str, frozenset[str]]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sbom")
    # As installed: what is there is what runs the tests.
    subprocess.run(["make", "sbom", "INSTALLED=", f"SBOM={folder}"], cwd=ROOT, check=True, capture_output=True)
    return folder


def pinned(lock: str) -> Pinned:
    pins = set()
    for block in re.split(r"\n(?=\S)", lock.strip()):
        found = re.match(r"([\w.-]+)(?:\[.*?\])?==([^\s;]+)", block)
        assert found is not None, block
        pins.add((found[1], found[2], frozenset(re.findall(r"sha256:(\w+)", block))))
    return pins


def listed(bill: str) -> Pinned:
    return {
        (
            one["name"],
            one["version"],
            frozenset(each["content"] for reference in one["externalReferences"] for each in reference["hashes"]),
        )
        for one in json.loads(bill)["components"]
    }


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_a_lock_is_listed_with_its_version_and_hashes(written: Path, image: str) -> None:
    lock = (ROOT / "requirements" / f"{image}.lock").read_text()
    assert listed((written / f"{image}.cdx.json").read_text()) == pinned(lock)


@pytest.mark.parametrize("image", IMAGES)
def test_a_bill_is_valid_and_says_whose_it_is(written: Path, image: str) -> None:
    bill = (written / f"{image}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    assert json.loads(bill)["metadata"]["component"]["name"] == "nasfleet"

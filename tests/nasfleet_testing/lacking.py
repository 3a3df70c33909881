"""What tests do without what they need: they are skipped with one line that says what it is, but not where CI is set."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from cluster.programs import MissingProgramError, have


def lacking(what: str) -> NoReturn:
    """Skip the test, or fail it where CI is set; `what` says what is missing and how to have it."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


def have_all(*programs: str) -> None:
    """Have programs of Kubernetes, built if need be."""
    try:
        for name in programs:
            have(name)
    except MissingProgramError as missing:
        lacking(str(missing))


def share_process(items: list[pytest.Item], folder: Path, group: str) -> None:
    """Have the tests of a folder run in one process of pytest-xdist, so that what they share is there once."""
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(group))

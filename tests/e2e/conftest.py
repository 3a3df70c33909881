"""The tests on a real cluster run where `make e2e` has put them: in a network and a mount namespace of their own."""

import os
import sys

import pytest

collect_ignore_glob = [] if os.environ.get("NASFLEET_E2E") else ["test_*.py"]


@pytest.fixture(autouse=True)
def _say(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    """Say each step as it begins, since they take minutes."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {request.node.name.removeprefix('test_').replace('_', ' ')} ")
        sys.stdout.flush()

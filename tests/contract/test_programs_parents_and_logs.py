"""What the programs have in common: how they notice that their parent is gone, and how they log."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from nasfleet.parent import when_parent_is_gone


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the parent's end of standard input, to be closed by the test."""
    ours, parents = os.pipe()
    with os.fdopen(ours) as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        yield parents


def join_watchers() -> None:
    for thread in threading.enumerate():
        if thread.name == "parent":
            thread.join()


async def test_the_end_of_standard_input_is_told_in_the_loop_and_what_is_written_before_is_not(parent: int) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    when_parent_is_gone(lambda: told.set_result(threading.current_thread().name))
    os.write(parent, b"still there\n")
    await asyncio.sleep(0.05)
    assert not told.done()
    os.close(parent)
    assert await asyncio.wait_for(told, 30) == threading.current_thread().name
    await asyncio.to_thread(join_watchers)


def test_a_parent_that_goes_after_the_loop_has_ended_is_no_error(parent: int) -> None:
    async def begin() -> None:
        when_parent_is_gone(lambda: None)

    asyncio.run(begin())
    os.close(parent)
    join_watchers()  # an error in a thread is a warning, and that fails the test


def test_logs_are_objects_in_lines_on_standard_error() -> None:
    code = (
        "import structlog; from nasfleet.logs import configure_logs; log = structlog.get_logger(); configure_logs();"
        "log.debug('unsaid'); log.info('said', search='a'); log.error('wrong')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, wrong = map(json.loads, ended.stderr.splitlines())
    assert (said["event"], said["level"], said["search"]) == ("said", "info", "a")
    assert said["timestamp"].endswith("Z")
    assert wrong["level"] == "error"
    assert ended.stdout == ""

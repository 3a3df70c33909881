"""A search whose strategy does not suit its space is refused before anything of it is stored."""

import asyncio
from pathlib import Path

import pytest

from nasfleet.catalogue import Grid, GridLevels
from nasfleet.errors import InvalidInputError
from nasfleet.names import SearchName
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.runner import Runner
from nasfleet_controller.store.store import Store
from nasfleet_testing.specs import smallest_spec

UNKNOWN_LEVEL = smallest_spec(strategy=Grid(levels=(GridLevels(decision="filterHeight", options=(4,)),)))
MESSAGE = r"spec\.strategy\.grid\.levels\[0\]\.options\[0\] is 4, which layer0/filterHeight does not have"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_it_is_refused_and_nothing_is_stored(tmp_path: Path, *, dry_run: bool) -> None:
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        runner, ready = Runner(store, ControllerMetrics()), asyncio.Event()
        running = asyncio.create_task(runner.run(lambda _ready: ready.set()))
        await ready.wait()
        commands = SearchCommands(runner)
        with pytest.raises(InvalidInputError, match=MESSAGE):
            await commands.ensure(SearchName("default", "mine"), "", UNKNOWN_LEVEL, dry_run=dry_run)
        assert await commands.views("default") == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not store.load().searches

"""A search whose space nobody knows is refused before anything of it is stored."""

import asyncio
from pathlib import Path

import pytest

from nasfleet.catalogue import PluginSpace, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.names import SearchName
from nasfleet_controller.commands import SearchCommands
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.runner import Runner
from nasfleet_controller.store.store import Store
from nasfleet_testing.specs import smallest_spec


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_plugin_without_its_decisions_is_refused_and_nothing_is_stored(tmp_path: Path, *, dry_run: bool) -> None:
    spec = smallest_spec(search_space=SearchSpaceSection(space=PluginSpace(object="my.spaces:space")))
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        runner, ready = Runner(store, ControllerMetrics()), asyncio.Event()
        running = asyncio.create_task(runner.run(lambda _ready: ready.set()))
        await ready.wait()
        commands = SearchCommands(runner)
        with pytest.raises(InvalidInputError, match=r"my\.spaces:space are not known here"):
            await commands.ensure(SearchName("default", "mine"), "", spec, dry_run=dry_run)
        assert await commands.views("default") == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not store.load().searches

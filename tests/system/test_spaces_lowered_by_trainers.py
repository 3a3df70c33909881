"""A search space of one's own that nobody lowered before it was declared, with the programs as they are in a cluster."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from nasfleet.catalogue import PluginSpace, SearchSpaceSection, SearchSpec, Synthetic
from nasfleet.client import Client
from nasfleet.spaces.decision import Choice
from nasfleet.spaces.wire import decisions_from_proto
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED, SEARCH_STATE_RUNNING, SEARCH_STATE_SUSPENDED
from nasfleet_testing.command_line import nasfleet
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import SEARCH, controller, free_address, settled, synthetic_search, trainer

MODULE = """
import os, pathlib
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.decision import Choice

with pathlib.Path(__file__).with_suffix(".pids").open("a") as imports:
    imports.write(f"{os.getpid()}\\n")


def depths(deepest):
    return AssignmentSpace((Choice("depth", "depth", tuple(range(1, deepest + 1))),))
"""


def plugin_search(trials: int = 3) -> SearchSpec:
    """Return a search of a space that only trainers can lower."""
    space = SearchSpaceSection(space=PluginSpace(object="fleet_space:depths", parameters={"deepest": 3}))
    return synthetic_search(trials, 2, Synthetic(), search_space=space)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Write the module that has the space; only programs that are told where it is find it."""
    folder = tmp_path / "user"
    folder.mkdir()
    file = folder / "fleet_space.py"
    file.write_text(MODULE)
    return file


def lowered(client: Client) -> bool:
    return bool(client.get_search(SEARCH).spec.search_space.plugin.decisions.decisions)


def message(client: Client) -> str:
    return client.get_search(SEARCH).message


def test_a_declared_space_is_lowered_once_by_a_trainer_that_can_whatever_is_started_again(
    tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, address = tmp_path / "controller", free_address()
    with controller(state, address) as first, Client(address) as client:
        assert client.ensure_search(SEARCH, plugin_search()).created
        shown = nasfleet(tmp_path, "get", "searches", "-o", "wide", "--controller", address).stdout
        assert "waiting" in shown
        assert "waits for a trainer to lower its search space fleet_space:depths" in shown
        first.process.kill()
    with ExitStack() as stack:
        without = stack.enter_context(trainer(address, tmp_path / "without.log", "--name", "without"))
        with controller(state, address) as second, Client(address) as client:
            eventually(lambda: "No module named 'fleet_space'" in message(client), "what the trainer without it says")
            assert "lower its search space fleet_space:depths: without cannot: " in message(client)
            assert not client.ensure_search(SEARCH, plugin_search()).changed_fields
            with monkeypatch.context() as found:
                found.syspath_prepend(str(module.parent))  # handed on to the program
                able = stack.enter_context(trainer(address, tmp_path / "with.log", "--name", "with"))
            eventually(lambda: lowered(client), "the decisions")
            eventually(lambda: settled(client) == 3, "the end of the search")
            second.process.kill()
        able.kill()
        with controller(state, address), Client(address) as client:
            client.ensure_search(SEARCH, plugin_search(trials=8))  # goes on, with a trainer that has not the module
            eventually(lambda: settled(client) == 8, "the end of the search")
            search = client.get_search(SEARCH)
            assert search.state == SEARCH_STATE_COMPLETED
            decisions = decisions_from_proto(search.spec.search_space.plugin.decisions)
            assert decisions == (Choice("depth", "depth", (1, 2, 3)),)
            assert search.space_size == "3"
        pids = {int(line) for line in module.with_suffix(".pids").read_text().split()}
        assert len(pids) == 1
        assert pids.isdisjoint({first.process.pid, second.process.pid, without.pid, able.pid})


def test_what_is_no_space_stops_the_search_and_resume_goes_on_once_it_is_corrected(
    tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.write_text(MODULE.replace("return Ass", "return 5 or Ass"))
    monkeypatch.syspath_prepend(str(module.parent))
    with (
        controller(tmp_path / "controller") as served,
        Client(served.address) as client,
        trainer(served.address, tmp_path / "trainer.log", "--name", "t"),
    ):
        client.ensure_search(SEARCH, plugin_search())
        eventually(lambda: client.get_search(SEARCH).state == SEARCH_STATE_SUSPENDED, "that it stops")
        assert "t says: spec.searchSpace.plugin.object fleet_space:depths gives 'int' without decisions" in message(client)
        module.write_text(MODULE)
        assert client.resume_search(SEARCH).state == SEARCH_STATE_RUNNING
        eventually(lambda: settled(client) == 3, "the end of the search")

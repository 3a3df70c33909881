"""Search spaces that come without their decisions: which trainer is asked for them, and what becomes of its answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from nasfleet.catalogue import Budget, PluginSpace, PoolSelector, SearchSpaceSection, SearchSpec
from nasfleet.catalogue.known_decisions import with_space
from nasfleet.codec import spec_to_proto
from nasfleet.names import SearchName
from nasfleet.spaces.decision import Choice, Index
from nasfleet.spaces.wire import decisions_from_proto
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet_controller import lowerings
from nasfleet_controller.config import Address
from nasfleet_controller.connection import Connection
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.moment import Moment
from nasfleet_controller.records import SearchCreated, SearchState
from nasfleet_controller.reports import Lowered, NoSpace, Report, Unable
from nasfleet_controller.server import Door, serving
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.state import ControllerState
from nasfleet_controller.store.store import Store
from nasfleet_controller.thinking import new_search
from nasfleet_controller.trainers import TrainerProfile
from nasfleet_testing.scripted_trainers import PATIENCE_SECONDS, ScriptedTrainer, scripted_trainer
from nasfleet_testing.specs import smallest_spec

NAME = "namespaces/default/searches/mine"
PLUGIN = PluginSpace(object="my.spaces:space", parameters={"deepest": 3})
SPEC = smallest_spec(search_space=SearchSpaceSection(space=PLUGIN), budget=Budget(trials=4))
FIRST, SECOND = Choice("depth", "depth", (1, 2, 3)), Choice("depth", "depth", (4, 5))
RUNNING, SUSPENDED, CANCELLED = (
    search_pb2.SEARCH_STATE_RUNNING,
    search_pb2.SEARCH_STATE_SUSPENDED,
    search_pb2.SEARCH_STATE_CANCELLED,
)


@dataclass(frozen=True, slots=True)
class Served:
    """A controller that serves, and how the test speaks to it; the stubs' classes exist for type checkers only."""

    address: str
    searches: Any
    fleet: Any

    async def ensure(self, spec: SearchSpec = SPEC, **about: Any) -> search_pb2.EnsureSearchResponse:
        return await self.searches.EnsureSearch(search_pb2.EnsureSearchRequest(name=NAME, spec=spec_to_proto(spec), **about))

    async def search(self) -> search_pb2.Search:
        return (await self.searches.GetSearch(search_pb2.GetSearchRequest(name=NAME))).search

    async def becomes(self, condition: Callable[[search_pb2.Search], bool]) -> search_pb2.Search:
        """Return the search once it is so."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if condition(search := await self.search()):
                    return search
                await asyncio.sleep(0.01)

    async def declare_pool(self, name: str, **labels: str) -> None:
        pool = f"namespaces/default/pools/{name}"
        await self.fleet.EnsurePool(fleet_pb2.EnsurePoolRequest(name=pool, labels=labels, wanted_size=1))

    async def wanted_slots(self) -> dict[str, int]:
        pools = (await self.fleet.GetFleet(fleet_pb2.GetFleetRequest())).pools
        return {pool.name.rpartition("/")[2]: pool.wanted_slots for pool in pools}


@asynccontextmanager
async def controller(state: Path) -> AsyncIterator[Served]:
    with Store(f"sqlite:///{state / 'nasfleet.db'}") as store:
        async with (
            serving(store, ControllerMetrics(), Door(Address("127.0.0.1", 0))) as (_, address, _),
            grpc.aio.insecure_channel(str(address)) as channel,
        ):
            searches, fleet = search_pb2_grpc.SearchServiceStub(channel), fleet_pb2_grpc.FleetServiceStub(channel)
            yield Served(str(address), searches, fleet)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with controller(tmp_path) as one:
        yield one


@pytest.fixture
async def join(served: Served) -> AsyncIterator[Callable[..., Any]]:
    """Give what connects a trainer, for as long as the test lasts."""
    async with AsyncExitStack() as stack:

        async def connect(name: str, **about: Any) -> ScriptedTrainer:
            return await stack.enter_async_context(scripted_trainer(served.address, name, **about))

        yield connect


def decisions(search: search_pb2.Search) -> tuple[Any, ...]:
    return decisions_from_proto(search.spec.search_space.plugin.decisions)


async def gets_a_trial(trainer: ScriptedTrainer, within: float = PATIENCE_SECONDS) -> None:
    """Wait until a trainer is given something to train."""
    async with asyncio.timeout(within):
        while True:
            if any(response.assignments for response in trainer.responses):
                return
            await asyncio.sleep(0.01)


async def test_a_space_is_asked_for_with_its_parameters_and_the_answer_starts_the_search(served: Served, join: Any) -> None:
    await served.ensure()
    waiting = await served.search()
    assert (waiting.state, waiting.space_size, waiting.counts.queued) == (RUNNING, "", 0)
    assert waiting.message.startswith("waits for a trainer to lower its search space my.spaces:space: start one")
    trainer = await join("one")
    lowering = await trainer.lowering()
    assert (lowering.space.object, dict(lowering.space.parameters)) == ("my.spaces:space", {"deepest": 3})
    assert not lowering.space.HasField("decisions")
    await trainer.answer(lowering, FIRST)
    search = await served.becomes(decisions)
    assert (decisions(search), search.space_size, search.message) == ((FIRST,), "3", "")
    await gets_a_trial(trainer)
    assert trainer.asked == 1


async def test_declaring_it_again_changes_nothing_before_and_after_it_was_lowered(served: Served, join: Any) -> None:
    assert (await served.ensure(dry_run=True)).created
    assert (await served.ensure()).created
    again = await served.ensure()
    assert (again.created, list(again.changed_fields)) == (False, [])
    trainer = await join("one")
    await trainer.answer(await trainer.lowering(), FIRST)
    await served.becomes(decisions)
    again = await served.ensure()
    assert (again.created, list(again.changed_fields), decisions(again.search)) == (False, [], (FIRST,))
    more = smallest_spec(search_space=SPEC.search_space, budget=Budget(trials=9))
    again = await served.ensure(more)
    assert (list(again.changed_fields), decisions(again.search)) == (["spec.budget.trials"], (FIRST,))


async def test_another_object_is_refused_as_before(served: Served, join: Any) -> None:
    await served.ensure()
    other = smallest_spec(search_space=SearchSpaceSection(space=PluginSpace(object="my.spaces:other")), budget=SPEC.budget)
    with pytest.raises(grpc.aio.AioRpcError, match=r"spec\.searchSpace\.plugin\.object"):
        await served.ensure(other)


async def test_decisions_that_come_with_a_declaration_end_the_waiting_and_a_later_answer_is_ignored(
    served: Served, join: Any
) -> None:
    await served.ensure()
    trainer = await join("one")
    lowering = await trainer.lowering()
    lowered = with_space(SPEC, PluginSpace(object=PLUGIN.object, parameters=PLUGIN.parameters, decisions=(SECOND,)))
    assert not decisions((await served.ensure(lowered, dry_run=True)).search)
    assert decisions((await served.ensure(lowered)).search) == (SECOND,)
    await trainer.answer(lowering, FIRST)
    await trainer.answer(lowering, no_space="it is none")
    other = await join("two")  # what is said on one stream is heard in order, so both answers have been heard by then
    await other.say()
    search = await served.becomes(lambda one: one.counts.running > 0)
    assert (search.state, decisions(search)) == (RUNNING, (SECOND,))


async def test_an_older_trainer_is_never_asked(served: Served, join: Any) -> None:
    await served.ensure()
    older = await join("older", lowers=False)
    newer = await join("newer")
    await newer.answer(await newer.lowering(), FIRST)
    await served.becomes(decisions)
    assert older.asked == 0


async def test_who_cannot_is_told_of_and_the_next_is_asked(served: Served, join: Any) -> None:
    await served.ensure()
    one = await join("one")
    await one.answer(await one.lowering(), unable="no module named my")
    told = await served.becomes(lambda search: "no module" in search.message)
    assert told.state == RUNNING
    assert told.message == "waits for a trainer to lower its search space my.spaces:space: one cannot: no module named my"
    two = await join("two")  # of those that connect later, too
    await two.answer(await two.lowering(), FIRST)
    assert (await served.becomes(decisions)).message == ""
    assert one.asked == 1


async def test_who_could_not_is_asked_again_after_a_while(served: Served, join: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowerings, "UNABLE_BACKOFF_SECONDS", 0.2)
    await served.ensure()
    one = await join("one")
    await one.answer(await one.lowering(), unable="no module named my")
    await one.answer(await one.lowering(), FIRST)
    assert decisions(await served.becomes(decisions)) == (FIRST,)


async def test_who_could_not_lower_a_space_trains_what_is_in_it_at_once(served: Served, join: Any) -> None:
    await served.ensure()
    one = await join("one")
    await one.answer(await one.lowering(), unable="no module named my")
    two = await join("two")
    await two.answer(await two.lowering(), FIRST)
    await gets_a_trial(one, within=lowerings.UNABLE_BACKOFF_SECONDS / 2)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (((), {"no_space": "it gives an int"}), "it gives an int"),
        (((FIRST, FIRST), {}), "2 decisions are called 'depth'"),
        (((FIRST, Index("node", "depth", 3)), {}), "of kind 'depth' but differ"),
    ],
)
async def test_what_is_no_space_suspends_the_search_and_resuming_it_asks_again(
    served: Served, join: Any, answer: tuple[Any, dict[str, str]], says: str
) -> None:
    await served.ensure()
    trainer = await join("one")
    await trainer.answer(await trainer.lowering(), *answer[0], **answer[1])
    suspended = await served.becomes(lambda search: search.state == SUSPENDED)
    assert says in suspended.message
    await served.ensure()  # the operator may; it resumes nothing
    assert (await served.search()).state == SUSPENDED
    assert trainer.asked == 1
    await served.searches.ResumeSearch(search_pb2.ResumeSearchRequest(name=NAME))
    await trainer.answer(await trainer.lowering(), FIRST)
    assert decisions(await served.becomes(decisions)) == (FIRST,)


async def test_an_answer_in_unknown_words_counts_as_unable(served: Served, join: Any) -> None:
    await served.ensure()
    trainer = await join("one")
    await trainer.answer(await trainer.lowering())
    assert (await served.becomes(lambda search: "the same version" in search.message)).state == RUNNING


async def test_when_a_trainer_is_lost_the_next_is_asked_and_an_answer_on_a_later_stream_is_ignored(
    served: Served, join: Any
) -> None:
    await served.ensure()
    async with scripted_trainer(served.address, "one") as lost:
        earlier = await lost.lowering()
    told = await served.becomes(lambda search: "was lost" in search.message)
    assert told.message.endswith("one was lost before it had answered")
    back = await join("one")
    again = await back.lowering()
    assert again.lowering != earlier.lowering
    await back.answer(earlier, SECOND)
    await back.answer(again, FIRST)
    assert decisions(await served.becomes(decisions)) == (FIRST,)


async def test_who_does_not_answer_in_time_is_waited_for_no_longer(
    served: Served, join: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hasty:
        hasty.setattr(lowerings, "LOWERING_SECONDS", 0.1)
        hasty.setattr(lowerings, "ANSWER_SECONDS", 0.1)
        await served.ensure()
        one = await join("one")
        late = await one.lowering()
    two = await join("two")
    lowering = await two.lowering()
    assert "one did not answer within" in (await served.search()).message
    await one.answer(late, SECOND)
    await one.say()
    await two.answer(lowering, FIRST)
    assert decisions(await served.becomes(decisions)) == (FIRST,)


async def test_of_two_that_were_asked_the_first_answer_counts(
    served: Served, join: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lowerings, "SILENT_SECONDS", 0.3)
    await served.ensure()
    one = await join("one")
    first = await one.lowering()
    two = await join("two")
    second = await two.lowering()  # since the other has fallen silent
    await one.answer(first, FIRST)
    await served.becomes(decisions)
    await two.answer(second, SECOND)
    await two.answer(second, no_space="it is none")
    await two.say()
    search = await served.becomes(lambda one: one.counts.running > 0)
    assert (search.state, decisions(search)) == (RUNNING, (FIRST,))


async def test_one_question_at_a_time_for_a_search_and_for_a_trainer(served: Served, join: Any) -> None:
    await served.ensure()
    other = search_pb2.EnsureSearchRequest(name=NAME + "-too", spec=spec_to_proto(SPEC))
    await served.searches.EnsureSearch(other)
    one, two = await join("one"), await join("two")
    three = await join("three")
    first, _ = await one.lowering(), await two.lowering()
    await one.answer(first, FIRST)
    await served.becomes(decisions)
    await asyncio.sleep(0.6)  # more than two rounds of the controller
    assert (one.asked, two.asked, three.asked) == (1, 1, 0)


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"labels": {"gpu": "none"}}, id="labels"),
        pytest.param({"pool": "namespaces/elsewhere/pools/gpu", "labels": {"gpu": "h200"}}, id="namespace"),
        pytest.param({"pool": "namespaces/default/pools/gpu", "labels": {"gpu": "h200"}}, id="labels of the pool"),
    ],
)
async def test_only_trainers_that_the_search_may_use_are_asked(served: Served, join: Any, about: dict[str, Any]) -> None:
    await served.declare_pool("gpu", gpu="a100")
    selector = PoolSelector(match_labels={"gpu": "h200"})
    await served.ensure(smallest_spec(search_space=SPEC.search_space, trainer_pool_selector=selector))
    stranger = await join("stranger", **about)
    admitted = await join("admitted", labels={"gpu": "h200"})
    await admitted.answer(await admitted.lowering(), unable="no module")
    await served.becomes(lambda search: "no module" in search.message)
    await asyncio.sleep(0.6)  # more than two rounds of the controller
    assert stranger.asked == 0


async def test_a_pool_without_trainers_is_asked_for_one_also_if_those_of_another_cannot(served: Served, join: Any) -> None:
    await served.declare_pool("empty")
    assert await served.wanted_slots() == {"empty": 0}
    await served.ensure()
    assert await served.wanted_slots() == {"empty": 1}
    one = await join("one")
    lowering = await one.lowering()
    assert await served.wanted_slots() == {"empty": 0}
    await one.answer(lowering, unable="no module named my")
    await served.becomes(lambda search: "no module" in search.message)
    assert await served.wanted_slots() == {"empty": 1}


async def test_a_suspended_search_asks_nobody_and_one_that_is_cancelled_or_gone_takes_no_answer(
    served: Served, join: Any
) -> None:
    one = await join("one")
    await served.ensure(smallest_spec(search_space=SPEC.search_space, suspend=True))
    await asyncio.sleep(0.6)  # more than two rounds of the controller
    assert one.asked == 0
    await served.searches.ResumeSearch(search_pb2.ResumeSearchRequest(name=NAME))
    lowering = await one.lowering()
    await served.searches.CancelSearch(search_pb2.CancelSearchRequest(name=NAME))
    await one.answer(lowering, no_space="it is none")
    await one.say()
    assert (await served.search()).state == CANCELLED
    await served.searches.DeleteSearch(search_pb2.DeleteSearchRequest(name=NAME))
    await served.ensure()
    again = await one.lowering()
    await one.answer(lowering, SECOND)
    await one.answer(again, FIRST)
    assert decisions(await served.becomes(decisions)) == (FIRST,)


async def test_a_restart_keeps_who_waits_waiting_and_what_was_lowered_lowered(tmp_path: Path) -> None:
    async with controller(tmp_path) as served:
        await served.ensure()
        async with scripted_trainer(served.address, "one") as one:
            await one.lowering()
    async with controller(tmp_path) as served:
        assert (await served.search()).message.startswith("waits for a trainer")
        async with scripted_trainer(served.address, "one") as one:
            await one.answer(await one.lowering(), FIRST)
            await served.becomes(decisions)
    async with controller(tmp_path) as served, scripted_trainer(served.address, "one") as one:
        search = await served.becomes(lambda search: search.counts.running > 0)
        assert (decisions(search), one.asked) == ((FIRST,), 0)


def waiting_state(connection: Connection, moment: Moment) -> ControllerState:
    """Return a state with one search that waits for its space, of which one trainer has been asked."""
    created = SearchCreated(1, SearchName.parse(NAME), "u", SPEC, SearchState.RUNNING, 0.0)
    state = ControllerState([], 0, 0, moment)
    state.add(new_search(SearchSnapshot(1, created.name, "u", SPEC, SearchState.RUNNING, "", 0.0, 0.0, 0.0)), created)
    state.connect(connection, TrainerProfile("one", "one", slots=1, lowers_spaces=True), (), moment)
    state.advance(moment)
    return state


@pytest.mark.parametrize("late", [(SECOND,), NoSpace("it is none"), Unable("no module")])
def test_an_answer_beside_a_declaration_that_brings_decisions_is_ignored(late: Any) -> None:
    # In one group of commands, so that the controller has not looked at its questions in between.
    moment, connection = Moment(0.0, 0.0), Connection("one")
    state = waiting_state(connection, moment)
    [lowering] = connection.staged.lowerings
    state.notices[1] = "two cannot: no module"
    state.keep(state.searches[1].change(with_space(SPEC, replace(PLUGIN, decisions=(FIRST,))), 0.0), moment)
    state.report(connection, Report(lowered=(Lowered(lowering.number, late),)), moment)
    search = state.searches[1]
    assert (search.state, search.spec.search_space.space) == (SearchState.RUNNING, replace(PLUGIN, decisions=(FIRST,)))
    assert not state.notices


def test_a_change_of_something_else_leaves_the_notice_of_a_search_that_still_waits() -> None:
    moment, connection = Moment(0.0, 0.0), Connection("one")
    state = waiting_state(connection, moment)
    [lowering] = connection.staged.lowerings
    state.report(connection, Report(lowered=(Lowered(lowering.number, Unable("no module")),)), moment)
    state.keep(state.searches[1].change(replace(SPEC, parallelism=3), 0.0), moment)
    assert state.notice(state.searches[1]) == "one cannot: no module"

"""Pools as the operator declares them and sees them: a real server over a real store, with trainers written by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import generate_latest
from sqlalchemy import event

from nasfleet import PROTOCOL_VERSION
from nasfleet.address import Address
from nasfleet.catalogue import Budget, PoolSelector, Random, Retries, SearchSpec, TrialSettings
from nasfleet.codec import spec_to_proto
from nasfleet.measurement import FailureKind
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, results_pb2, results_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.server import Door, serving
from nasfleet_controller.store.store import Store
from nasfleet_testing.specs import smallest_spec

Stub = Any  # its class exists for type checkers only
SEARCH = "namespaces/default/searches/s"
POOL = "namespaces/default/pools/gpu"
SPEC = smallest_spec(strategy=Random(batch_size=4), budget=Budget(trials=4), parallelism=4)


@asynccontextmanager
async def controller(store: Store, metrics: ControllerMetrics | None = None) -> AsyncIterator[tuple[Stub, Stub, Stub]]:
    """Serve a store; give the stubs of searches, fleet and results."""
    async with (
        serving(store, metrics or ControllerMetrics(), Door(Address("127.0.0.1", 0))) as (_, address, _),
        grpc.aio.insecure_channel(str(address)) as channel,
    ):
        yield (
            search_pb2_grpc.SearchServiceStub(channel),
            fleet_pb2_grpc.FleetServiceStub(channel),
            results_pb2_grpc.ResultsServiceStub(channel),
        )


def ensure(spec: SearchSpec = SPEC, name: str = SEARCH) -> search_pb2.EnsureSearchRequest:
    return search_pb2.EnsureSearchRequest(name=name, spec=spec_to_proto(spec))


def pool(**fields: object) -> fleet_pb2.EnsurePoolRequest:
    return fleet_pb2.EnsurePoolRequest(**{"name": POOL, "wanted_size": 2} | fields)


async def join(fleet: Stub, name: str, **fields: object) -> Any:
    """Connect a trainer; return its stream, of which the welcome has been read."""
    work = fleet.Work()
    said = {"protocol_version": PROTOCOL_VERSION, "instance_id": name, "trainer": name, "slots": 1, "pool": POOL} | fields
    await work.write(fleet_pb2.WorkRequest(hello=fleet_pb2.Hello(**said)))
    assert (await work.read()).HasField("welcome")
    return work


async def assignments(work: Any, count: int) -> list[int]:
    """Return the fences of the next assignments."""
    fences: list[int] = []
    while len(fences) < count:
        fences += [assignment.fence for assignment in (await work.read()).assignments]
    return fences


async def trainers(fleet: Stub, count: int) -> Sequence[fleet_pb2.Trainer]:
    """Return the fleet once it has so many trainers."""
    async with asyncio.timeout(10):
        while True:
            shown = (await fleet.GetFleet(fleet_pb2.GetFleetRequest())).trainers
            if len(shown) == count:
                return shown
            await asyncio.sleep(0.01)


async def begun_at(fleet: Stub) -> None:
    """Wait until the controller knows of a child that has begun."""
    async with asyncio.timeout(10):
        while True:
            if any(held.started for trainer in await trainers(fleet, 1) for held in trainer.trials):
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


async def test_a_declared_pool_is_shown_and_is_there_after_a_restart(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        await searches.EnsureSearch(ensure())
        declared = (await fleet.EnsurePool(pool(labels={"gpu": "h200"}, service_account="a", cordoned_trainers=["t"]))).pool
        assert list((await fleet.GetFleet(fleet_pb2.GetFleetRequest())).pools) == [declared]
        assert (declared.name, dict(declared.labels), declared.service_account) == (POOL, {"gpu": "h200"}, "a")
        assert (declared.wanted_size, list(declared.cordoned_trainers), declared.wanted_slots) == (2, ["t"], 4)
    async with controller(store) as (_, fleet, _):
        [after] = (await fleet.GetFleet(fleet_pb2.GetFleetRequest())).pools
        assert not after.cordoned_trainers, "the operator declares them anew"
        declared.ClearField("cordoned_trainers")
        assert after == declared


async def test_declaring_a_pool_again_writes_nothing_unless_something_durable_differs(store: Store) -> None:
    statements: list[str] = []
    async with controller(store) as (_, fleet, _):
        await fleet.EnsurePool(pool())
        event.listen(store._writer, "before_cursor_execute", lambda *given: statements.append(given[2]))
        await fleet.EnsurePool(pool())
        await fleet.EnsurePool(pool(cordoned_trainers=["t"]))
        assert statements == []
        await fleet.EnsurePool(pool(wanted_size=3))
        assert any("INSERT INTO pools" in statement for statement in statements)


async def test_a_deleted_pool_is_nowhere_and_not_there_after_a_restart_and_may_be_deleted_again(store: Store) -> None:
    metrics = ControllerMetrics()
    async with controller(store, metrics) as (_, fleet, _):
        await fleet.EnsurePool(pool())
        assert POOL in generate_latest(metrics.registry).decode()
        for _ in range(2):
            await fleet.DeletePool(fleet_pb2.DeletePoolRequest(name=POOL))
            assert not (await fleet.GetFleet(fleet_pb2.GetFleetRequest())).pools
        assert POOL not in generate_latest(metrics.registry).decode()
        with pytest.raises(grpc.aio.AioRpcError, match="'gpu' is no name of the form"):
            await fleet.DeletePool(fleet_pb2.DeletePoolRequest(name="gpu"))
    async with controller(store) as (_, fleet, _):
        assert not (await fleet.GetFleet(fleet_pb2.GetFleetRequest())).pools


async def test_the_trainers_of_a_deleted_pool_are_cordoned_no_more_and_count_by_their_own_labels(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        await searches.EnsureSearch(ensure(replace(SPEC, trainer_pool_selector=PoolSelector(match_labels={"gpu": "own"}))))
        await fleet.EnsurePool(pool(labels={"gpu": "h200"}, cordoned_trainers=["t"]))
        work = await join(fleet, "t", labels={"gpu": "own"})
        [shown] = await trainers(fleet, 1)
        assert shown.cordoned
        await fleet.DeletePool(fleet_pb2.DeletePoolRequest(name=POOL))
        async with asyncio.timeout(10):
            assert await assignments(work, 1)
        [shown] = await trainers(fleet, 1)
        assert not shown.cordoned
        work.cancel()


async def test_only_one_pool_and_its_trainers_are_shown_if_that_is_asked_for(store: Store) -> None:
    async with controller(store) as (_, fleet, _):
        other = "namespaces/default/pools/cpu"
        await fleet.EnsurePool(pool())
        await fleet.EnsurePool(pool(name=other))
        works = [await join(fleet, "mine"), await join(fleet, "others", pool=other), await join(fleet, "free", pool="")]
        await trainers(fleet, 3)
        shown = await fleet.GetFleet(fleet_pb2.GetFleetRequest(pool=POOL))
        assert ([one.trainer for one in shown.trainers], [one.name for one in shown.pools]) == (["mine"], [POOL])
        assert shown.trainers[0].HasField("idle_seconds")
        for work in works:
            work.cancel()


async def test_relabelling_a_pool_decides_who_gets_the_next_trial(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        work = await join(fleet, "t", labels={"gpu": "h200"})
        await fleet.EnsurePool(pool(labels={"gpu": "b200"}))
        await searches.EnsureSearch(ensure(smallest_spec(trainer_pool_selector=PoolSelector(match_labels={"gpu": "h200"}))))
        [idle] = await trainers(fleet, 1)
        assert (idle.state, list(idle.trials)) == (fleet_pb2.TRAINER_STATE_IDLE, [])
        await fleet.EnsurePool(pool(labels={"gpu": "h200"}))
        assert await assignments(work, 1)
        work.cancel()


async def test_a_cordoned_trainer_gets_nothing_until_the_cordon_is_lifted(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        await fleet.EnsurePool(pool(cordoned_trainers=["t"]))
        work = await join(fleet, "t")
        await searches.EnsureSearch(ensure())
        [shown] = await trainers(fleet, 1)
        assert (shown.state, shown.cordoned) == (fleet_pb2.TRAINER_STATE_IDLE, True)
        await fleet.EnsurePool(pool())
        assert await assignments(work, 1)
        [shown] = await trainers(fleet, 1)
        assert (shown.state, shown.cordoned) == (fleet_pb2.TRAINER_STATE_BUSY, False)
        assert not shown.HasField("idle_seconds")
        work.cancel()


async def test_what_a_trainer_held_whose_pod_is_gone_is_given_to_another_at_nobodys_cost(store: Store) -> None:
    async with controller(store) as (searches, fleet, results):
        await searches.EnsureSearch(ensure(smallest_spec(budget=Budget(trials=1), parallelism=1)))
        gone, other = await join(fleet, "gone"), None
        [fence] = await assignments(gone, 1)
        await gone.write(fleet_pb2.WorkRequest(started_fences=[fence]))
        other = await join(fleet, "other")
        await trainers(fleet, 2)
        await fleet.EnsurePool(pool(gone_trainers=["gone", "nobody"]))
        assert await assignments(other, 1)
        assert [one.trainer for one in await trainers(fleet, 1)] == ["other"]
        with pytest.raises(grpc.aio.AioRpcError, match="the pod of trainer gone is gone"):
            await gone.read()
        trial = (await results.GetTrial(results_pb2.GetTrialRequest(name=f"{SEARCH}/trials/0"))).trial
        assert [attempt.failure.kind for attempt in trial.attempts][:1] == [FailureKind.RETURNED.value]
        other.cancel()


async def test_leases_of_a_gone_pod_go_back_also_if_the_controller_was_restarted_meanwhile(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        await searches.EnsureSearch(ensure())
        work = await join(fleet, "gone")
        await assignments(work, 2)
        work.cancel()
    async with controller(store) as (_, fleet, _):
        [lost] = await trainers(fleet, 1)
        assert (lost.pool, lost.state) == (POOL, fleet_pb2.TRAINER_STATE_LOST), "the operator asks for those of its pool"
        await fleet.EnsurePool(pool(name="namespaces/other/pools/gpu", gone_trainers=["gone"]))
        await trainers(fleet, 1)
        await fleet.EnsurePool(pool(gone_trainers=["gone"]))
        await trainers(fleet, 0)


ONE_TRIAL = smallest_spec(budget=Budget(trials=1), parallelism=1, trial=TrialSettings(retries=Retries(lost=0)))


@pytest.mark.parametrize(
    ("begun", "kind"), [(True, FailureKind.LEASE_EXPIRED), (False, FailureKind.RETURNED)], ids=["begun", "waiting"]
)
async def test_what_a_process_held_goes_back_at_once_when_its_pod_starts_another(
    store: Store, *, begun: bool, kind: FailureKind
) -> None:
    async with controller(store) as (searches, fleet, results):
        await searches.EnsureSearch(ensure(replace(ONE_TRIAL, trial=TrialSettings(retries=Retries(lost=int(begun))))))
        before = await join(fleet, "t", instance_id="before")
        [fence] = await assignments(before, 1)
        if begun:
            await before.write(fleet_pb2.WorkRequest(started_fences=[fence]))
            await begun_at(fleet)
        after = await join(fleet, "t", instance_id="after")
        async with asyncio.timeout(10):  # the lease would expire after 30 s
            assert await assignments(after, 1) == [fence + 1]
            told = await before.read()
        assert (told.drain, list(told.stopped_fences)) == (True, [fence]), "if it lives after all it leaves"
        before.cancel()
        assert [one.instance_id for one in await trainers(fleet, 1)] == ["after"]
        trial = (await results.GetTrial(results_pb2.GetTrialRequest(name=f"{SEARCH}/trials/0"))).trial
        failure = trial.attempts[0].failure
        assert (failure.kind, failure.message) == (kind.value, "trainer t was started again")
        after.cancel()


async def test_that_holds_also_for_what_a_restart_of_the_controller_left_of_the_earlier_process(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        await searches.EnsureSearch(ensure(ONE_TRIAL))
        before = await join(fleet, "t", instance_id="before")
        [fence] = await assignments(before, 1)
        before.cancel()
    async with controller(store) as (_, fleet, _):
        await trainers(fleet, 1)
        after = await join(fleet, "t", instance_id="after")
        async with asyncio.timeout(10):
            assert await assignments(after, 1) == [fence + 1]
        assert [one.instance_id for one in await trainers(fleet, 1)] == ["after"]
        after.cancel()


@pytest.mark.parametrize("pools", [("", ""), (POOL, ""), (POOL, f"{POOL}2")], ids=["no pool", "one pool", "two pools"])
async def test_processes_of_one_name_leave_each_other_alone_unless_they_are_of_one_pool(
    store: Store, pools: tuple[str, str]
) -> None:
    async with controller(store) as (searches, fleet, _):
        await searches.EnsureSearch(ensure(smallest_spec(budget=Budget(trials=4), parallelism=4)))
        one = await join(fleet, "t", instance_id="one", pool=pools[0])
        held = await assignments(one, 2)
        other = await join(fleet, "t", instance_id="other", pool=pools[1])
        assert await assignments(other, 2)
        shown = {trainer.instance_id: trainer for trainer in await trainers(fleet, 2)}
        assert sorted(trial.fence for trial in shown["one"].trials) == held
        one.cancel()
        other.cancel()


async def test_an_idle_trainer_whose_stream_broke_before_it_was_told_to_leave_is_told_when_it_comes_back(store: Store) -> None:
    async with controller(store) as (_, fleet, _):
        work = await join(fleet, "t")
        await trainers(fleet, 1)
        await fleet.DrainTrainers(fleet_pb2.DrainTrainersRequest(trainers=["t"]))
        work.cancel()
        await trainers(fleet, 0)
        again = await join(fleet, "t")
        assert (await again.read()).drain
        await again.write(fleet_pb2.WorkRequest(draining=True))
        again.cancel()
        await trainers(fleet, 0)
        last = await join(fleet, "t")
        [shown] = await trainers(fleet, 1)
        assert shown.state == fleet_pb2.TRAINER_STATE_IDLE, "who has said that it leaves and is there again is somebody new"
        last.cancel()


async def test_a_trial_that_waits_behind_a_long_child_moves_to_a_trainer_that_joins(store: Store) -> None:
    async with controller(store) as (searches, fleet, _):
        await searches.EnsureSearch(ensure(smallest_spec(budget=Budget(trials=2), parallelism=2)))
        busy = await join(fleet, "busy")
        long, ahead = await assignments(busy, 2)
        await busy.write(fleet_pb2.WorkRequest(started_fences=[long]))
        other = await join(fleet, "other")
        async with asyncio.timeout(10):
            assert list((await busy.read()).wanted_back_fences) == [ahead]
        returned = fleet_pb2.Outcome(outcome_id="o", fence=ahead)
        returned.failure.kind = FailureKind.RETURNED.value
        await busy.write(fleet_pb2.WorkRequest(outcomes=[returned]))
        assert await assignments(other, 1)
        [first, second] = sorted(await trainers(fleet, 2), key=lambda one: one.trainer)
        assert [[held.fence for held in one.trials] for one in (first, second)] == [[long], [ahead + 1]]
        busy.cancel()
        other.cancel()


async def test_searches_of_all_namespaces_are_listed_newest_first(store: Store) -> None:
    async with controller(store) as (searches, _, _):
        names = [SEARCH, "namespaces/other/searches/s"]
        for name in names:
            await searches.EnsureSearch(ensure(name=name))
        listed = await searches.ListSearches(search_pb2.ListSearchesRequest(parent="namespaces/-", page_size=1))
        token = listed.next_page_token
        rest = await searches.ListSearches(search_pb2.ListSearchesRequest(parent="namespaces/-", page_size=1, page_token=token))
        assert [one.name for one in (*listed.searches, *rest.searches)] == names[::-1]
        assert not rest.next_page_token


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "gpu"}, "'gpu' is no name of the form namespaces/{namespace}/pools/{pool}"),
        ({"wanted_size": 10_001}, "wanted_size of pool namespaces/default/pools/gpu is 10001: give at most 10000"),
        ({"service_account": "a" * 254}, "service_account of pool namespaces/default/pools/gpu has 254 characters"),
        ({"labels": {"": "x"}}, "has the label '' with the value 'x': give a key of 1 to 317 characters"),
        ({"labels": {"gpu": "x" * 64}}, "and a value of at most 63"),
        ({"labels": {str(number): "" for number in range(1025)}}, "has 1025 labels: give at most 1024"),
        ({"cordoned_trainers": [""]}, "cordoned_trainers of pool namespaces/default/pools/gpu has '': give names of 1 to 253"),
        ({"gone_trainers": ["t"] * 10_001}, "gone_trainers of pool namespaces/default/pools/gpu are 10001 names"),
    ],
)
async def test_a_declaration_that_is_wrong_is_refused_with_the_value(
    store: Store, fields: dict[str, object], message: str
) -> None:
    async with controller(store) as (_, fleet, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fleet.EnsurePool(pool(**fields))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert message in (caught.value.details() or "")
        assert not (await fleet.GetFleet(fleet_pb2.GetFleetRequest())).pools

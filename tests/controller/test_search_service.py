"""SearchService as a client sees it: a real server over a real store, with a scripted trainer where one is needed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from nasfleet import PROTOCOL_VERSION
from nasfleet.address import Address
from nasfleet.catalogue import Budget, Random, SearchSpec
from nasfleet.codec import spec_to_proto
from nasfleet.v1 import fleet_pb2, fleet_pb2_grpc, search_pb2, search_pb2_grpc
from nasfleet_controller.metrics import ControllerMetrics
from nasfleet_controller.server import Door, serving
from nasfleet_controller.store.store import Store
from nasfleet_testing.specs import smallest_spec

Stub = Any  # its class exists for type checkers only
NAME = "namespaces/default/searches/s"
POOL = "namespaces/default/pools/p"
SPEC = smallest_spec(strategy=Random(batch_size=4), budget=Budget(trials=4), parallelism=4)


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        async with (
            serving(store, ControllerMetrics(), Door(Address("127.0.0.1", 0))) as (_, address, _),
            grpc.aio.insecure_channel(str(address)) as opened,
        ):
            yield opened


@pytest.fixture
def searches(channel: grpc.aio.Channel) -> Stub:
    return search_pb2_grpc.SearchServiceStub(channel)


def ensure(spec: SearchSpec = SPEC, **fields: object) -> search_pb2.EnsureSearchRequest:
    return search_pb2.EnsureSearchRequest(**{"name": NAME, "spec": spec_to_proto(spec)} | fields)


async def refusal(call: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def test_declaring_the_same_search_again_changes_nothing(searches: Stub) -> None:
    first = await searches.EnsureSearch(ensure())
    again = await searches.EnsureSearch(ensure())
    assert (first.created, again.created, list(again.changed_fields)) == (True, False, [])
    assert again.search.uid == first.search.uid


async def test_a_dry_run_changes_nothing_and_says_what_would_change(searches: Stub) -> None:
    assert (await searches.EnsureSearch(ensure(dry_run=True))).created
    code, _ = await refusal(searches.GetSearch(search_pb2.GetSearchRequest(name=NAME)))
    assert code is grpc.StatusCode.NOT_FOUND
    await searches.EnsureSearch(ensure())
    more = replace(SPEC, parallelism=7)
    answer = await searches.EnsureSearch(ensure(more, dry_run=True))
    assert list(answer.changed_fields) == ["spec.parallelism"]
    assert answer.search.spec.parallelism == 4


async def test_an_allowed_change_is_applied_and_another_is_refused_by_name(searches: Stub) -> None:
    await searches.EnsureSearch(ensure())
    changed = await searches.EnsureSearch(ensure(replace(SPEC, parallelism=7, budget=Budget(trials=9))))
    assert sorted(changed.changed_fields) == ["spec.budget.trials", "spec.parallelism"]
    code, message = await refusal(searches.EnsureSearch(ensure(replace(SPEC, seed=5))))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "spec.seed" in message


async def test_another_search_of_the_same_name_is_refused(searches: Stub) -> None:
    await searches.EnsureSearch(ensure(uid="one"))
    code, message = await refusal(searches.EnsureSearch(ensure(uid="two")))
    assert (code, "uid one" in message) == (grpc.StatusCode.FAILED_PRECONDITION, True)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (ensure(name="namespaces/default/searches/Bad_Name"), "Bad_Name"),
        (ensure(name="searches/s"), "searches/s"),
        (search_pb2.EnsureSearchRequest(name=NAME), "searchSpace"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_name(
    searches: Stub, request_: search_pb2.EnsureSearchRequest, named: str
) -> None:
    code, message = await refusal(searches.EnsureSearch(request_))
    assert (code, named in message) == (grpc.StatusCode.INVALID_ARGUMENT, True), message


async def test_suspending_resuming_cancelling_and_deleting_may_be_repeated(searches: Stub) -> None:
    await searches.EnsureSearch(ensure())
    for method, request, state in [
        (searches.SuspendSearch, search_pb2.SuspendSearchRequest, search_pb2.SEARCH_STATE_SUSPENDED),
        (searches.ResumeSearch, search_pb2.ResumeSearchRequest, search_pb2.SEARCH_STATE_RUNNING),
        (searches.CancelSearch, search_pb2.CancelSearchRequest, search_pb2.SEARCH_STATE_CANCELLED),
    ]:
        for _ in range(2):
            assert (await method(request(name=NAME))).search.state == state
    for _ in range(2):
        await searches.DeleteSearch(search_pb2.DeleteSearchRequest(name=NAME))
    code, _ = await refusal(searches.GetSearch(search_pb2.GetSearchRequest(name=NAME)))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_searches_are_listed_newest_first_a_page_at_a_time(searches: Stub) -> None:
    for index in range(5):
        await searches.EnsureSearch(ensure(name=f"namespaces/default/searches/s{index}"))
    await searches.EnsureSearch(ensure(name="namespaces/other/searches/s9"))
    names, token = [], ""
    while True:
        request = search_pb2.ListSearchesRequest(parent="namespaces/default", page_size=2, page_token=token)
        page = await searches.ListSearches(request)
        names += [search.name.rpartition("/")[2] for search in page.searches]
        if not (token := page.next_page_token):
            break
    assert names == ["s4", "s3", "s2", "s1", "s0"]
    bad = search_pb2.ListSearchesRequest(parent="namespaces/default", page_token="bm9uc2Vuc2U=")
    assert (await refusal(searches.ListSearches(bad)))[0] is grpc.StatusCode.INVALID_ARGUMENT


def outcome(fence: int, value: float) -> fleet_pb2.WorkRequest:
    sent = fleet_pb2.Outcome(outcome_id=f"o{fence}", fence=fence)
    sent.measurement.value = value
    sent.measurement.epochs.add(epoch=1, value=value, seconds=0.1)
    return fleet_pb2.WorkRequest(outcomes=[sent])


def hello(**fields: object) -> fleet_pb2.WorkRequest:
    said = {"protocol_version": PROTOCOL_VERSION, "instance_id": "i", "trainer": "t", "slots": 1} | fields
    return fleet_pb2.WorkRequest(hello=fleet_pb2.Hello(**said))


async def test_a_search_is_watched_until_it_completes_and_its_best_trial_is_shown(
    channel: grpc.aio.Channel, searches: Stub
) -> None:
    await searches.EnsureSearch(ensure())
    work = fleet_pb2_grpc.FleetServiceStub(channel).Work()
    await work.write(hello())
    settled = 0
    while settled < 4:
        for assignment in (await work.read()).assignments:
            settled += 1
            await work.write(outcome(assignment.fence, settled / 10))
    seen = [answer.search async for answer in searches.WatchSearch(search_pb2.WatchSearchRequest(name=NAME))]
    assert seen[-1].state == search_pb2.SEARCH_STATE_COMPLETED
    assert (seen[-1].counts.succeeded, seen[-1].best_trial.reward) == (4, 0.4)
    work.cancel()


@pytest.mark.parametrize(
    ("first", "code", "named"),
    [
        (fleet_pb2.WorkRequest(), grpc.StatusCode.INVALID_ARGUMENT, "hello"),
        (hello(slots=0), grpc.StatusCode.INVALID_ARGUMENT, "slots=0"),
        (hello(instance_id=""), grpc.StatusCode.INVALID_ARGUMENT, "instance_id=''"),
        (hello(protocol_version=PROTOCOL_VERSION + 2), grpc.StatusCode.FAILED_PRECONDITION, "protocol 3"),
    ],
)
async def test_a_hello_that_does_not_fit_ends_the_stream(
    channel: grpc.aio.Channel, first: fleet_pb2.WorkRequest, code: grpc.StatusCode, named: str
) -> None:
    work = fleet_pb2_grpc.FleetServiceStub(channel).Work()
    await work.write(first)
    refused, message = await refusal(work.read())
    assert (refused, named in message) == (code, True), message


async def test_a_newer_stream_of_the_same_process_takes_over(channel: grpc.aio.Channel) -> None:
    fleet = fleet_pb2_grpc.FleetServiceStub(channel)
    older, newer = fleet.Work(), fleet.Work()
    await older.write(hello())
    assert (await older.read()).welcome.protocol_version == PROTOCOL_VERSION
    await newer.write(hello())
    assert (await newer.read()).HasField("welcome")
    assert (await refusal(older.read()))[0] is grpc.StatusCode.ABORTED
    newer.cancel()


async def test_an_outcome_is_counted_once_known_when_it_comes_again_and_late_under_an_older_fence(
    channel: grpc.aio.Channel, searches: Stub
) -> None:
    await searches.EnsureSearch(ensure())
    work = fleet_pb2_grpc.FleetServiceStub(channel).Work()
    await work.write(hello())
    assert (await work.read()).HasField("welcome")
    fence = (await work.read()).assignments[0].fence
    statuses = []
    for sent in (outcome(fence, 0.1), outcome(fence, 0.1), outcome(999, 0.9)):
        await work.write(sent)
        while not (answer := await work.read()).acknowledgements:
            pass
        statuses += [told.status for told in answer.acknowledgements]
    counted, duplicate, late = fleet_pb2.OutcomeStatus.values()[1:]
    assert statuses == [counted, duplicate, late]
    work.cancel()


async def test_the_fleet_is_shown_with_what_it_holds(channel: grpc.aio.Channel, searches: Stub) -> None:
    await searches.EnsureSearch(ensure())
    fleet = fleet_pb2_grpc.FleetServiceStub(channel)
    work = fleet.Work()
    await work.write(hello(pool=POOL, device="cpu", device_memory_bytes=2**36))
    assert (await work.read()).HasField("welcome")
    fence = (await work.read()).assignments[0].fence
    progress = fleet_pb2.Progress(fence=fence)
    progress.epochs.add(epoch=3, value=0.5, seconds=1.0)
    await work.write(fleet_pb2.WorkRequest(started_fences=[fence], progress=[progress]))
    while True:
        [trainer] = (await fleet.GetFleet(fleet_pb2.GetFleetRequest())).trainers
        if trainer.trials[0].epoch:
            break
        await asyncio.sleep(0.01)
    assert (trainer.trainer, trainer.pool, trainer.state) == ("t", POOL, fleet_pb2.TRAINER_STATE_BUSY)
    assert (trainer.device, trainer.device_memory_bytes) == ("cpu", 2**36)
    assert (trainer.trials[0].started, trainer.trials[0].epoch, trainer.trials[0].value) == (True, 3, 0.5)
    answer = await fleet.DrainTrainers(fleet_pb2.DrainTrainersRequest(trainers=["t", "nobody"]))
    assert list(answer.trainers) == ["t"]
    assert (await work.read()).drain
    work.cancel()


async def test_a_trainer_that_was_told_to_drain_is_told_again_on_its_next_stream(
    channel: grpc.aio.Channel, searches: Stub
) -> None:
    await searches.EnsureSearch(ensure())
    fleet = fleet_pb2_grpc.FleetServiceStub(channel)
    older = fleet.Work()
    await older.write(hello())
    assert (await older.read()).HasField("welcome")
    fence = (await older.read()).assignments[0].fence
    await fleet.DrainTrainers(fleet_pb2.DrainTrainersRequest(trainers=["t"]))
    newer = fleet.Work()
    await newer.write(hello(held_fences=[fence]))
    assert (await newer.read()).HasField("welcome")
    assert (await newer.read()).drain
    newer.cancel()

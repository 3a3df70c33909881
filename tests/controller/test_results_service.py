import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from nasfleet.measurement import EpochMeasurement, Failure, FailureKind
from nasfleet.v1 import results_pb2, results_pb2_grpc
from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet.v1.trial_pb2 import Trial, TrialState
from nasfleet_controller.records import (
    AttemptEnded,
    AttemptStarted,
    EpochsMeasured,
    SearchDeleted,
    SearchMoved,
    SearchState,
    TrialSettled,
)
from nasfleet_controller.records import TrialState as StoredState
from nasfleet_controller.servicers.results import ResultsServicer
from nasfleet_controller.store.store import Store
from nasfleet_testing.store_contract import created, flat, measured, proposed

PARENT = "namespaces/default/searches/digits"
Stub = Any  # its class exists for type checkers only
CRASH = Failure(FailureKind.CRASHED, "division by zero", "Traceback ...")
ENDED = SearchMoved(1, SearchState.COMPLETED, "done", 9.0, 9.0)


class CommitCount:
    """Says when a test has committed."""

    def __init__(self) -> None:
        self._count = 1
        self._condition = asyncio.Condition()

    async def changed(self, seen: int) -> int:
        async with self._condition:
            await self._condition.wait_for(lambda: self._count > seen)
            return self._count

    async def count(self) -> None:
        async with self._condition:
            self._count += 1
            self._condition.notify_all()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/store.db") as opened:
        opened.commit([created(), proposed(6)])
        yield opened


@asynccontextmanager
async def serving(store: Store, changes: CommitCount) -> AsyncIterator[Stub]:
    server = grpc.aio.server()
    results_pb2_grpc.add_ResultsServiceServicer_to_server(ResultsServicer(store.results, changes), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield results_pb2_grpc.ResultsServiceStub(channel)
    await server.stop(None)


@pytest.fixture
async def changes() -> CommitCount:
    return CommitCount()


@pytest.fixture
async def stub(store: Store, changes: CommitCount) -> AsyncIterator[Stub]:
    async with serving(store, changes) as connected:
        yield connected


async def test_trials_come_page_by_page_with_what_they_measured(store: Store, stub: Stub) -> None:
    store.commit([*measured(1, 0.5), *measured(2, 0.75)])
    request = results_pb2.ListTrialsRequest(parent=PARENT, filter="reward > 0.1", order_by="reward desc", page_size=1)
    first = await stub.ListTrials(request)
    request.page_token = first.next_page_token
    second = await stub.ListTrials(request)
    assert [trial.number for trial in (*first.trials, *second.trials)] == [2, 1]
    assert (first.total_size, second.total_size, second.next_page_token) == (2, 2, "")
    trial = first.trials[0]
    assert trial.name == f"{PARENT}/trials/2"
    assert (trial.state, trial.reward, trial.measurement.parameters) == (TrialState.TRIAL_STATE_SUCCEEDED, 0.75, 10)
    assert (list(trial.tokens), trial.attempt_count, trial.trainer) == ([0, 1], 1, "trainer-2")
    assert (trial.create_time.ToSeconds(), trial.start_time.ToSeconds(), trial.end_time.ToSeconds()) == (2, 3, 5)
    assert not trial.measurement.epochs


async def test_trial_that_waits_has_neither_reward_nor_times(stub: Stub) -> None:
    trial = (await stub.ListTrials(results_pb2.ListTrialsRequest(parent=PARENT))).trials[0]
    absent = ["reward", "measurement", "failure", "layers", "start_time", "end_time"]
    assert not any(trial.HasField(name) for name in absent)  # type: ignore[arg-type]  # names from a list


async def test_mask_leaves_only_the_fields_that_it_names(store: Store, stub: Stub) -> None:
    store.commit(measured(0, 0.5))
    mask = FieldMask(paths=["number", "reward"])
    response = await stub.ListTrials(results_pb2.ListTrialsRequest(parent=PARENT, filter="number = 0", read_mask=mask))
    assert response.trials[0] == Trial(number=0, reward=0.5)


@pytest.mark.parametrize("mask", [FieldMask(), FieldMask(paths=["*"]), FieldMask(paths=["number", "*"])])
async def test_mask_that_is_empty_or_a_star_leaves_every_field(store: Store, stub: Stub, mask: FieldMask) -> None:
    store.commit(measured(0, 0.5))
    plain = await stub.ListTrials(results_pb2.ListTrialsRequest(parent=PARENT))
    assert await stub.ListTrials(results_pb2.ListTrialsRequest(parent=PARENT, read_mask=mask)) == plain


@pytest.mark.parametrize("state", ["SUCCEEDED", "succeeded", '"Succeeded"'])
async def test_states_are_filtered_by_in_capitals_or_not(store: Store, stub: Stub, state: str) -> None:
    store.commit(measured(3, 0.5))
    response = await stub.ListTrials(results_pb2.ListTrialsRequest(parent=PARENT, filter=f"state = {state}"))
    assert [trial.number for trial in response.trials] == [3]


async def test_watch_from_a_cursor_that_no_message_can_have_is_refused(stub: Stub) -> None:
    for cursor in (2**63, 2**64 - 1):
        with pytest.raises(grpc.aio.AioRpcError, match=f"cursor is {cursor}: give the cursor of a message") as caught:
            await anext(aiter(stub.WatchTrials(results_pb2.WatchTrialsRequest(parent=PARENT, cursor=cursor))))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_one_trial_comes_with_its_curve_and_its_attempts(store: Store, stub: Stub) -> None:
    store.commit(measured(0, 0.5))
    trial = (await stub.GetTrial(results_pb2.GetTrialRequest(name=f"{PARENT}/trials/0"))).trial
    assert [(epoch.epoch, epoch.value, epoch.HasField("loss")) for epoch in trial.measurement.epochs] == [
        (1, 0.25, True),
        (2, 0.5, False),
    ]
    assert [(one.fence, one.late, one.end_time.ToSeconds()) for one in trial.attempts] == [(1_000_000, False, 5)]


async def test_a_child_in_training_shows_its_curve_so_far(store: Store, stub: Stub) -> None:
    so_far = EpochMeasurement(1, 0.25, 0.5)
    store.commit([AttemptStarted(7, 1, 0, "t", "i", 3.0), EpochsMeasured(7, 1, 0, (so_far,))])
    trial = (await stub.GetTrial(results_pb2.GetTrialRequest(name=f"{PARENT}/trials/0"))).trial
    assert [(epoch.epoch, epoch.value) for epoch in trial.epochs] == [(1, 0.25)]
    assert not trial.HasField("measurement")


async def test_failed_trial_says_why(store: Store, stub: Stub) -> None:
    settled = TrialSettled(1, 0, 7, 1, StoredState.FAILED, 0.0, None, CRASH, 5.0)
    store.commit([AttemptStarted(7, 1, 0, "t", "i", 3.0), AttemptEnded(7, "o", CRASH, 1.0, 5.0), settled])
    trial = (await stub.GetTrial(results_pb2.GetTrialRequest(name=f"{PARENT}/trials/0"))).trial
    assert (trial.failure.message, trial.failure.traceback) == ("division by zero", "Traceback ...")
    assert (trial.reward, trial.HasField("measurement"), trial.attempts[0].failure.message) == (0.0, False, "division by zero")


async def test_watch_sends_each_settled_trial_once_and_ends_with_the_search(
    store: Store, stub: Stub, changes: CommitCount
) -> None:
    store.commit(measured(3, 0.1, order=1))
    call = stub.WatchTrials(results_pb2.WatchTrialsRequest(parent=PARENT))
    stream = aiter(call)
    seen = [await anext(stream)]
    store.commit([*measured(0, 0.2, order=2), *measured(5, 0.3, order=3)])
    await changes.count()
    seen += [await anext(stream), await anext(stream)]
    store.commit([*measured(1, 0.4, order=4), ENDED])
    await changes.count()
    seen += [message async for message in stream]
    assert [(message.trial.number, message.cursor) for message in seen] == [(3, 1), (0, 2), (5, 3), (1, 4)]
    again = stub.WatchTrials(results_pb2.WatchTrialsRequest(parent=PARENT, cursor=2))
    assert [message.cursor async for message in again] == [3, 4]


async def test_watch_of_a_search_that_is_deleted_ends_with_not_found(store: Store, stub: Stub, changes: CommitCount) -> None:
    store.commit(measured(3, 0.1, order=1))
    stream = aiter(stub.WatchTrials(results_pb2.WatchTrialsRequest(parent=PARENT)))
    await anext(stream)
    store.commit([SearchDeleted(1)])
    await changes.count()
    with pytest.raises(grpc.aio.AioRpcError, match="deleted") as caught:
        await anext(stream)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_best_trials_come_best_first(store: Store, stub: Stub) -> None:
    store.commit(flat([measured(n, n / 10) for n in range(6)]))
    best = await stub.ListBestTrials(results_pb2.ListBestTrialsRequest(parent=PARENT, page_size=2))
    assert [trial.number for trial in best.trials] == [5, 4]


@pytest.mark.parametrize(
    ("wanted", "file_name", "content"),
    [
        (ExportFormat.EXPORT_FORMAT_UNSPECIFIED, "digits-1.json", '"width": 32'),
        (ExportFormat.EXPORT_FORMAT_JSON, "digits-1.json", '"width": 32'),
        (ExportFormat.EXPORT_FORMAT_TEXT, "digits-1.txt", "width"),
    ],
)
async def test_architecture_is_exported_with_a_file_name(
    stub: Stub, wanted: ExportFormat.ValueType, file_name: str, content: str
) -> None:
    request = results_pb2.ExportArchitectureRequest(name=f"{PARENT}/trials/1", format=wanted)
    exported = await stub.ExportArchitecture(request)
    assert exported.file_name == file_name
    assert content in exported.content
    assert not exported.HasField("weights_uri")


@pytest.mark.parametrize(
    ("method", "request_message", "code", "why"),
    [
        ("ListTrials", results_pb2.ListTrialsRequest(parent="searches/x"), "INVALID_ARGUMENT", "'searches/x' is no name"),
        ("ListTrials", results_pb2.ListTrialsRequest(parent=f"{PARENT}2"), "NOT_FOUND", "there is no search .*digits2"),
        (
            "ListTrials",
            results_pb2.ListTrialsRequest(parent=PARENT, filter="size > 1"),
            "INVALID_ARGUMENT",
            "'size' at character 1",
        ),
        ("ListTrials", results_pb2.ListTrialsRequest(parent=PARENT, order_by="size"), "INVALID_ARGUMENT", "names 'size'"),
        ("ListTrials", results_pb2.ListTrialsRequest(parent=PARENT, page_size=-1), "INVALID_ARGUMENT", "page_size is -1"),
        ("ListTrials", results_pb2.ListTrialsRequest(parent=PARENT, page_token="x"), "INVALID_ARGUMENT", "page_token 'x'"),
        (
            "ListTrials",
            results_pb2.ListTrialsRequest(parent=PARENT, read_mask=FieldMask(paths=["curve"])),
            "INVALID_ARGUMENT",
            "read_mask names 'curve'; fields of a trial: name, number",
        ),
        (
            "ListTrials",
            results_pb2.ListTrialsRequest(parent=PARENT, read_mask=FieldMask(paths=["measurement.value"])),
            "INVALID_ARGUMENT",
            "read_mask names 'measurement.value', a part of a field: it takes top-level fields only, as 'measurement'",
        ),
        ("GetTrial", results_pb2.GetTrialRequest(name=f"{PARENT}/trials/{10**18 - 1}"), "NOT_FOUND", "there is no trial"),
        ("GetTrial", results_pb2.GetTrialRequest(name=f"{PARENT}/trials/{2**63}"), "INVALID_ARGUMENT", "is no name"),
        ("GetTrial", results_pb2.GetTrialRequest(name=f"{PARENT}/trials/99"), "NOT_FOUND", "there is no trial .*/99"),
        (
            "ListBestTrials",
            results_pb2.ListBestTrialsRequest(parent=PARENT, page_size=-5),
            "INVALID_ARGUMENT",
            "page_size is -5",
        ),
        ("ExportArchitecture", results_pb2.ExportArchitectureRequest(name=f"{PARENT}/trials/99"), "NOT_FOUND", "no trial"),
        (
            "ExportArchitecture",
            results_pb2.ExportArchitectureRequest(name=f"{PARENT}/trials/1", format=ExportFormat.EXPORT_FORMAT_PYTORCH),
            "FAILED_PRECONDITION",
            "trials/1 cannot be exported in that form: .*export it as JSON",
        ),
        (
            "ExportArchitecture",
            results_pb2.ExportArchitectureRequest(name=f"{PARENT}/trials/1", format=9),  # type: ignore[arg-type]  # a later one
            "INVALID_ARGUMENT",
            "format is 9: give one of EXPORT_FORMAT_UNSPECIFIED",
        ),
    ],
)
async def test_mistakes_are_named(stub: Stub, method: str, request_message: object, code: str, why: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=why) as caught:
        await getattr(stub, method)(request_message)
    assert caught.value.code() is grpc.StatusCode[code]

"""A trainer of an earlier version: it reports epochs and measures, and knows nothing of children that end early."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.v1.fleet_pb2 import Hello, Outcome, Progress, WorkRequest
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub
from nasfleet.v1.trial_pb2 import EpochMeasurement, Measurement

EPOCHS = 4


@contextmanager
def earlier_trainer(controller: str) -> Iterator[list[int]]:
    """Serve a controller with one slot; give the fences that it was told to end early, which it did not understand.

    Each next trial is worse than the one before it.
    """
    said: queue.SimpleQueue[WorkRequest | None] = queue.SimpleQueue()
    hello = Hello(protocol_version=PROTOCOL_VERSION, instance_id="earlier", trainer="earlier", slots=1, device="cpu")
    said.put(WorkRequest(hello=hello))
    told: list[int] = []
    with grpc.insecure_channel(controller) as channel:
        stream = FleetServiceStub(channel).Work(iter(said.get, None))

        def listen() -> None:
            try:
                for response in stream:
                    told.extend(response.ended_early_fences)
                    for assignment in response.assignments:
                        for request in _trained(assignment.fence):
                            said.put(request)
            except grpc.RpcError:
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            said.put(None)
            stream.cancel()
            thread.join()


def _trained(fence: int) -> Iterator[WorkRequest]:
    epochs = [EpochMeasurement(epoch=epoch, value=epoch / fence / EPOCHS) for epoch in range(1, EPOCHS + 1)]
    yield WorkRequest(started_fences=[fence])
    for epoch in epochs:
        yield WorkRequest(progress=[Progress(fence=fence, epochs=[epoch])])
    measurement = Measurement(value=epochs[-1].value, epochs=epochs, seconds=1.0, trainer_seconds=1.0)
    yield WorkRequest(outcomes=[Outcome(outcome_id=f"earlier-{fence}", fence=fence, measurement=measurement)])

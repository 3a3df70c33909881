"""How soon a controller answers: a call of its own, and a trainer that is nothing but a stopwatch."""

import queue
import time

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.client import Client
from nasfleet.v1.fleet_pb2 import Assignment, Hello, Outcome, WorkRequest
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub
from nasfleet.v1.trial_pb2 import Measurement

PAUSE_SECONDS = 0.02


def round_trip_seconds(client: Client, search: str, samples: int) -> list[float]:
    """Time calls of GetSearch, each of which waits its turn in the runner exactly as a heartbeat does, and then is answered."""
    seconds = []
    for _ in range(samples):
        began = time.perf_counter()
        client.get_search(search)
        seconds.append(time.perf_counter() - began)
        time.sleep(PAUSE_SECONDS)
    return seconds


def acknowledgement_seconds(address: str, labels: dict[str, str], samples: int) -> list[float]:
    """Be a trainer that measures nothing, and time how long after it was said an outcome is durable and acknowledged."""
    requests: queue.SimpleQueue[WorkRequest] = queue.SimpleQueue()
    hello = Hello(protocol_version=PROTOCOL_VERSION, instance_id="stopwatch", trainer="stopwatch", slots=1, labels=labels)
    requests.put(WorkRequest(hello=hello))
    seconds: list[float] = []
    waiting: list[Assignment] = []
    said_at = 0.0
    with grpc.insecure_channel(address) as channel:
        stream = FleetServiceStub(channel).Work(iter(requests.get, None))
        for response in stream:
            if response.acknowledgements:
                seconds.append(time.perf_counter() - said_at)
                time.sleep(PAUSE_SECONDS)
            waiting += response.assignments
            if len(seconds) >= samples:
                stream.cancel()  # type: ignore[no-untyped-call]  # grpc-stubs gives it no types
                return seconds
            if waiting and (response.acknowledgements or not said_at):
                said_at = time.perf_counter()
                requests.put(_measured(waiting.pop(0)))
    raise RuntimeError(f"the stream ended after {len(seconds)} outcomes")


def _measured(assignment: Assignment) -> WorkRequest:
    outcome = Outcome(outcome_id=str(assignment.fence), fence=assignment.fence, measurement=Measurement(value=0.5))
    return WorkRequest(outcomes=[outcome])

"""Trainers that are connected, take what they are given and never finish it: for tests of what a busy fleet is spared."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.v1.fleet_pb2 import Hello, WorkRequest
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub

HEARTBEAT_SECONDS = 2.0


class ConnectedTrainers:
    """Trainers of one controller, each with a stream of its own."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._fleet = FleetServiceStub(channel)
        self._ends: dict[str, queue.SimpleQueue[None]] = {}

    def connect(self, name: str, pool: str) -> None:
        """Connect a trainer with one slot."""
        hello = Hello(
            protocol_version=PROTOCOL_VERSION, instance_id=f"{pool}/{name}", trainer=name, pool=pool, slots=1, device="cpu"
        )
        end = self._ends[name] = queue.SimpleQueue()
        stream = self._fleet.Work(self._requests(hello, end))
        threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def disconnect(self) -> None:
        """End all streams."""
        for end in self._ends.values():
            end.put(None)

    @staticmethod
    def _requests(hello: Hello, end: "queue.SimpleQueue[None]") -> Iterator[WorkRequest]:
        yield WorkRequest(hello=hello)
        while True:
            try:
                return end.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                yield WorkRequest()

    @staticmethod
    def _listen(stream: Iterator[object]) -> None:
        try:
            for _ in stream:
                pass
        except grpc.RpcError:
            return


@contextmanager
def connected_trainers(controller: str) -> Iterator[ConnectedTrainers]:
    """Give what connects trainers to a controller; their streams end with the context."""
    with grpc.insecure_channel(controller) as channel:
        trainers = ConnectedTrainers(channel)
        try:
            yield trainers
        finally:
            trainers.disconnect()

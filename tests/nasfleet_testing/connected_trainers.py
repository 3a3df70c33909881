"""Trainers that are connected, take what they are given and never finish it: for tests of what a busy fleet is spared."""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import grpc

from nasfleet import PROTOCOL_VERSION
from nasfleet.v1.fleet_pb2 import Hello, WorkRequest, WorkResponse
from nasfleet.v1.fleet_pb2_grpc import FleetServiceStub

HEARTBEAT_SECONDS = 2.0
Inbox = queue.SimpleQueue[Sequence[int] | None]


class ConnectedTrainers:
    """Trainers of one controller, each with a stream of its own."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._fleet = FleetServiceStub(channel)
        self._inboxes: list[Inbox] = []

    def connect(self, name: str, pool: str) -> None:
        """Connect a trainer with one slot."""
        hello = Hello(
            protocol_version=PROTOCOL_VERSION, instance_id=f"{pool}/{name}", trainer=name, pool=pool, slots=1, device="cpu"
        )
        inbox: Inbox = queue.SimpleQueue()
        self._inboxes.append(inbox)
        stream = self._fleet.Work(_requests(hello, inbox))
        threading.Thread(target=_listen, args=(stream, inbox), daemon=True).start()

    def disconnect(self) -> None:
        """End all streams."""
        for inbox in self._inboxes:
            inbox.put(None)


def _requests(hello: Hello, inbox: Inbox) -> Iterator[WorkRequest]:
    """Say hello, that training has begun of whatever was given, and besides that one is alive, until told to end."""
    yield WorkRequest(hello=hello)
    while True:
        try:
            started = inbox.get(timeout=HEARTBEAT_SECONDS)
        except queue.Empty:
            started = []
        if started is None:
            return
        yield WorkRequest(started_fences=started)


def _listen(stream: Iterable[WorkResponse], inbox: Inbox) -> None:
    try:
        for response in stream:
            inbox.put([assignment.fence for assignment in response.assignments])
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

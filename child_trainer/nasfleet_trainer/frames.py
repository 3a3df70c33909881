"""How the agent and a slot's process talk: a byte for the kind, four for the length, then a message of the contract."""

import struct
from enum import Enum
from typing import IO, Protocol

_HEADER = struct.Struct("!cI")


class Kind(Enum):
    """What a frame carries, and who sends it."""

    SEARCH = b"S"  # to the slot: a SearchAnnouncement, before the first child of a search
    ASSIGNMENT = b"A"  # to the slot: an Assignment to train
    END_EARLY = b"X"  # to the slot: the fence of the child that is to end with the epoch under way, as decimal text
    READY = b"R"  # to the agent: nothing; the process is up
    EPOCH = b"E"  # to the agent: an EpochMeasurement
    GAUGES = b"G"  # to the agent: `Gauges` of the epoch, as JSON
    STAGE = b"T"  # to the agent: name, beginning and end of a stage, as JSON
    MEASUREMENT = b"M"  # to the agent: a Measurement; the slot is free again
    FAILURE = b"F"  # to the agent: a Failure; the slot is free again
    LOWERING = b"L"  # to the slot: a Lowering to answer
    LOWERED = b"D"  # to the agent: a Lowered, the answer
    PORT = b"P"  # to the agent: the port, in digits, on which rank 0 of a gang waits for the others


class Reader(Protocol):
    """The part of `asyncio.StreamReader` that frames need."""

    async def readexactly(self, n: int, /) -> bytes:
        """Return exactly `n` bytes, or raise IncompleteReadError at the end."""
        ...


def encode(kind: Kind, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return _HEADER.pack(kind.value, len(payload)) + payload


async def read(stream: Reader) -> tuple[Kind, bytes]:
    """Return the next frame, on the agent's side.

    Raises:
        asyncio.IncompleteReadError: the process has closed its end.
        ValueError: what came is no frame.
    """
    kind, length = _HEADER.unpack(await stream.readexactly(_HEADER.size))
    return Kind(kind), await stream.readexactly(length)


def read_blocking(stream: IO[bytes]) -> tuple[Kind, bytes]:
    """Return the next frame, on the slot's side.

    Raises:
        EOFError: the agent has closed its end.
    """
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    kind, length = _HEADER.unpack(header)
    payload = stream.read(length)
    if len(payload) < length:
        raise EOFError
    return Kind(kind), payload

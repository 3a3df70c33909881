"""How the slots of a gang come together: rank 0 listens on a port of its choice, the others come there, all of them wait.

What goes wrong between trainers is nobody's network: it is told apart from what goes wrong in a task, so that a trainer that is
lost to the others costs its trial nothing.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch import distributed

from nasfleet.v1.fleet_pb2 import GangPlace
from nasfleet_trainer.failures import GangBrokenError

if TYPE_CHECKING:  # where mypy finds it; torch.distributed has it only if it was built
    from torch._C._distributed_c10d import TCPStore
else:
    from torch.distributed import TCPStore

# Rank 0 is asked to listen first, and the others may have torch to import from a cold disk then.
GATHERING_SECONDS = 300.0
CONNECTING_SECONDS = 60.0
# A trainer that is lost is missed by its lease, long before; this ends what nobody else would.
COLLECTIVE_SECONDS = 1800.0
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}


@contextmanager
def gathered(
    place: GangPlace,
    device: str,
    host: str,
    announce: Callable[[int], None],
    *,
    gathering_seconds: float = GATHERING_SECONDS,
    connecting_seconds: float = CONNECTING_SECONDS,
) -> Iterator[None]:
    """Give the default process group of torch.distributed, with all members in it; it is gone with the context.

    Args:
        place: the rank, the size and, except for rank 0, where to come.
        device: what is computed on, as torch names it; GPUs talk over NCCL, processors over gloo.
        host: at which the others reach this trainer.
        announce: called by rank 0 with the port on which it waits.
        gathering_seconds: how long rank 0 waits for the others.
        connecting_seconds: how long the others try to reach it.

    Raises:
        GangBrokenError: if they do not find each other, or lose each other afterwards.
    """
    if host.startswith("127.") and sys.platform in _LOOPBACK:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK[sys.platform])
    who = f"rank {place.rank} of {place.size}"
    with _blamed_on_the_gang(who):
        store = _store(place, announce, connecting_seconds)
        store.set(f"here/{place.rank}", "")
        store.wait([f"here/{rank}" for rank in range(place.size)], timedelta(seconds=gathering_seconds))
        distributed.init_process_group(
            "nccl" if torch.device(device).type == "cuda" else "gloo",
            store=store,
            rank=place.rank,
            world_size=place.size,
            timeout=timedelta(seconds=COLLECTIVE_SECONDS),
        )
    try:
        with _blamed_on_the_gang(who):
            yield
            distributed.barrier()  # so that none is stopped as superfluous while it still works
    except GangBrokenError:
        raise  # the group cannot be ended in order; the process is replaced
    except BaseException:
        distributed.destroy_process_group()
        raise
    distributed.destroy_process_group()


def _store(place: GangPlace, announce: Callable[[int], None], connecting_seconds: float) -> TCPStore:
    if place.rank == 0:
        store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)  # listens on all interfaces
        announce(store.port)
        return store
    meeting = place.rendezvous
    try:
        return TCPStore(
            meeting.host, meeting.port, is_master=False, wait_for_workers=False, timeout=timedelta(seconds=connecting_seconds)
        )
    except RuntimeError as error:
        raise GangBrokenError(
            f"rank {place.rank} of {place.size} does not reach rank 0 at {meeting.host} port {meeting.port}: {_line(error)}; "
            "start the trainer there with a --gang-host (NASFLEET_GANG_HOST) at which the others reach it"
        ) from error


@contextmanager
def _blamed_on_the_gang(who: str) -> Iterator[None]:
    """Raise GangBrokenError for what torch.distributed raises, and only for that."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and not _is_gloo(error):
            raise
        raise GangBrokenError(f"{who} lost the others: {_line(error)}") from error


def _is_gloo(error: RuntimeError) -> bool:
    """Return whether gloo says this; it raises plain errors, which name its own source files."""
    return any(word in str(error) for word in ("gloo", "ProcessGroup", "NCCL", "TCPStore"))


def _line(error: BaseException) -> str:
    """Return what torch says in one line, without the place in its sources and its advice."""
    return str(error).partition("\n")[0].partition(" This is typically")[0].rpartition("] ")[2].strip()

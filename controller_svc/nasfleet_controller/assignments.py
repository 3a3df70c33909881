"""What the trainer of a trial is told of it. Pure."""

import hashlib

from nasfleet_controller.orders import Assignment, GangPlace
from nasfleet_controller.search import Search
from nasfleet_controller.trainers import Lease


def assignment_of(search: Search, lease: Lease, rank: int = 0) -> Assignment:
    """Return what a trainer is told of the trial that it has the lease of, alone or as this rank of a gang."""
    trial = search.trial(lease.number)
    seed = child_seed(search.spec.seed, lease.number)
    place = GangPlace(rank, lease.size, lease.meeting if rank else None) if lease.size > 1 else None
    return Assignment(lease.fence, search.name, lease.number, trial.tokens, trial.layers, seed, place)


def child_seed(seed: int, number: int) -> int:
    """Return the seed of a child's training: another for every trial, the same in every attempt at it."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=7).digest())

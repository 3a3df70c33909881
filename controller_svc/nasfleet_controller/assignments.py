"""What the trainer of a trial is told of it. Pure."""

import hashlib

from nasfleet_controller.orders import Assignment
from nasfleet_controller.search import Search
from nasfleet_controller.trainers import Lease


def assignment_of(search: Search, lease: Lease) -> Assignment:
    """Return what a trainer is told of the trial that it has the lease of."""
    trial = search.trial(lease.number)
    seed = child_seed(search.spec.seed, lease.number)
    return Assignment(lease.fence, search.name, lease.number, trial.tokens, trial.layers, seed)


def child_seed(seed: int, number: int) -> int:
    """Return the seed of a child's training: another for every trial, the same in every attempt at it."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=7).digest())

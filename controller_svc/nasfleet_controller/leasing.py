"""What a search asks of the fleet, and what the trainer of one of its trials is told. Pure."""

import hashlib

from nasfleet_controller.dispatcher import Demand
from nasfleet_controller.orders import Assignment
from nasfleet_controller.search import Search
from nasfleet_controller.trainers import Lease


def demand_of(search: Search) -> Demand:
    """Return how many leases a search could have beside those that it has, and of whom."""
    return Demand(
        search.search_id,
        search.available,
        search.running,
        search.spec.weight,
        search.name.namespace,
        search.selector,
        search.spec.trial.lease_seconds,
    )


def assignment_of(search: Search, lease: Lease) -> Assignment:
    """Return what a trainer is told of the trial that it has the lease of."""
    trial = search.trial(lease.number)
    seed = _child_seed(search.spec.seed, lease.number)
    return Assignment(lease.fence, search.name, lease.number, trial.tokens, trial.layers, seed)


def _child_seed(seed: int, number: int) -> int:
    """Return the seed of a child's training: another for every trial, the same in every attempt at it."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=7).digest())

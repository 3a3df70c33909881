"""The leases that were open when a controller went, as the next one has them: with one lease time of grace. Pure."""

from collections.abc import Iterable

from nasfleet_controller.dispatcher import Dispatcher
from nasfleet_controller.search import Search
from nasfleet_controller.trainers import Lease, TrainerProfile


def restore_leases(dispatcher: Dispatcher, searches: Iterable[Search], now: float) -> None:
    """Take in the leases of searches as they were loaded."""
    for search in searches:
        for number, held in search.leases.items():
            profile = TrainerProfile(held.instance_id, held.trainer, slots=1, pool=held.pool)
            lease = Lease(held.fence, search.search_id, number, held.instance_id, search.spec.trial.lease_seconds, now)
            lease.size = search.spec.gang.size
            dispatcher.restore(lease, profile, search.name.namespace, now)

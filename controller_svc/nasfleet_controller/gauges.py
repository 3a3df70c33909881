"""What Prometheus sees of the controller's state, read off it at every scrape."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from nasfleet.errors import UnavailableError
from nasfleet_controller.moment import this_moment
from nasfleet_controller.runner import Runner
from nasfleet_controller.search import Search
from nasfleet_controller.state import ControllerState
from nasfleet_controller.trainers import Trainer, TrainerState
from nasfleet_controller.views import PoolView, view_pools

SEARCH = ("namespace", "search")
POOL = ("pool",)


class StateCollector(Collector):
    """Reads searches and trainers; a scrape may come from any thread, so every dictionary is copied first."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the state, and whether there is one."""
        available = GaugeMetricFamily("nasfleet_store_available", "1 while the store can be read and written.")
        try:
            state = self._runner.state
        except UnavailableError:
            available.add_metric((), 0)
            yield available
            return
        available.add_metric((), 1)
        yield available
        yield from _of_trainers(list(state.dispatcher.trainers.values()))
        yield from _of_pools(view_pools(state, list(state.dispatcher.pools.declared), this_moment().now))
        yield from _of_searches(state, [search for search in list(state.searches.values()) if not search.state.ended])


def _of_trainers(trainers: list[Trainer]) -> Iterator[Metric]:
    states = Counter((_pool(trainer), trainer.state) for trainer in trainers)
    cordoned = Counter(_pool(trainer) for trainer in trainers if trainer.standing.cordoned)
    family = GaugeMetricFamily("nasfleet_trainers", "Trainers by what they do.", labels=("pool", "state"))
    withheld = GaugeMetricFamily("nasfleet_trainers_cordoned", "Trainers that get no further trials.", labels=POOL)
    for pool in {_pool(trainer) for trainer in trainers}:
        for state in TrainerState:
            family.add_metric((pool, state.name.lower()), states[pool, state])
        withheld.add_metric((pool,), cordoned[pool])
    yield from (family, withheld)


def _of_pools(pools: list[PoolView]) -> Iterator[Metric]:
    size = GaugeMetricFamily("nasfleet_pool_wanted_trainers", "Trainers that a pool is to have.", labels=POOL)
    slots = GaugeMetricFamily("nasfleet_pool_wanted_slots", "Slots that searches could use of a pool.", labels=POOL)
    for pool in pools:
        size.add_metric((str(pool.declared.name),), pool.declared.wanted_size)
        slots.add_metric((str(pool.declared.name),), pool.wanted_slots)
    yield from (size, slots)


def _pool(trainer: Trainer) -> str:
    return "" if trainer.profile.pool is None else str(trainer.profile.pool)


def _of_searches(state: ControllerState, searches: list[Search]) -> Iterator[Metric]:
    in_training = Counter(lease.search_id for lease in list(state.dispatcher.leases.values()) if lease.started_at is not None)
    queued = GaugeMetricFamily("nasfleet_trials_queued", "Trials that wait for a trainer.", labels=SEARCH)
    in_flight = GaugeMetricFamily("nasfleet_trials_in_flight", "Trials that are leased.", labels=SEARCH)
    training = GaugeMetricFamily("nasfleet_children_in_training", "Children whose training has begun.", labels=SEARCH)
    best = GaugeMetricFamily("nasfleet_reward_best", "Best reward so far.", labels=SEARCH)
    average = GaugeMetricFamily("nasfleet_reward_average", "Moving average of the rewards, decay 0.95.", labels=SEARCH)
    used = CounterMetricFamily("nasfleet_trainer_seconds", "Time that trainers have worked on ended attempts.", labels=SEARCH)
    for search in searches:
        labels = (search.name.namespace, search.name.search_id)
        queued.add_metric(labels, search.queued)
        in_flight.add_metric(labels, search.running)
        training.add_metric(labels, in_training[search.search_id])
        used.add_metric(labels, search.tally.trainer_seconds)
        if search.tally.best is not None:
            best.add_metric(labels, search.tally.best[1])
        if search.tally.average_reward is not None:
            average.add_metric(labels, search.tally.average_reward)
    yield from (queued, in_flight, training, best, average, used)

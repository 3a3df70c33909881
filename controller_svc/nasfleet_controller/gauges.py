"""What Prometheus sees of the controller's state, and of the disk that has it, read off them at every scrape."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from nasfleet.errors import UnavailableError
from nasfleet_controller.moment import this_moment
from nasfleet_controller.records import SearchState
from nasfleet_controller.runner import Runner
from nasfleet_controller.search import Search
from nasfleet_controller.state import ControllerState
from nasfleet_controller.trainers import SILENT_SECONDS, Trainer, TrainerState
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
        waiting = GaugeMetricFamily("nasfleet_commands_waiting", "Commands that wait for the one writer.")
        waiting.add_metric((), self._runner.waiting)
        yield waiting
        now = this_moment().now
        yield from _of_trainers(list(state.dispatcher.trainers.values()), now)
        yield from _of_pools(view_pools(state, list(state.dispatcher.pools.declared), now))
        yield from _of_searches(state, [search for search in list(state.searches.values()) if not search.state.ended])


class DiskCollector(Collector):
    """Looks how full the disk of a folder is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Yield its size and what is free, or nothing if it cannot be read."""
        try:
            disk = shutil.disk_usage(self._folder)
        except OSError:
            return
        yield GaugeMetricFamily("nasfleet_state_disk_bytes", "Size of the disk with the state directory.", disk.total)
        yield GaugeMetricFamily("nasfleet_state_disk_free_bytes", "What the controller may still write there.", disk.free)


def _of_trainers(trainers: list[Trainer], now: float) -> Iterator[Metric]:
    states = Counter((_pool(trainer), trainer.state) for trainer in trainers)
    cordoned = Counter(_pool(trainer) for trainer in trainers if trainer.standing.cordoned)
    quiet = Counter(_pool(one) for one in trainers if one.connected and now - one.heard_at > SILENT_SECONDS)
    slots, training = Counter[str](), Counter[str]()
    for trainer in trainers:
        if trainer.connected:
            slots[_pool(trainer)] += trainer.profile.slots
            training[_pool(trainer)] += sum(lease.started_at is not None for lease in list(trainer.leases.values()))
    family = GaugeMetricFamily("nasfleet_trainers", "Trainers by what they do.", labels=("pool", "state"))
    withheld = GaugeMetricFamily("nasfleet_trainers_cordoned", "Trainers that get no further trials.", labels=POOL)
    silent = GaugeMetricFamily("nasfleet_trainers_silent", "Trainers that are connected and say nothing.", labels=POOL)
    places = GaugeMetricFamily("nasfleet_slots", "Slots of connected trainers.", labels=POOL)
    used = GaugeMetricFamily("nasfleet_slots_training", "Slots in which a child is in training.", labels=POOL)
    for pool in {_pool(trainer) for trainer in trainers}:
        for state in TrainerState:
            family.add_metric((pool, state.name.lower()), states[pool, state])
        withheld.add_metric((pool,), cordoned[pool])
        silent.add_metric((pool,), quiet[pool])
        places.add_metric((pool,), slots[pool])
        used.add_metric((pool,), training[pool])
    yield from (family, withheld, silent, places, used)


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
    running = GaugeMetricFamily("nasfleet_search_running", "1 while it runs, 0 while it is suspended.", labels=SEARCH)
    queued = GaugeMetricFamily("nasfleet_trials_queued", "Trials that wait for a trainer.", labels=SEARCH)
    in_flight = GaugeMetricFamily("nasfleet_trials_in_flight", "Trials that are leased.", labels=SEARCH)
    training = GaugeMetricFamily("nasfleet_children_in_training", "Children whose training has begun.", labels=SEARCH)
    best = GaugeMetricFamily("nasfleet_reward_best", "Best reward so far.", labels=SEARCH)
    trial = GaugeMetricFamily("nasfleet_reward_best_trial", "Number of the trial that has it.", labels=SEARCH)
    average = GaugeMetricFamily("nasfleet_reward_average", "Moving average of the rewards, decay 0.95.", labels=SEARCH)
    used = CounterMetricFamily("nasfleet_trainer_seconds", "Time that trainers have worked on ended attempts.", labels=SEARCH)
    for search in searches:
        labels = (search.name.namespace, search.name.search_id)
        running.add_metric(labels, search.state is SearchState.RUNNING)
        queued.add_metric(labels, search.queued)
        in_flight.add_metric(labels, search.running)
        training.add_metric(labels, in_training[search.search_id])
        used.add_metric(labels, search.tally.trainer_seconds)
        if search.tally.best is not None:
            number, reward = search.tally.best
            best.add_metric(labels, reward)
            trial.add_metric(labels, number)
        if search.tally.average_reward is not None:
            average.add_metric(labels, search.tally.average_reward)
    yield from (running, queued, in_flight, training, best, trial, average, used)

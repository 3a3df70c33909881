"""How many trials a controller dispatches, and how soon it answers a thousand trainers: real streams, durable commits.

    python benchmarks/dispatch.py                          # all of it: about eight minutes
    python benchmarks/dispatch.py random reinforce         # or some of it
    NASFLEET_STORE_URL=postgresql://... python benchmarks/dispatch.py random    # on an empty PostgreSQL database

Every figure is a median of five runs, each with a controller of its own on a new state directory. Controller, trainers and
this program share the machine. The work is that of the `synthetic` task, none: what is measured is all that stands around it.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import journal_storage
from probing import acknowledgement_seconds, round_trip_seconds
from running import Controller, controller, machine, trainers

from nasfleet.catalogue import (
    Budget,
    ConvChain,
    Evolution,
    PoolSelector,
    Random,
    Reinforce,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
)

REPEATS = 5
SEARCH = "namespaces/default/searches/noop"
SHORT_SEARCH = "namespaces/default/searches/short"
SPACE = SearchSpaceSection(space=ConvChain())
FEW_DECISIONS = SearchSpaceSection(space=ConvChain(layers=1))
BUSY_TRAINERS = 100
CONNECTED_TRAINERS = 1000
SETTLE_SECONDS = 6.0  # by then every trainer has sent a heartbeat since the rush of the beginning
SAMPLES = 500

Figures = dict[str, float]


def throughput(strategy: Random | Reinforce | Evolution, trials: int) -> Figures:
    """Run a search to its end with a hundred trainers; the time until its first trial is settled does not count."""
    spec = SearchSpec(
        search_space=SPACE, strategy=strategy, task=Synthetic(), budget=Budget(trials=trials), parallelism=2 * BUSY_TRAINERS
    )
    with controller() as running, trainers(running, BUSY_TRAINERS):
        running.client.ensure_search(SEARCH, spec)
        first, began, used = _wait(running, 1)
        last, ended, used_in_all = _wait(running, trials)
        running.client.delete_search(SEARCH)  # for the next run, if the store is a database that stays
        return {
            "trials/s": (last - first) / (ended - began),
            "trials per second of the controller's processor time": (last - first) / (used_in_all - used),
            "controller's memory, MB": running.resident_megabytes(),
        }


def _wait(running: Controller, trials: int) -> tuple[int, float, float]:
    """Wait until so many trials are settled; return how many are, when, and the controller's processor time."""
    while (settled := running.client.get_search(SEARCH).counts.succeeded) < trials:
        time.sleep(0.05)
    return settled, time.monotonic(), running.processor_seconds()


def connected() -> Figures:
    """Have a thousand trainers hold a child each for hours, so that they say nothing but that they are there."""
    hours = SearchSpec(
        search_space=SPACE,
        strategy=Random(),
        task=Synthetic(epoch_seconds=36_000),
        budget=Budget(trials=10**6),
        parallelism=CONNECTED_TRAINERS,
        trainer_pool_selector=PoolSelector(match_labels={"kind": "long"}),
    )
    short = replace(hours, task=Synthetic(), parallelism=2, trainer_pool_selector=PoolSelector(match_labels={"kind": "short"}))
    with controller() as running, trainers(running, CONNECTED_TRAINERS, "--label", "kind=long"):
        running.client.ensure_search(SEARCH, hours)
        while running.busy_trainers() < CONNECTED_TRAINERS:
            time.sleep(0.5)
        time.sleep(SETTLE_SECONDS)
        began, used = time.monotonic(), running.processor_seconds()
        answered = round_trip_seconds(running.client, SEARCH, SAMPLES)
        load = (running.processor_seconds() - used) / (time.monotonic() - began)
        running.client.ensure_search(SHORT_SEARCH, short)
        acknowledged = acknowledgement_seconds(running.address, {"kind": "short"}, SAMPLES)
        return {
            "round trip of a heartbeat, ms: p50": 1000 * percentile(answered, 50),
            "p99": 1000 * percentile(answered, 99),
            "outcome to acknowledgement, ms: p50": 1000 * percentile(acknowledged, 50),
            "p99 of that": 1000 * percentile(acknowledged, 99),
            "controller's load, cores": load,
            "controller's memory, MB": running.resident_megabytes(),
        }


def percentile(samples: Sequence[float], percent: int) -> float:
    """Return the sample that so many in a hundred do not exceed."""
    return sorted(samples)[len(samples) * percent // 100]


def journal(space: SearchSpaceSection, processes: int, trials: int) -> Figures:
    """Do the same with Optuna, its random sampler and a journal file, to which it writes once for each decision."""
    return {"trials/s": journal_storage.trials_per_second(space, processes, trials)}


PARTS: dict[str, tuple[str, Callable[[], Figures]]] = {
    "random": (f"no-op trials, {BUSY_TRAINERS} trainers, random", lambda: throughput(Random(), 10_000)),
    "reinforce": (f"no-op trials, {BUSY_TRAINERS} trainers, reinforce", lambda: throughput(Reinforce(), 2_000)),
    "evolution": (f"no-op trials, {BUSY_TRAINERS} trainers, evolution", lambda: throughput(Evolution(), 10_000)),
    "connected": (f"{CONNECTED_TRAINERS} trainers in training, a heartbeat every 5 s +-20 % each, random", connected),
    "journal-1": ("Optuna, journal file, 1 process", lambda: journal(SPACE, 1, 80)),
    "journal-8": ("Optuna, journal file, 8 processes", lambda: journal(SPACE, 8, 80)),
    "journal-few": ("Optuna, journal file, 8 processes, 3 decisions in place of 33", lambda: journal(FEW_DECISIONS, 8, 400)),
}


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is given")
    parser.add_argument("--repeat", type=int, default=REPEATS, help=f"runs of each part [{REPEATS}]")
    given = parser.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; give some of {', '.join(PARTS)}")
    print(f"{machine()}; medians of {given.repeat}", flush=True)
    for name in given.parts or PARTS:
        title, measure = PARTS[name]
        loads, runs = [], []
        for _ in range(given.repeat):
            loads.append(os.getloadavg()[0])
            runs.append(measure())
        print(f"{title} (load of the machine before: {min(loads):.1f} to {max(loads):.1f})")
        for figure in runs[0]:
            values = [run[figure] for run in runs]
            print(f"  {figure}: {statistics.median(values):.1f}  ({min(values):.1f} to {max(values):.1f})", flush=True)


if __name__ == "__main__":
    main()

"""All runs of a comparison, carried out: simulated ones in processes beside each other, others one after the other."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from nasfleet.catalogue import SearchDocument
from nasfleet.errors import InvalidInputError
from nasfleet_cli.comparing.fleet_runs import search_through_the_fleet
from nasfleet_cli.comparing.runs import Contender, Run
from nasfleet_cli.comparing.simulation import simulate


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to be made."""

    contender: Contender
    seed: int


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where runs are made: data sets, the directory for those through the fleet, and more options of `nasfleet run`."""

    data_dir: Path | None
    directory: Path
    options: tuple[str, ...]


def planned_runs(contenders: Sequence[Contender], seeds: int, first_seed: int) -> tuple[PlannedRun, ...]:
    """Return all runs, seed by seed, so that an interrupted comparison is even."""
    return tuple(PlannedRun(one, first_seed + offset) for offset in range(seeds) for one in contenders)


def simulated(wanted: Sequence[PlannedRun], place: RunPlace, processes: int) -> Iterator[Run]:
    """Yield the runs as they end, in the order in which they were wanted."""
    if processes == 1:
        yield from (_simulated(one, place.data_dir) for one in wanted)
        return
    # Spawned: torch and grpc do not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(_simulated, wanted, [place.data_dir] * len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)


def through_the_fleet(document: SearchDocument, wanted: Sequence[PlannedRun], place: RunPlace) -> Iterator[Run]:
    """Yield the runs as they end; one that has ended in an earlier attempt at this comparison is only read."""
    for one in wanted:
        state = place.directory / "runs" / f"{one.contender.name}-{one.seed}"
        trials = search_through_the_fleet(document, replace(one.contender.spec, seed=one.seed), state, place.options)
        yield Run(one.contender.name, one.seed, trials)


def collected(runs: Iterator[Run], on_run: Callable[[Run], None]) -> dict[str, list[Run]]:
    """Return the runs by contender, telling of each.

    Raises:
        InvalidInputError: if nothing was measured in one of them.
    """
    by_contender: dict[str, list[Run]] = {}
    for run in runs:
        if all(trial.reward is None for trial in run.trials):
            raise InvalidInputError(
                f"no trial of {run.contender} with the seed {run.seed} has a reward: there is nothing to compare; "
                "run the search itself with nasfleet run to see why"
            )
        by_contender.setdefault(run.contender, []).append(run)
        on_run(run)
    return by_contender


def _simulated(one: PlannedRun, data_dir: Path | None) -> Run:
    return Run(one.contender.name, one.seed, simulate(replace(one.contender.spec, seed=one.seed), data_dir))

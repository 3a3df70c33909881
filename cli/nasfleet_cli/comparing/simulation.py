"""A search in one process: the controller's own state machine and strategy, with trials that take no time of ours.

For tasks that look measurements up or compute them from a formula. The clock is the trials' own: each takes the seconds that
its measurement says, and `parallelism` of them run at once, so that strategies meet the delays that they would meet.
"""

import asyncio
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from nasfleet.catalogue import SearchSpec, Synthetic, Tabular
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.names import SearchName, TrialName
from nasfleet.spaces.building import build_space
from nasfleet_cli.comparing.runs import SettledTrial
from nasfleet_controller.assignments import child_seed
from nasfleet_controller.records import Record, SearchState, TrialReused, TrialSettled
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import HeldLease, OpenTrial, SearchSnapshot
from nasfleet_controller.thinking import Mind, new_search
from nasfleet_trainer.failures import classify
from nasfleet_trainer.tasks.loading import load_inline_task
from nasfleet_trainer.tasks.task import ChildRun

_NAME = SearchName("default", "simulated")


def can_simulate(spec: SearchSpec) -> bool:
    """Return whether its trials are looked up or computed from a formula, and nothing but they decides what is proposed.

    Children that are stopped early need trainers that report while others train, and an earlier search needs the controller
    that has it: such searches are run through the fleet.
    """
    return isinstance(spec.task, Tabular | Synthetic) and spec.early_stopping is None and spec.warm_start is None


def simulate(spec: SearchSpec, data_dir: Path | None) -> tuple[SettledTrial, ...]:
    """Return the trials of a whole search, in the order in which they settle.

    Raises:
        InvalidInputError: if no trial of it can be measured here.
    """
    with asyncio.Runner() as runner:
        return runner.run(_Simulation(spec, data_dir).run())


@dataclass(slots=True)
class _Simulation:
    """One search on its way; `due` is what runs, by when it ends and by the number of its trial."""

    spec: SearchSpec
    data_dir: Path | None
    now: float = 0.0
    fence: int = 0
    trainer_seconds: float = 0.0
    due: list[tuple[float, int, Measurement | Failure]] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    settled: list[SettledTrial] = field(default_factory=list)

    async def run(self) -> tuple[SettledTrial, ...]:
        """Run it to its end."""
        search, mind, trainer = new_search(_beginning(self.spec)), Mind(self.spec, None), _Trainer(self.spec, self.data_dir)
        while not search.state.ended:
            self._think(search, mind)
            while search.available:
                await self._start(search, trainer)
            if not search.state.ended:
                self._end_next(search)
        return tuple(self.settled)

    def _think(self, search: Search, mind: Mind) -> None:
        """Learn from what is ready and propose what is wanted, as the controller's runner does."""
        while True:
            if (group := search.begin_learning()) is not None:
                self._note(search.learn(group, mind.learn(group), self.now))
            elif (wanted := search.begin_batch()) is not None:
                draw = mind.draw(wanted, search.hashes)
                self.hashes |= {proposal.number: proposal.canonical_hash for proposal in draw.proposals}
                self._note(search.propose(wanted, draw.policy_version, draw.layers, draw.proposals, self.now))
            else:
                return

    async def _start(self, search: Search, trainer: "_Trainer") -> None:
        self.fence += 1
        number = search.next_queued()
        self._note(search.start(HeldLease(self.fence, "simulated", "simulated"), 0.0, self.now))
        result = await trainer.train(search.trial(number))
        seconds = result.seconds if isinstance(result, Measurement) else 0.0
        heapq.heappush(self.due, (self.now + seconds, number, result))

    def _end_next(self, search: Search) -> None:
        self.now, number, result = heapq.heappop(self.due)
        outcome = str(search.leases[number].fence)
        if isinstance(result, Measurement):
            self.trainer_seconds += result.trainer_seconds
            self._note(search.measure(number, outcome, result, self.now))
        else:
            self._note(search.fail(number, outcome, result, 0.0, self.now))

    def _note(self, records: Iterable[Record]) -> None:
        for record in records:
            if isinstance(record, TrialSettled | TrialReused):
                architecture = self.hashes[record.number]
                self.settled.append(SettledTrial(architecture, record.reward, self.now, self.trainer_seconds))


class _Trainer:
    """Measures trials at once, with the seconds that they would have taken."""

    def __init__(self, spec: SearchSpec, data_dir: Path | None) -> None:
        instant: Tabular | Synthetic
        self._seconds: float | None = None
        match spec.task:
            case Synthetic() as task:
                instant, self._seconds = replace(task, epoch_seconds=0.0), task.epochs * task.epoch_seconds
            case Tabular() as task:
                instant = replace(task, replay_time_scale=0.0)
            case other:
                raise InvalidInputError(f"{type(other).__name__} is no task to be simulated: train it through the fleet")
        self._task = load_inline_task(replace(spec, task=instant))
        self._spec = spec
        self._data_dir = data_dir
        self._decode = lru_cache(lambda layers: build_space(spec.search_space, layers).decode)  # by depth

    async def train(self, trial: OpenTrial) -> Measurement | Failure:
        """Return what a trainer would report.

        Raises:
            InvalidInputError: if it is this machine that lacks something.
        """
        try:
            measured = await self._task.train(self._run(trial), _ignored)
        except Exception as error:
            failure = classify(error)
            if failure.kind is FailureKind.TRAINER_UNABLE:
                raise InvalidInputError(failure.message) from error
            return failure
        if self._seconds is None:
            return measured
        return replace(measured, seconds=self._seconds, trainer_seconds=self._seconds)

    def _run(self, trial: OpenTrial) -> ChildRun:
        return ChildRun(
            description=self._decode(trial.layers)(trial.tokens),
            tokens=trial.tokens,
            seed=child_seed(self._spec.seed, trial.number),
            spec=self._spec,
            trial=str(TrialName(_NAME, trial.number)),
            data_dir=self._data_dir,
        )


def _ignored(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
    """Take no note of epochs: nobody waits for them."""


def _beginning(spec: SearchSpec) -> SearchSnapshot:
    return SearchSnapshot(
        search_id=1,
        name=_NAME,
        uid="simulated",
        spec=spec,
        state=SearchState.RUNNING,
        message="",
        created_at=0.0,
        moved_at=0.0,
        running_seconds=0.0,
    )

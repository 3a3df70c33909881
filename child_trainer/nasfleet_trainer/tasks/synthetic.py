"""No training at all: a formula with a known optimum, for tests of learning and of load."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import NoReturn

from nasfleet.catalogue.tasks import FailureRates, Synthetic
from nasfleet.measurement import EpochMeasurement, Measurement, NotFiniteError
from nasfleet.spaces.building import build_space
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.decision import Decision
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet.spaces.space import Description
from nasfleet_trainer.failures import CannotBuildError, OutOfMemoryError, TimedOutError, TrainerUnableError
from nasfleet_trainer.tasks.task import ChildRun, Report


def optimum(decisions: Sequence[Decision], seed: int) -> tuple[int, ...]:
    """Return the tokens whose value is 1, drawn uniformly; a space that grows keeps those of its first layers."""
    random = Random(seed)
    return tuple(random.randrange(decision.bound) for decision in decisions for _ in range(decision.width))


def agreement(tokens: Sequence[int], best: Sequence[int]) -> float:
    """Return the share of tokens that are those of the optimum, 0 to 1; 1 if there are none."""
    return sum(token == other for token, other in zip(tokens, best, strict=True)) / len(best) if best else 1.0


class SyntheticTask:
    """Waits as long as it is told to, then fails at the given rates, or returns the agreement with the optimum."""

    def __init__(self, section: Synthetic, accidents: Random | None = None) -> None:
        self._section = section
        # Drawn anew for each attempt, not from the child's seed: else what failed once would fail whenever it is tried again.
        self._accidents = accidents or Random()
        self._optima: dict[int, tuple[int, ...]] = {}  # by number of tokens, which tells the depths of one space apart

    async def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the agreement of the tokens with the optimum, plus noise; the curve grows evenly towards it."""
        accident = draw_accident(self._section.failures, self._accidents.random())
        value = self._value(run)
        epochs: list[EpochMeasurement] = []
        for number in range(1, self._section.epochs + 1):
            if self._section.epoch_seconds:
                await asyncio.sleep(self._section.epoch_seconds)
            if accident is not None:
                await self._fail(accident, run)
            epochs.append(EpochMeasurement(number, value * number / self._section.epochs, self._section.epoch_seconds))
            report(epochs[-1])
        seconds = self._section.epochs * self._section.epoch_seconds
        return Measurement(value, tuple(epochs), seconds, seconds)

    def _value(self, run: ChildRun) -> float:
        best = self._optima.get(len(run.tokens))
        if best is None:
            best = optimum(build_space(run.spec.search_space, _depth(run.description)).decisions, self._section.optimum_seed)
            self._optima[len(run.tokens)] = best
        noise = Random(run.seed).gauss(0, self._section.noise) if self._section.noise else 0.0
        return agreement(run.tokens, best) + noise

    async def _fail(self, accident: Callable[[str], Exception], run: ChildRun) -> NoReturn:
        if accident is TimedOutError and run.spec.trial.timeout:
            await asyncio.Event().wait()  # until the slot ends it
        raise accident("the synthetic task was asked to fail at this rate")


def _depth(description: Description) -> int | None:
    """Return the layers or leaves of a network, by which a space that grows is built."""
    match description:
        case ConvNet():
            return len(description.layers)
        case RecurrentCell():
            return description.base
        case _:
            return None


def draw_accident(rates: FailureRates, draw: float) -> Callable[[str], Exception] | None:
    """Return what to raise in this attempt, if anything, for a number drawn from [0, 1)."""
    accidents: tuple[tuple[Callable[[str], Exception], float], ...] = (
        (NotFiniteError, rates.not_finite),
        (OutOfMemoryError, rates.out_of_memory),
        (CannotBuildError, rates.cannot_build),
        (RuntimeError, rates.crashed),
        (TimedOutError, rates.timed_out),
        (TrainerUnableError, rates.trainer_unable),
    )
    for accident, rate in accidents:
        if draw < rate:
            return accident
        draw -= rate
    return None

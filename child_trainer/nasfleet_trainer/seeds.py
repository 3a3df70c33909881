"""Several trainings of one child that differ only by their seed, and the one measurement that they make together.

They run one after the other within one attempt, so that a task knows nothing of it, a timeout counts all of them, and the
failure of one is the failure of the attempt. The value is the mean of theirs. The curve is the mean of their curves: at each
epoch that one of them has, every one counts with the last value that it had by then, so that one that ended early stays in it.
The mean is known, and reported, while the last of them trains.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet_trainer.tasks.task import ChildRun, Report

Curve = Sequence[EpochMeasurement]


class SeedSeries:
    """The trainings of one child, as many as its search wants; with one seed the child is trained as if this were not here."""

    def __init__(self, run: ChildRun, report: Report) -> None:
        self._run = run
        self._report = report
        self._count = run.spec.seeds_per_trial
        self._measured: list[Measurement] = []
        self._current: list[EpochMeasurement] = []
        self._examples: Counter[int] = Counter()
        self._told = 0  # the last epoch of the mean curve that was reported

    def children(self) -> Iterator[tuple[ChildRun, Report]]:
        """Yield each child to train and where it reports its epochs; its measurement is to be added before the next."""
        if self._count == 1:
            yield self._run, self._report
            return
        for number in range(self._count):
            self._current = []
            yield replace(self._run, seed=seed_of(self._run.seed, number)), self._take

    def add(self, measurement: Measurement) -> None:
        """Take in what the child that was yielded last gave."""
        self._measured.append(measurement)

    def measurement(self) -> Measurement:
        """Return what all of them gave together."""
        if self._count == 1:
            return self._measured[0]
        measured, first = self._measured, self._measured[0]
        values = tuple(one.value for one in measured)
        steps = [one.steps for one in measured if one.steps is not None]
        return Measurement(
            value=fmean(values),
            epochs=tuple(mean_curve([one.epochs for one in measured])),
            seconds=sum(one.seconds for one in measured),
            trainer_seconds=sum(one.trainer_seconds for one in measured),
            parameters=first.parameters,
            multiply_adds=first.multiply_adds,
            # Those that were kept last, whose manifest stands; of the best ones that is the best.
            weights_uri=next((one.weights_uri for one in reversed(measured) if one.weights_uri is not None), None),
            seed_values=values,
            steps=sum(steps) if len(steps) == len(measured) else None,
        )

    def _take(self, epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        self._current.append(epoch)
        self._examples[epoch.epoch] += examples or 0
        if len(self._measured) < self._count - 1:
            return
        curves: list[Curve] = [*(one.epochs for one in self._measured), self._current]
        for mean in mean_curve(curves, after=self._told, until=epoch.epoch):
            self._told = mean.epoch
            self._report(mean, examples=self._examples[mean.epoch] or None)


def seed_of(seed: int, number: int) -> int:
    """Return the seed of one of a trial's trainings: the trial's own for the first, others for the rest."""
    if number == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=7).digest())


def mean_curve(curves: Sequence[Curve], *, after: int = 0, until: int | None = None) -> Iterator[EpochMeasurement]:
    """Yield the epochs of the mean of these curves, those after `after` up to `until` only."""
    numbers = [[epoch.epoch for epoch in curve] for curve in curves]
    for number in sorted({each for those in numbers for each in those}):
        if number <= after or (until is not None and number > until):
            continue
        places = [bisect_right(those, number) for those in numbers]
        latest = [curve[place - 1] for curve, place in zip(curves, places, strict=True) if place]
        own = [epoch.seconds for epoch in latest if epoch.epoch == number]
        yield EpochMeasurement(number, fmean(epoch.value for epoch in latest), sum(own), _mean_loss(latest))


def _mean_loss(epochs: Iterable[EpochMeasurement]) -> float | None:
    losses = [epoch.loss for epoch in epochs]
    known = [loss for loss in losses if loss is not None]
    return fmean(known) if known and len(known) == len(losses) else None

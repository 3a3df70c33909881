"""When a child in training is stopped: decided from the epochs that trainers report, and from nothing else. Pure.

An epoch is judged by the reward that it alone would earn, so that the rules hold for errors as for accuracies. The curve of a
trial is that of its last attempt, each epoch as it was reported first, so that the store's epochs lead to the same decisions.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nasfleet.catalogue import Median, SearchSpec, SuccessiveHalving
from nasfleet.measurement import EpochMeasurement, Measurement, NotFiniteError
from nasfleet.reward import Reward, reward_of

Curve = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class TrialCurve:
    """The values of a trial's last attempt by epoch, as they were reported; `measured` if it has been measured."""

    number: int
    values: tuple[tuple[int, float], ...]
    measured: bool


class StoppingRule(Protocol):
    """Judges curves of rewards by those that it has seen."""

    def begin(self, number: int) -> None:
        """Forget what an earlier attempt at a trial reported."""
        ...

    def stops(self, number: int, curve: Curve, epoch: int) -> bool:
        """Return whether a trial is not worth more than this epoch, the one that it has just reported."""
        ...

    def measured(self, curve: Curve) -> None:
        """Take in the whole curve of a trial that is settled with a measurement."""
        ...


class MedianRule:
    """Golovin et al. 2017 (Vizier), section 3.2: the best so far against the median of running averages up to the same epoch.

    Trials that were stopped count as far as they came, as all settled ones do.
    """

    def __init__(self, section: Median) -> None:
        self._section = section
        self._averages: defaultdict[int, list[float]] = defaultdict(list)  # by epoch, in order

    def begin(self, number: int) -> None:
        """Trials in training have no part in the median."""

    def stops(self, number: int, curve: Curve, epoch: int) -> bool:  # noqa: ARG002 - whose curve it is does not matter
        """Return whether the best of the curve up to this epoch is below the median there."""
        averages = self._averages.get(epoch, ())
        if epoch < self._section.min_epochs or len(averages) < self._section.min_trials:
            return False
        return max(curve.values()) < (averages[(len(averages) - 1) // 2] + averages[len(averages) // 2]) / 2

    def measured(self, curve: Curve) -> None:
        """Add the running averages of a settled trial."""
        total = 0.0
        for count, epoch in enumerate(sorted(curve), start=1):
            total += curve[epoch]
            insort(self._averages[epoch], total / count)


class HalvingRule:
    """Li et al. 2020 (ASHA), as a rule that stops: a child goes on from a rung if it is in the top 1/eta of those seen there.

    The first one at a rung goes on, since nothing is known of what is good; among equals both go on.
    """

    def __init__(self, section: SuccessiveHalving) -> None:
        self._section = section
        self._rungs: defaultdict[int, dict[int, float]] = defaultdict(dict)  # rewards by trial, by epoch

    def begin(self, number: int) -> None:
        """Take a trial from all rungs: another attempt begins at the first epoch."""
        for rung in self._rungs.values():
            rung.pop(number, None)

    def stops(self, number: int, curve: Curve, epoch: int) -> bool:
        """Return whether this epoch is a rung and enough others were better there."""
        if not self._is_rung(epoch):
            return False
        rung = self._rungs[epoch]
        rung[number] = curve[epoch]
        kept = max(1, len(rung) // self._section.reduction_factor)
        return sum(other > curve[epoch] for other in rung.values()) >= kept

    def measured(self, curve: Curve) -> None:
        """What a trial reported was seen at its rungs already."""

    def _is_rung(self, epoch: int) -> bool:
        rung = self._section.min_epochs
        while rung < epoch:
            rung *= self._section.reduction_factor
        return rung == epoch


class EarlyStopping:
    """The curves of a search's trials in training, and the rule that judges them, if it has one."""

    def __init__(self, spec: SearchSpec, stored: Iterable[TrialCurve] = ()) -> None:
        self._reward = spec.reward
        self._rule = _rule_of(spec)
        self._curves: dict[int, dict[int, float]] = {}
        for trial in stored:
            self._take(trial.number, trial.values)
            if trial.measured:
                self._settle(trial.number)

    def begin(self, number: int) -> None:
        """Take note that an attempt at a trial begins."""
        if self._rule is not None:
            self._rule.begin(number)
            self._curves.pop(number, None)

    def report(self, number: int, epochs: Sequence[EpochMeasurement]) -> bool:
        """Take in epochs of a trial in training; return whether its child is to be stopped now."""
        return self._take(number, [(epoch.epoch, epoch.value) for epoch in epochs])

    def measured(self, number: int, epochs: Sequence[EpochMeasurement]) -> None:
        """Take in that a trial is settled with a measurement, whose epochs may not all have been reported."""
        self.report(number, epochs)
        self._settle(number)

    def given_up(self, number: int) -> None:
        """Take in that a trial is settled without a measurement."""
        self._curves.pop(number, None)

    def _settle(self, number: int) -> None:
        if self._rule is not None and (curve := self._curves.pop(number, None)) is not None:
            self._rule.measured(curve)

    def _take(self, number: int, values: Iterable[tuple[int, float]]) -> bool:
        if self._rule is None:
            return False
        stopped = False
        curve = self._curves.setdefault(number, {})
        for epoch, value in values:
            if epoch not in curve and (reward := _reward_at(self._reward, value)) is not None:
                curve[epoch] = reward
                stopped |= self._rule.stops(number, curve, epoch)
        return stopped


def teaches(spec: SearchSpec, *, stopped_early: bool) -> bool:
    """Return whether a strategy learns from such a trial."""
    return not stopped_early or spec.early_stopping is None or spec.early_stopping.teach


def epochs_saved(task: object, measurement: Measurement | None) -> int:
    """Return how many epochs more a child would have been trained for; 0 if it was not stopped, or its task has no number."""
    if measurement is None or not measurement.stopped_early or not measurement.epochs:
        return 0
    planned = getattr(task, "epochs", None)  # of every task that counts them
    return max(0, planned - measurement.epochs[-1].epoch) if isinstance(planned, int) else 0


def _rule_of(spec: SearchSpec) -> StoppingRule | None:
    match spec.early_stopping:
        case None:
            return None
        case Median() as section:
            return MedianRule(section)
        case SuccessiveHalving() as section:
            return HalvingRule(section)


def _reward_at(section: Reward, value: float) -> float | None:
    """Return the reward of a measurement that were this value alone; None if that is no number, and cannot be judged."""
    try:
        return reward_of(section, Measurement(value, (), 0.0, 0.0))
    except NotFiniteError:
        return None

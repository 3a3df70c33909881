"""The course of one child's training so far, and its early end when the controller sees no use in further epochs."""

import time
from collections.abc import Callable
from dataclasses import replace

from nasfleet.measurement import EpochMeasurement, Measurement


class StoppedEarly(BaseException):
    """Raised by `report` to end a training with the epoch that it reports; no error, so that catching all errors lets it pass.

    A task need not know of it: the measurement is then that of the epochs reported. One that catches it may return a
    measurement of its own, with parameters and weights, and need not say that it was stopped.
    """


class Course:
    """Takes the epochs of one child; `is_ended` says whether it is to end with the one under way."""

    def __init__(self, is_ended: Callable[[], bool]) -> None:
        self._is_ended = is_ended
        self._began = time.perf_counter()
        self._epochs: list[EpochMeasurement] = []
        self._stopped = False

    def take(self, epoch: EpochMeasurement) -> None:
        """Take in an epoch that has been reported.

        Raises:
            StoppedEarly: if the training ends with it.
        """
        self._epochs.append(epoch)
        if self._is_ended():
            self._stopped = True
            raise StoppedEarly

    def flagged(self, measurement: Measurement) -> Measurement:
        """Return what a task has measured, with whether it was stopped."""
        return replace(measurement, stopped_early=self._stopped)

    def so_far(self) -> Measurement:
        """Return what the epochs of a child that was stopped amount to.

        Raises:
            InvalidInputError: if they are not in order.
        """
        seconds = time.perf_counter() - self._began
        return Measurement(self._epochs[-1].value, tuple(self._epochs), seconds, seconds, stopped_early=True)

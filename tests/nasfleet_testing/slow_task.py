"""A task that takes its time and catches every error, as people's own do."""

import contextlib
import os
import time

from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet_trainer.tasks.task import ChildRun, Report

EPOCHS, EPOCH_SECONDS = 200, 0.05


class SlowTask:
    """Reports many epochs, unless the first token is 0: then one; the value of a child is the number of its process."""

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return the measurement after the last epoch."""
        for epoch in range(1, EPOCHS + 1 if run.tokens[0] else 2):
            with contextlib.suppress(Exception):
                report(EpochMeasurement(epoch, epoch / EPOCHS, EPOCH_SECONDS))
            time.sleep(EPOCH_SECONDS)
        return Measurement(float(os.getpid()), (), 0.1, 0.1)

"""A task of one's own whose figure of merit is its seed."""

from typing import Any

from nasfleet.measurement import Measurement
from nasfleet_trainer.tasks.task import ChildRun


class SeedTask:
    def train(self, run: ChildRun, _report: Any) -> Measurement:
        return Measurement(float(run.seed % 1000), (), 0.1, 0.1)

"""Tasks of one's own that give something else than they should."""

from typing import Any

from nasfleet.measurement import Measurement
from nasfleet_trainer.tasks.task import ChildRun


class ReturnsNumber:
    def train(self, _run: ChildRun, _report: Any) -> float:
        return 0.5


class ReturnsNothing:
    def train(self, _run: ChildRun, _report: Any) -> None:
        pass


class ReportsNumber:
    def train(self, _run: ChildRun, report: Any) -> Measurement:
        report(0.25)
        return Measurement(0.5, (), 0.1, 0.1)

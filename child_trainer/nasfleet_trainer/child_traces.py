"""What slots tell of a child in training to whoever traces its trial. Here nobody does; `child_spans` has who can."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from nasfleet.v1.fleet_pb2 import Assignment
from nasfleet.v1.trial_pb2 import EpochMeasurement
from nasfleet_trainer.leases import Result


class ChildTrace(Protocol):
    """The trace of one child."""

    def stage(self, name: str, began: float, ended: float) -> None:
        """Take in what the child has gone through between two times, in Unix seconds."""

    def epoch(self, epoch: EpochMeasurement) -> None:
        """Take in an epoch that has just ended."""

    def end(self, result: Result) -> None:
        """Take in what came of the child."""


class ChildTraces(Protocol):
    """The traces of the children of one trainer."""

    def child(self, assignment: Assignment) -> AbstractContextManager[ChildTrace]:
        """Return the context in which a child is trained."""


class Untraced:
    """Is told and does nothing."""

    def stage(self, name: str, began: float, ended: float) -> None:
        """Do nothing."""

    def epoch(self, epoch: EpochMeasurement) -> None:
        """Do nothing."""

    def end(self, result: Result) -> None:
        """Do nothing."""

    def child(self, _assignment: Assignment) -> AbstractContextManager[ChildTrace]:
        """Return a context in which nothing is traced."""
        return nullcontext(self)


UNTRACED = Untraced()

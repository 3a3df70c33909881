"""A task for gangs in which one rank fails for a reason of its own, and the others are left alone."""

import torch
from torch import distributed

from nasfleet.measurement import Measurement
from nasfleet_trainer.failures import NotFiniteError
from nasfleet_trainer.tasks.task import ChildRun, Report


class OneRankDiverges:
    """Rank 1 diverges while rank 0 waits for what they compute together."""

    trains_in_gangs = True

    def train(self, run: ChildRun, report: Report) -> Measurement:  # noqa: ARG002 - there are no epochs
        """Fail in each rank, in its own way."""
        if run.rank == 1:
            raise NotFiniteError("the loss of rank 1 is NaN")
        distributed.all_reduce(torch.ones(1))
        return Measurement(1.0, (), 1.0, 1.0)

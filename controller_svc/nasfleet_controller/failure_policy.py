"""What follows from a failed attempt: loss, model failure and timeout are three things with budgets of their own."""

from dataclasses import replace
from typing import assert_never

from nasfleet.catalogue import Retries
from nasfleet.measurement import Failure, FailureClass
from nasfleet_controller.snapshots import OpenTrial


def charge(trial: OpenTrial, failure: Failure, retries: Retries) -> OpenTrial | None:
    """Return the trial with the failure on its account, or None if it is to be given up."""
    match failure.kind.failure_class:
        case FailureClass.INFRASTRUCTURE:
            spent, budget = trial.lost, retries.lost
            charged = replace(trial, lost=trial.lost + 1)
        case FailureClass.MODEL:
            spent, budget = trial.model_failures, retries.model_failure
            charged = replace(trial, model_failures=trial.model_failures + 1)
        case FailureClass.TIMEOUT:
            spent, budget = trial.timeouts, retries.timeout
            charged = replace(trial, timeouts=trial.timeouts + 1)
        case FailureClass.RETURNED:
            return trial
        case unknown:
            assert_never(unknown)
    return charged if budget is None or spent < budget else None

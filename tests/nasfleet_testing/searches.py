"""Searches, trials and trainers as the contract has them, for tests of what shows them."""

from nasfleet.v1.fleet_pb2 import HeldTrial, Trainer, TrainerState
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet.v1.trial_pb2 import Failure, FailureKind, Measurement, Trial, TrialState

SEARCH = "namespaces/default/searches/digits"


def search_message(
    *, settled: int = 57, trials: int = 200, state: SearchState.ValueType = SearchState.SEARCH_STATE_RUNNING
) -> Search:
    """Return a search of which so many trials have settled, two of them without success."""
    search = Search(name=SEARCH, state=state, trials_per_second=1.7, running_seconds=settled / 1.7)
    search.spec.budget.trials = trials
    search.counts.failed = min(settled, 2)
    search.counts.succeeded = settled - search.counts.failed
    if search.counts.succeeded:
        search.average_reward = 0.5
        search.best_trial.CopyFrom(trial_message(41, 0.9134))
    return search


def trial_message(number: int, reward: float) -> Trial:
    """Return a trial that was measured."""
    return Trial(
        name=f"{SEARCH}/trials/{number}",
        number=number,
        tokens=[0, 1, 2],
        state=TrialState.TRIAL_STATE_SUCCEEDED,
        reward=reward,
        measurement=Measurement(value=reward, parameters=12_345, seconds=1.5, trainer_seconds=1.5),
        trainer="trainer-0",
        attempt_count=1,
    )


def failed_trial_message(number: int) -> Trial:
    """Return a trial that was given up."""
    failure = Failure(kind=FailureKind.FAILURE_KIND_NOT_FINITE, message="the loss is nan", traceback="Traceback: nan")
    return Trial(
        name=f"{SEARCH}/trials/{number}", number=number, state=TrialState.TRIAL_STATE_FAILED, reward=0.0, failure=failure
    )


def trainer_message(index: int, trial: int) -> Trainer:
    """Return a trainer at work."""
    held = HeldTrial(trial=f"{SEARCH}/trials/{trial}", fence=trial, started=True, epoch=3, value=0.71)
    return Trainer(
        trainer=f"trainer-{index}",
        device="cpu",
        state=TrainerState.TRAINER_STATE_BUSY,
        slots=1,
        trials=[held],
        measured_count=28,
        silent_seconds=0.4,
    )

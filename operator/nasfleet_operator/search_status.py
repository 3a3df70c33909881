"""What is told of a search: the one word for people, the conditions, and a status of the same size however many trials."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nasfleet_operator.conditions import Verdict
from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import Condition, Truth
from nasfleet_operator.plan import EventKind
from nasfleet_operator.views import SearchState, SearchView

_HOUR_SECONDS = 3600.0
_REWARD_DIGITS = 6


class State(StrEnum):
    """The reason of a search's condition Ready, which people see as its state."""

    RUNNING = "Running"
    WAITING_FOR_TRAINERS = "WaitingForTrainers"
    WAITING_FOR_SEARCH_SPACE = "WaitingForSearchSpace"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    INVALID_SPEC = "InvalidSpec"
    REFUSED = "Refused"
    NAME_TAKEN = "NameTaken"
    CONTROLLER_UNAVAILABLE = "ControllerUnavailable"
    DELETING = "Deleting"


_AT_CONTROLLER: Mapping[SearchState, State] = {
    SearchState.RUNNING: State.RUNNING,
    SearchState.SUSPENDED: State.SUSPENDED,
    SearchState.COMPLETED: State.COMPLETED,
    SearchState.CANCELLED: State.CANCELLED,
}
_SAID: Mapping[State, str] = {
    State.RUNNING: "trials are proposed, and trained by the pools that the search selects",
    State.SUSPENDED: "spec.suspend is true: nothing is proposed or trained until it is false",
    State.COMPLETED: "its budget is used up",
    State.CANCELLED: "it was cancelled before its budget was used up; its results stay",
}
_WRONG = frozenset({State.INVALID_SPEC, State.REFUSED, State.NAME_TAKEN})
_WARNINGS = _WRONG | {State.CONTROLLER_UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class SearchSight:
    """A search as it is to be told of; `view` is absent where the controller has none of ours."""

    state: State
    message: str
    view: SearchView | None


def state_of(view: SearchView) -> tuple[State, str]:
    """Return how a search of the controller goes, and why.

    Between two trials nothing may be leased for a moment, so it waits for trainers only if nothing settled lately either.
    """
    state, counts = _AT_CONTROLLER[view.state], view.counts
    if state is State.RUNNING and view.spec.search_space.unlowered is not None:
        return State.WAITING_FOR_SEARCH_SPACE, view.message or "its search space is to be lowered by a trainer"
    if state is State.RUNNING and counts.queued and not counts.running and not view.trials_per_second:
        why = view.message or "no trainer that this search may use is free; compare trainerPoolSelector with the pools' labels"
        return State.WAITING_FOR_TRAINERS, f"{counts.queued} trials wait: {why}"
    if state is State.SUSPENDED and not view.spec.suspend:
        return state, f"{view.message or 'suspended'}; nasfleet resume goes on"
    says_why = state in {State.RUNNING, State.COMPLETED}
    return state, (says_why and view.message) or _SAID[state]


def search_verdicts(sight: SearchSight, before: tuple[Condition, ...]) -> tuple[Verdict, ...]:
    """Return the conditions of a search; what cannot be known without the controller stays as it was."""
    ready = Verdict("Ready", _readiness(sight.state), sight.state, sight.message)
    if sight.view is not None:
        return ready, *_of_view(_AT_CONTROLLER[sight.view.state], state_of(sight.view)[1])
    if sight.state in _WRONG:
        return ready, *_of_view(sight.state, sight.message)
    kept = {was.type: Verdict(was.type, was.status, was.reason, was.message) for was in before}
    others = ("Progressing", "Suspended", "Complete", "Failed")
    return ready, *(kept.get(name) or Verdict(name, Truth.UNKNOWN, sight.state) for name in others)


def search_numbers(view: SearchView) -> dict[str, Any]:
    """Return the fields of a status that only count."""
    counts, best = view.counts, view.best
    return {
        "trials": {
            "queued": counts.queued,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "lost": counts.lost,
            "distinct": counts.distinct,
        },
        "progress": f"{counts.settled}/{view.spec.budget.trials}",
        "bestReward": None if best is None else float(f"{best.reward:.{_REWARD_DIGITS}g}"),
        "bestTrial": None if best is None else best.number,
        "bestArchitecture": None if best is None else best.architecture,
        "trainerHours": round(view.trainer_seconds / _HOUR_SECONDS, 3),
    }


def search_times(view: SearchView) -> dict[str, Any]:
    """Return when a search started and when it ended."""
    return {
        "startTime": write_time(view.created_at),
        "completionTime": None if view.ended_at is None else write_time(view.ended_at),
    }


def worth_telling(condition: Condition) -> EventKind | None:
    """Return which kind of event a search's condition is worth: Ready says by its reason all that the others do."""
    if condition.type != "Ready":
        return None
    return EventKind.WARNING if condition.reason in _WARNINGS else EventKind.NORMAL


def _readiness(state: State) -> Truth:
    match state:
        case State.RUNNING | State.COMPLETED:
            return Truth.TRUE
        case State.CONTROLLER_UNAVAILABLE:
            return Truth.UNKNOWN
        case _:
            return Truth.FALSE


def _of_view(state: State, message: str) -> tuple[Verdict, ...]:
    """Return the conditions that follow from where a search is; one that was never taken has failed, for now."""
    true_of = {
        "Progressing": state is State.RUNNING,
        "Suspended": state is State.SUSPENDED,
        "Complete": state is State.COMPLETED,
        "Failed": state is State.CANCELLED or state in _WRONG,
    }
    return tuple(
        Verdict(name, Truth.TRUE if true else Truth.FALSE, state, message if true else "") for name, true in true_of.items()
    )

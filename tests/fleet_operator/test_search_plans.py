"""What is planned for a search, case by case."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nasfleet.catalogue import Budget, PluginSpace, SearchSpaceSection
from nasfleet.spaces.decision import Choice
from nasfleet_operator.kubernetes_objects import write_time
from nasfleet_operator.observed import SearchObserved, Unreadable
from nasfleet_operator.plan import Announce, DeclareSearch, EventKind, ForgetSearch, Plan, SetFinalizer
from nasfleet_operator.search_planning import plan_search
from nasfleet_operator.views import BestTrial, SearchState, SearchView, TrialCounts, UnreadableSearch
from nasfleet_testing.observed_resources import SEARCH, SETTINGS, search, search_spec, view
from nasfleet_testing.planned_worlds import NOW, Gone, carry_out_on_search

LARGEST_STATUS_BYTES = 6 * 1024
UNREADABLE = UnreadableSearch(SEARCH.uid, "spec.strategy is missing")


def plan(observed: SearchObserved, now: float = NOW) -> Plan:
    return plan_search(observed, SETTINGS, now)


def kinds(planned: Plan) -> list[str]:
    return [type(effect).__name__ for effect in planned.effects]


def only(planned: Plan, kind: type[Any]) -> Any:
    [found] = [effect for effect in planned.effects if isinstance(effect, kind)]
    return found


def after(observed: SearchObserved) -> SearchObserved:
    done = carry_out_on_search(plan(observed).effects, observed)
    assert isinstance(done, SearchObserved)
    return done


def condition(observed: SearchObserved, name: str) -> tuple[str, str, str]:
    """Return status, reason and message of a condition after the plan."""
    [found] = [entry for entry in after(observed).search.conditions if entry.type == name]
    return found.status.value, found.reason, found.message


def known(view_of: SearchView | None = None, **about: Any) -> SearchObserved:
    """Return a search that the controller has and whose status says so."""
    observed = SearchObserved(search=search(finalized=True), at_controller=view_of or view(counts=TrialCounts(running=1)))
    done = carry_out_on_search(plan(observed, NOW - 60).effects, observed)
    assert isinstance(done, SearchObserved)
    return replace(done, **about)


def changed(observed: SearchObserved, **changes: Any) -> SearchObserved:
    return replace(observed, search=replace(observed.search, declared=search_spec(**changes), generation=2))


def own_space(*decisions: Choice) -> SearchSpaceSection:
    return SearchSpaceSection(space=PluginSpace(object="my.spaces:space", decisions=decisions))


def test_a_new_search_gets_our_finalizer_before_the_controller_knows_it() -> None:
    planned = plan(SearchObserved(search=search()))
    assert kinds(planned) == ["SetFinalizer", "DeclareSearch", "WriteStatus", "Announce"]
    assert only(planned, SetFinalizer).present
    assert only(planned, DeclareSearch).uid == SEARCH.uid
    assert condition(SearchObserved(search=search()), "Ready")[:2] == ("True", "Running")


def test_a_search_that_is_as_declared_and_told_of_needs_nothing() -> None:
    assert plan(known()) == Plan()


def test_what_may_change_is_declared_again() -> None:
    observed = changed(known(), parallelism=16)
    assert only(plan(observed), DeclareSearch).spec.parallelism == 16


def test_a_search_that_is_suspended_by_its_spec_is_told_of_as_such_in_the_same_pass() -> None:
    observed = changed(known(), suspend=True)
    assert only(plan(observed), DeclareSearch).spec.suspend
    assert condition(observed, "Ready")[:2] == ("False", "Suspended")


def test_what_may_not_change_is_refused_by_name_and_the_search_goes_on_as_it_was() -> None:
    observed = changed(known(), seed=1)
    assert "DeclareSearch" not in kinds(plan(observed))
    status, reason, message = condition(observed, "Ready")
    assert (status, reason) == ("False", "Refused")
    assert message.startswith("spec.seed may not change after the start")
    assert condition(observed, "Progressing")[:2] == ("True", "Running")


@pytest.mark.parametrize(
    ("observed", "ready"),
    [
        pytest.param(known(view(counts=TrialCounts(running=2))), ("True", "Running"), id="running"),
        pytest.param(known(view(counts=TrialCounts(queued=8))), ("False", "WaitingForTrainers"), id="nobody takes a trial"),
        pytest.param(
            known(view(counts=TrialCounts(queued=8), trials_per_second=3.0)), ("True", "Running"), id="between two trials"
        ),
        pytest.param(known(view(SearchState.SUSPENDED)), ("False", "Suspended"), id="suspended"),
        pytest.param(known(view(SearchState.COMPLETED)), ("True", "Completed"), id="completed"),
        pytest.param(known(view(SearchState.CANCELLED)), ("False", "Cancelled"), id="cancelled"),
        pytest.param(known(view(uid="search-0")), ("False", "NameTaken"), id="name taken"),
        pytest.param(known(reachable=False), ("Unknown", "ControllerUnavailable"), id="no controller"),
        pytest.param(known(at_controller=UNREADABLE), ("Unknown", "ControllerUnavailable"), id="newer controller"),
        pytest.param(known(at_controller=None, refusal="it will not"), ("False", "Refused"), id="refused"),
        pytest.param(
            SearchObserved(search=search(Unreadable("spec.budget is missing: give it"))),
            ("False", "InvalidSpec"),
            id="spec wrong",
        ),
        pytest.param(
            known(search=search(finalized=True, deleted_at=NOW - 1), reachable=False), ("False", "Deleting"), id="deleting"
        ),
    ],
)
def test_one_word_says_how_a_search_is(observed: SearchObserved, ready: tuple[str, str]) -> None:
    assert condition(observed, "Ready")[:2] == ready


@pytest.mark.parametrize(
    ("state", "true"),
    [
        (SearchState.RUNNING, {"Ready", "Progressing"}),
        (SearchState.SUSPENDED, {"Suspended"}),
        (SearchState.COMPLETED, {"Ready", "Complete"}),
        (SearchState.CANCELLED, {"Failed"}),
    ],
)
def test_conditions_follow_the_state(state: SearchState, true: set[str]) -> None:
    conditions = after(known(view(state))).search.conditions
    assert {entry.type for entry in conditions if entry.status == "True"} == true
    assert [entry.type for entry in conditions] == ["Ready", "Progressing", "Suspended", "Complete", "Failed"]


def test_a_search_that_waits_for_trainers_says_why() -> None:
    silent = view(counts=TrialCounts(queued=8))
    assert "trainerPoolSelector" in condition(known(silent), "Ready")[2]
    told = replace(silent, message="trainer-0 cannot run this search: no data set")
    assert condition(known(told), "Ready")[2] == "8 trials wait: trainer-0 cannot run this search: no data set"


def test_a_search_whose_space_waits_to_be_lowered_says_what_it_waits_for_and_is_declared_once() -> None:
    observed = known(view(spec=search_spec(search_space=own_space()), message="waits for a trainer: one cannot: no module"))
    observed = changed(observed, search_space=own_space())
    assert condition(observed, "Ready") == ("False", "WaitingForSearchSpace", "waits for a trainer: one cannot: no module")
    assert "DeclareSearch" not in kinds(plan(observed))


def test_a_search_whose_space_has_been_lowered_runs_and_keeps_its_decisions() -> None:
    lowered = own_space(Choice("depth", "depth", (1, 2, 3)))
    observed = known(view(spec=search_spec(search_space=lowered), counts=TrialCounts(running=1)))
    observed = changed(observed, search_space=own_space())
    assert condition(observed, "Ready")[:2] == ("True", "Running")
    assert "DeclareSearch" not in kinds(plan(observed))
    more = changed(observed, search_space=own_space(), parallelism=16)
    assert only(plan(more), DeclareSearch).spec.search_space == lowered


def test_a_search_that_is_new_with_a_space_of_ones_own_waits_for_that_in_the_same_pass() -> None:
    observed = SearchObserved(search=search(search_spec(search_space=own_space())))
    assert condition(observed, "Ready")[:2] == ("False", "WaitingForSearchSpace")


def test_a_search_that_was_suspended_by_hand_says_how_it_goes_on_and_is_not_resumed() -> None:
    observed = known(view(SearchState.SUSPENDED, message="suspended"))
    assert condition(observed, "Ready")[2] == "suspended; nasfleet resume goes on"
    assert "DeclareSearch" not in kinds(plan(observed))


def test_a_status_keeps_the_last_counts_while_the_controller_is_away() -> None:
    observed = known(view(counts=TrialCounts(running=1, succeeded=7)))
    away = after(replace(observed, reachable=False, at_controller=None))
    assert away.search.status["progress"] == "7/200"
    assert away.search.status["startTime"] == observed.search.status["startTime"]
    assert kinds(plan(away)) == []


def test_a_search_that_a_newer_controller_tells_of_is_let_alone_and_yet_deleted_with_its_resource() -> None:
    observed = known(at_controller=UNREADABLE)
    assert "upgrade the operator" in condition(observed, "Ready")[2]
    assert kinds(plan(observed)) == ["WriteStatus", "Announce"]
    deleted = replace(observed, search=search(finalized=True, deleted_at=NOW - 1))
    assert kinds(plan(deleted)) == ["ForgetSearch", "SetFinalizer"]


@pytest.mark.parametrize("state", [SearchState.COMPLETED, SearchState.CANCELLED])
def test_a_search_that_has_ended_is_not_started_again_though_the_controller_has_it_no_more(state: SearchState) -> None:
    observed = known(view(state))
    assert plan(replace(observed, at_controller=None)) == Plan()
    assert plan(replace(observed, at_controller=None, reachable=False)) == Plan()
    assert plan(replace(observed, at_controller=UNREADABLE)) == Plan()


def test_whether_a_search_that_has_ended_is_suspended_makes_no_difference() -> None:
    observed = changed(known(view(SearchState.COMPLETED)), suspend=True)
    assert "DeclareSearch" not in kinds(plan(observed))


def test_a_completed_search_goes_on_with_a_larger_budget() -> None:
    observed = changed(known(view(SearchState.COMPLETED)), budget=Budget(trials=500))
    assert only(plan(observed), DeclareSearch).spec.budget.trials == 500


def test_a_deleted_search_is_forgotten_and_let_go() -> None:
    observed = known(search=search(finalized=True, deleted_at=NOW))
    assert kinds(plan(observed)) == ["ForgetSearch", "SetFinalizer"]
    assert str(only(plan(observed), ForgetSearch).name) == "namespaces/research/searches/digits"
    assert carry_out_on_search(plan(observed).effects, observed) == Gone()


def test_a_deleted_search_leaves_alone_what_only_has_its_name() -> None:
    observed = known(view(uid="search-0"), search=search(finalized=True, deleted_at=NOW))
    assert kinds(plan(observed)) == ["SetFinalizer"]


def test_a_search_that_others_hold_is_left_to_them() -> None:
    assert plan(known(search=search(finalized=False, deleted_at=NOW))) == Plan()


def test_deletion_waits_a_minute_for_the_controller_and_then_goes_on_without_it() -> None:
    observed = known(search=search(finalized=True, deleted_at=NOW - 20), reachable=False)
    assert "SetFinalizer" not in kinds(plan(observed))
    assert plan(after(observed)).again_in == 40.0
    late = plan(observed, NOW + 40)
    assert kinds(late) == ["Announce", "SetFinalizer"]
    told = only(late, Announce)
    assert (told.kind, told.reason) == (EventKind.WARNING, "LeftBehind")
    assert "namespaces/research/searches/digits (uid search-1)" in told.message


def test_the_status_tells_counts_the_best_and_the_times() -> None:
    best = BestTrial(number=17, reward=4 / 9, architecture="00f1e2d3c4b5a697")
    counts = TrialCounts(queued=1, running=2, succeeded=90, failed=5, lost=3, distinct=80)
    observed = known(view(SearchState.COMPLETED, counts=counts, best=best, trainer_seconds=5400.0, ended_at=NOW - 5))
    status = {name: value for name, value in observed.search.status.items() if name not in {"conditions", "lastUpdateTime"}}
    assert status == {
        "observedGeneration": 1,
        "trials": {"queued": 1, "running": 2, "succeeded": 90, "failed": 5, "lost": 3, "distinct": 80},
        "progress": "98/200",
        "bestReward": 0.444444,
        "bestTrial": 17,
        "bestArchitecture": "00f1e2d3c4b5a697",
        "trainerHours": 1.5,
        "startTime": write_time(NOW - 60),
        "completionTime": write_time(NOW - 5),
    }


def test_counts_alone_are_written_every_ten_seconds_and_the_end_at_once() -> None:
    observed = known()
    status = {**observed.search.status, "lastUpdateTime": write_time(NOW - 3)}
    observed = replace(observed, search=replace(observed.search, status=status))
    moved = replace(observed, at_controller=view(counts=TrialCounts(running=1, succeeded=1)))
    assert plan(moved) == Plan((), again_in=7.0)
    assert kinds(plan(moved, NOW + 7)) == ["WriteStatus"]
    assert kinds(plan(replace(observed, at_controller=view(SearchState.COMPLETED)))) == ["WriteStatus", "Announce"]


def test_each_change_of_state_is_one_event_and_a_warning_if_something_is_wrong() -> None:
    observed = known()
    done = only(plan(replace(observed, at_controller=view(SearchState.COMPLETED, message="all 200 are settled"))), Announce)
    assert (done.kind, done.reason, done.message) == (EventKind.NORMAL, "Completed", "all 200 are settled")
    # Every search waits for a moment when it starts.
    waiting = only(plan(replace(observed, at_controller=view(counts=TrialCounts(queued=8)))), Announce)
    assert (waiting.kind, waiting.reason) == (EventKind.NORMAL, "WaitingForTrainers")
    refused = only(plan(changed(observed, seed=1)), Announce)
    assert (refused.kind, refused.reason) == (EventKind.WARNING, "Refused")


def test_a_status_is_of_the_same_size_however_many_trials_there_are() -> None:
    counts = TrialCounts(queued=10**9, running=10**5, succeeded=10**9, failed=10**9, lost=10**9, distinct=10**9)
    best = BestTrial(number=10**9, reward=-1.2345678901234567e-300, architecture="f" * 16)
    observed = known(view(SearchState.SUSPENDED, message="ü" * 100_000, counts=counts, best=best))
    assert len(json.dumps(observed.search.status, ensure_ascii=False).encode()) < LARGEST_STATUS_BYTES

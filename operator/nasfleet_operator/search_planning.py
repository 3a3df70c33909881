"""What is done for a search in one pass: it is declared to the controller, how it goes is told, and in the end it is forgotten.

Our finalizer is on it before the controller knows it, so that nothing stays at the controller unnoticed.
"""

from dataclasses import replace
from typing import Any

from nasfleet.catalogue import SearchSpec
from nasfleet.catalogue.changes import changes
from nasfleet.catalogue.known_decisions import keeping_decisions
from nasfleet.names import SearchName
from nasfleet_operator.announcements import announcements, event_name
from nasfleet_operator.conditions import settle
from nasfleet_operator.observed import Condition, SearchObserved, SearchResource, Truth, Unreadable
from nasfleet_operator.plan import Announce, DeclareSearch, Effect, EventKind, ForgetSearch, Plan, SetFinalizer
from nasfleet_operator.reporting import report
from nasfleet_operator.search_status import (
    SearchSight,
    State,
    search_numbers,
    search_times,
    search_verdicts,
    state_of,
    worth_telling,
)
from nasfleet_operator.settings import Settings
from nasfleet_operator.views import SearchSeen, SearchState, SearchView, UnreadableSearch

_ENDED = frozenset({SearchState.COMPLETED, SearchState.CANCELLED})


def plan_search(observed: SearchObserved, settings: Settings, now: float) -> Plan:
    """Return what is to be done for a search; `now` in Unix seconds."""
    search = observed.search
    if search.deleted_at is not None:
        return _plan_deletion(observed, search.deleted_at, settings, now)
    match search.declared:
        case Unreadable(message=message):
            return _told(observed, (), SearchSight(State.INVALID_SPEC, message, _ours(observed)), settings, now)
        case spec:
            return _plan_declared(observed, spec, settings, now)


def search_name(search: SearchResource) -> SearchName:
    """Return the name under which the controller knows a search."""
    return SearchName(search.identity.namespace, search.identity.name)


def _plan_declared(observed: SearchObserved, spec: SearchSpec, settings: Settings, now: float) -> Plan:
    search, there, ours = observed.search, observed.at_controller, _ours(observed)
    if (unknown := _why_unknown(observed)) is not None:
        return _plan_unknown(observed, unknown, settings, now)
    if there is not None and ours is None:
        message = (
            f"the controller has another search of this name (uid {there.uid}): delete that with "
            f"nasfleet delete {search.identity.name}, or give this one another name"
        )
        return _told(observed, (), SearchSight(State.NAME_TAKEN, message, None), settings, now)
    if ours is None and (ending := _ending(search)) is not None:
        return _told(observed, (), SearchSight(State(ending.reason), ending.message, None), settings, now)
    wanted = spec if ours is None else _declarable(ours, spec)
    if (refusal := observed.refusal or _forbidden_change(ours, wanted)) is not None:
        return _told(observed, (), SearchSight(State.REFUSED, refusal, ours), settings, now)
    finalizer = () if search.finalized else (SetFinalizer(search.identity, present=True),)
    if ours is not None and ours.spec == wanted:
        return _told(observed, finalizer, SearchSight(*state_of(ours), ours), settings, now)
    declared = _declared(ours, search.identity.uid, wanted, now)
    effects = (*finalizer, DeclareSearch(search_name(search), search.identity.uid, wanted))
    return _told(observed, effects, SearchSight(*state_of(declared), declared), settings, now)


def _plan_unknown(observed: SearchObserved, message: str, settings: Settings, now: float) -> Plan:
    """Tell why it is not known how a search goes; one that has ended stays as it ended."""
    if (ending := _ending(observed.search)) is not None:
        return _told(observed, (), SearchSight(State(ending.reason), ending.message, None), settings, now)
    return _told(observed, (), SearchSight(State.CONTROLLER_UNAVAILABLE, message, None), settings, now)


def _plan_deletion(observed: SearchObserved, deleted_at: float, settings: Settings, now: float) -> Plan:
    search = observed.search
    if not search.finalized:
        return Plan()
    release = SetFinalizer(search.identity, present=False)
    if observed.reachable:
        forget = (ForgetSearch(search_name(search)),) if _is_ours(search, observed.at_controller) else ()
        return Plan((*forget, release))
    patience = deleted_at + settings.forget_after_seconds - now
    if patience <= 0:
        # Before the finalizer goes, though it is an event: after it the search is no more, and who was killed in between
        # would never tell.
        return Plan((_left_behind(search), release))
    message = "the controller does not answer; the search is deleted without it if it stays away"
    told = _told(observed, (), SearchSight(State.DELETING, message, None), settings, now)
    return replace(told, again_in=min(patience, told.again_in or patience))


def _left_behind(search: SearchResource) -> Announce:
    message = (
        f"deleted while the controller did not answer: its trials stay there as {search_name(search)} "
        f"(uid {search.identity.uid}) until nasfleet delete {search.identity.name}"
    )
    name = event_name(search.identity, "LeftBehind")
    return Announce(name, search.identity, EventKind.WARNING, "LeftBehind", message)


def _ours(observed: SearchObserved) -> SearchView | None:
    """Return the controller's search if it is this one, not just one of its name, and can be read."""
    there = observed.at_controller if observed.reachable else None
    return there if isinstance(there, SearchView) and _is_ours(observed.search, there) else None


def _is_ours(search: SearchResource, there: SearchSeen | None) -> bool:
    return there is not None and there.uid == search.identity.uid


def _why_unknown(observed: SearchObserved) -> str | None:
    there = observed.at_controller
    if not observed.reachable:
        return "the controller does not answer; the search goes on when it does, and its trainers do meanwhile"
    if isinstance(there, UnreadableSearch) and _is_ours(observed.search, there):
        return f"the controller says of this search what this operator cannot read ({there.message}): upgrade the operator"
    return None


def _declarable(view: SearchView, spec: SearchSpec) -> SearchSpec:
    """Return what is to be declared: neither what a space was lowered to is undone, nor is one that has ended suspended."""
    spec = keeping_decisions(spec, view.spec)
    return replace(spec, suspend=view.spec.suspend) if view.state in _ENDED else spec


def _forbidden_change(view: SearchView | None, spec: SearchSpec) -> str | None:
    refused = () if view is None else changes(view.spec, spec)[1]
    if not refused:
        return None
    return f"{', '.join(refused)} may not change after the start: undo that, or make a search of another name"


def _declared(view: SearchView | None, uid: str, spec: SearchSpec, now: float) -> SearchView:
    """Return how the controller will have the search once it is declared."""
    state = SearchState.SUSPENDED if spec.suspend else SearchState.RUNNING
    if view is None:
        return SearchView(uid=uid, spec=spec, state=state, created_at=now)
    toggled = view.spec.suspend is not spec.suspend
    return replace(view, spec=spec, state=state if toggled else view.state)


def _ending(search: SearchResource) -> Condition | None:
    """Return how a search is known to have ended: then it is not started again, though the controller has it no more."""
    ends = {("Complete", State.COMPLETED), ("Failed", State.CANCELLED)}
    return next((one for one in search.conditions if one.status is Truth.TRUE and (one.type, one.reason) in ends), None)


def _told(observed: SearchObserved, effects: tuple[Effect, ...], sight: SearchSight, settings: Settings, now: float) -> Plan:
    search, view = observed.search, sight.view
    conditions = settle(search_verdicts(sight, search.conditions), search.conditions, search.generation, now)
    times, numbers = _kept(search) if view is None else (search_times(view), search_numbers(view))
    facts = {"observedGeneration": search.generation, **times}
    written = report(search.identity, search.status, facts, numbers, conditions, settings.count_seconds, now)
    news = announcements(search.identity, conditions, worth_telling, observed.announced, now - settings.announce_seconds)
    return Plan((*effects, *written.effects, *news), written.due_in)


def _kept(search: SearchResource) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return times and numbers as they were told last."""
    times = {name: search.status.get(name) for name in ("startTime", "completionTime")}
    others = {"conditions", "observedGeneration", "lastUpdateTime"}
    return times, {name: value for name, value in search.status.items() if name not in times and name not in others}

"""Who is asked to lower the space of a search that came without its decisions, and what follows from the answer. Pure.

A trainer is asked on its stream and answers on that; when the stream ends, the question is void and somebody is asked anew, so
that nothing of it need outlive a process. One trainer is asked at a time for a search, and for one search at a time; only if it
falls silent is another asked beside it, and the first decisions count. They become part of the search's spec, and with that
the search waits no longer.

Searches take turns, so that those whose modules hang or raise keep nobody else's from being asked for.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from itertools import count
from typing import assert_never

from nasfleet.catalogue.known_decisions import with_space
from nasfleet_controller.connection import Connection
from nasfleet_controller.demand import demand_of
from nasfleet_controller.dispatcher import UNABLE_BACKOFF_SECONDS, Dispatcher
from nasfleet_controller.moment import Moment
from nasfleet_controller.orders import Lowering
from nasfleet_controller.placing import suits
from nasfleet_controller.records import Record
from nasfleet_controller.reports import Lowered, NoSpace, Unable
from nasfleet_controller.search import Search
from nasfleet_controller.streams import Streams
from nasfleet_controller.trainers import SILENT_SECONDS, Trainer

LOWERING_SECONDS = 120.0  # a module that imports torch from a cold network volume takes a minute
ANSWER_SECONDS = 30.0  # longer than that: then the trainer is not waited for any more
LONGEST_BACKOFF_SECONDS = 300.0  # a module that was put in its place meanwhile is found after that at the latest
WAITS_ITS_TURN = "every trainer that could is busy with another search's space, each of which gets its turn"


@dataclass(frozen=True, slots=True)
class _Question:
    """What one trainer was asked on one stream, and until when its answer is waited for."""

    search_id: int
    trainer: Trainer
    connection: Connection
    until: float


class Lowerings:
    """The open questions by number; what trainers cannot do becomes a notice of the search, shown while it waits."""

    def __init__(self, dispatcher: Dispatcher, streams: Streams, notices: MutableMapping[int, str]) -> None:
        self._dispatcher = dispatcher
        self._streams = streams
        self._notices = notices
        self._questions: dict[int, _Question] = {}
        self._numbers = count(1)
        self._last_asked: dict[int, int] = {}  # by search, the number of its last question

    def ask(self, searches: Mapping[int, Search], now: float) -> None:
        """Ask for the spaces that searches wait for, if anybody is there to be asked."""
        self._close_questions(searches, now)
        waiting = [search for search in searches.values() if search.waits_for_space]
        for search_id in self._last_asked.keys() - {search.search_id for search in waiting}:
            self._forgive(search_id)
        for search in sorted(waiting, key=lambda one: self._last_asked.get(one.search_id, 0)):
            if not self._is_asked(search, now):
                self._ask_next(search, now)

    def take(self, searches: Mapping[int, Search], connection: Connection, answer: Lowered, moment: Moment) -> list[Record]:
        """Take in an answer; one that nobody waits for any more is ignored."""
        question = self._questions.get(answer.number)
        if question is None or question.connection is not connection:
            return []
        del self._questions[answer.number]
        search = searches.get(question.search_id)
        plugin = None if search is None else search.spec.search_space.unlowered
        if search is None or plugin is None:
            return []
        name = question.trainer.profile.name
        match answer.result:
            case Unable(message):
                self._mark_unable(question, f"{name} cannot: {message}", moment.now)
                return []
            case NoSpace(message):
                self._forget(search)
                return search.give_up(f"{name} says: {message}; resume it once trainers have that", moment.at)
            case tuple(decisions):
                self._forget(search)
                return search.change(with_space(search.spec, replace(plugin, decisions=decisions)), moment.at)
            case _:
                assert_never(answer.result)

    def _close_questions(self, searches: Mapping[int, Search], now: float) -> None:
        """Wait no longer for answers that nobody needs or that cannot come any more; the latter are told of."""
        for number, question in tuple(self._questions.items()):
            name = question.trainer.profile.name
            search = searches.get(question.search_id)
            if search is None or search.state.ended or search.spec.search_space.unlowered is None:
                del self._questions[number]
            elif not self._streams.are_with(question.connection):
                del self._questions[number]
                self._notices[question.search_id] = f"{name} was lost before it had answered"
            elif now > question.until:
                del self._questions[number]
                self._mark_unable(question, f"{name} did not answer within {LOWERING_SECONDS + ANSWER_SECONDS:g} s", now)

    def _is_asked(self, search: Search, now: float) -> bool:
        """Return whether an answer may be expected; of a trainer that has fallen silent none is."""
        return any(
            question.search_id == search.search_id and now - question.trainer.heard_at <= SILENT_SECONDS
            for question in self._questions.values()
        )

    def _ask_next(self, search: Search, now: float) -> None:
        """Ask the trainer that has least to do of those that the search may use; if others' spaces keep all, tell that."""
        demand = demand_of(search)
        able = [
            trainer
            for trainer in self._dispatcher.trainers.values()
            if trainer.profile.lowers_spaces and trainer.takes_work(now) and suits(trainer, demand, now)
        ]
        busy = {question.trainer.profile.instance_id for question in self._questions.values()}
        if self._notices.get(search.search_id) == WAITS_ITS_TURN:
            del self._notices[search.search_id]
        if askable := [trainer for trainer in able if trainer.profile.instance_id not in busy]:
            self._put(search, min(askable, key=lambda one: (len(one.leases), one.rank)), now)
        elif able:
            self._notices.setdefault(search.search_id, WAITS_ITS_TURN)  # what a trainer said of it tells more

    def _put(self, search: Search, trainer: Trainer, now: float) -> None:
        plugin = search.spec.search_space.unlowered
        if plugin is None:
            return
        connection, number = self._streams.of(trainer.profile.instance_id), next(self._numbers)
        until = now + LOWERING_SECONDS + ANSWER_SECONDS
        self._questions[number] = _Question(search.search_id, trainer, connection, until)
        self._last_asked[search.search_id] = number
        self._streams.orders_for(trainer.profile.instance_id).lowerings.append(Lowering(number, plugin, LOWERING_SECONDS))

    def _mark_unable(self, question: _Question, why: str, now: float) -> None:
        """Ask a trainer no more for a while; meanwhile it counts as none that the search could use, so that others come."""
        failures = question.trainer.failed_lowerings
        failures[question.search_id] = failures.get(question.search_id, 0) + 1
        # The exponent is bounded, since no float is 2 ** 1024.
        backoff = UNABLE_BACKOFF_SECONDS * 2.0 ** min(failures[question.search_id] - 1, 16)
        question.trainer.unable_until[question.search_id] = now + min(backoff, LONGEST_BACKOFF_SECONDS)
        self._notices[question.search_id] = why

    def _forget(self, search: Search) -> None:
        """Wait for no further answer; who could not lower the space may well train what is in it."""
        self._notices.pop(search.search_id, None)
        self._questions = {
            number: question for number, question in self._questions.items() if question.search_id != search.search_id
        }
        self._forgive(search.search_id)

    def _forgive(self, search_id: int) -> None:
        """Ask anew, without backoff, should the search wait once more, as it does when it is resumed."""
        self._last_asked.pop(search_id, None)
        for trainer in self._dispatcher.trainers.values():
            trainer.unable_until.pop(search_id, None)
            trainer.failed_lowerings.pop(search_id, None)

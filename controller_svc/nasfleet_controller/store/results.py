"""Reads of trials for those who ask; each call sees one state of the store, in whatever thread it runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from nasfleet.catalogue import SearchSpec
from nasfleet.codec import spec_from_proto
from nasfleet.errors import NotFoundError
from nasfleet.names import SearchName, TrialName
from nasfleet.v1.catalogue_pb2 import SearchSpec as SearchSpecMessage
from nasfleet_controller.filters import Order, filter_expression, read_order
from nasfleet_controller.records import SearchState, TrialState
from nasfleet_controller.store.engines import translated
from nasfleet_controller.store.paging import after, last_values, page_token
from nasfleet_controller.store.schema import attempts, epochs, searches, trials
from nasfleet_controller.store.trials import (
    TRIAL_FIELDS,
    StoredTrial,
    TrialDetails,
    stored_attempt,
    stored_epoch,
    stored_trial,
)

_BY_NUMBER = Order("number", descending=False)


@dataclass(frozen=True, slots=True)
class TrialQuery:
    """Which trials of a search, in which order; `filter` and `order_by` are as in `nasfleet.v1.ListTrialsRequest`."""

    search: SearchName
    filter: str = ""
    order_by: str = ""


@dataclass(frozen=True, slots=True)
class TrialPage:
    """Some of the trials that match; `total` counts all of them, the token is empty after the last page."""

    trials: tuple[StoredTrial, ...]
    next_page_token: str
    total: int


@dataclass(frozen=True, slots=True)
class StoredSearch:
    """What reads need to know of a search."""

    search_id: int
    state: SearchState
    spec: SearchSpec


@dataclass(frozen=True, slots=True)
class SettledTrials:
    """Trials after their settle orders; `complete` if there are no more and will be none."""

    trials: tuple[tuple[int, StoredTrial], ...]
    complete: bool


class Results:
    """The reading side of a store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def search(self, name: SearchName) -> StoredSearch:
        """Return the search of that name, or raise NotFoundError."""
        with self._reading() as connection:
            row = connection.execute(_searches_named(name)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no search {name}: list those that there are")
        return StoredSearch(row.search_id, SearchState(row.state), spec_from_proto(SearchSpecMessage.FromString(row.spec)))

    def page(self, query: TrialQuery, size: int, token: str = "") -> TrialPage:
        """Return the first page, or the one that a token names.

        Raises:
            InvalidInputError: if filter, order or token cannot be read.
            NotFoundError: if there is no such search.
        """
        order = _total_order(read_order(query.order_by, TRIAL_FIELDS))
        identity = (str(query.search), query.filter, query.order_by)
        matching = filter_expression(query.filter, TRIAL_FIELDS)
        keys = [(TRIAL_FIELDS[key.field].column, key.descending) for key in order]
        beyond = [after(keys, last_values(token, identity))] if token else []
        with self._reading() as connection:
            where = (trials.c.search_id == _search_id(connection, query.search), matching)
            total = connection.scalar(select(func.count()).where(*where)) or 0
            rows = connection.execute(_ordered(select(trials).where(*where, *beyond), order).limit(size + 1)).all()
        last = [getattr(rows[size - 1], key.field) for key in order] if len(rows) > size else None
        found = tuple(stored_trial(query.search, row) for row in rows[:size])
        return TrialPage(found, page_token(identity, last) if last else "", total)

    def trial(self, name: TrialName) -> TrialDetails:
        """Return one trial with its attempts and the curve of the last of them, or raise NotFoundError."""
        with self._reading() as connection:
            search_id = _search_id(connection, name.search)
            this = (trials.c.search_id == search_id, trials.c.number == name.number)
            row = connection.execute(select(trials).where(*this)).one_or_none()
            if row is None:
                raise NotFoundError(f"there is no trial {name}: list those that there are")
            leases = select(attempts).where(attempts.c.search_id == search_id, attempts.c.number == name.number)
            held = connection.execute(leases.order_by(attempts.c.fence)).all()
            curve = connection.execute(select(epochs).where(epochs.c.fence == row.fence).order_by(epochs.c.epoch)).all()
        return TrialDetails(stored_trial(name.search, row), tuple(map(stored_epoch, curve)), tuple(map(stored_attempt, held)))

    def best(self, name: SearchName, count: int) -> tuple[StoredTrial, ...]:
        """Return the trials with the highest rewards, different networks only, best first; among equals the earlier one."""
        earlier_is_better = (trials.c.reward.desc(), trials.c.settle_order)
        rank = func.row_number().over(partition_by=trials.c.canonical_hash, order_by=earlier_is_better).label("rank")
        with self._reading() as connection:
            of_search = trials.c.search_id == _search_id(connection, name)
            measured = (of_search, trials.c.state == TrialState.SUCCEEDED.value)
            ranked = select(trials.c.search_id, trials.c.number, rank).where(*measured).subquery()
            first = (ranked.c.search_id == trials.c.search_id) & (ranked.c.number == trials.c.number) & (ranked.c.rank == 1)
            query = select(trials).join(ranked, first).order_by(*earlier_is_better).limit(count)
            return tuple(stored_trial(name, row) for row in connection.execute(query))

    def settled(self, search_id: int, cursor: int, limit: int) -> SettledTrials:
        """Return the trials that settled after the one with settle order `cursor`, or raise NotFoundError."""
        of_search = (trials.c.search_id == search_id, trials.c.settle_order > cursor)
        with self._reading() as connection:
            search = connection.execute(select(searches).where(searches.c.search_id == search_id)).one_or_none()
            if search is None:
                raise NotFoundError("the search has been deleted")
            name = SearchName(search.namespace, search.name)
            query = select(trials).where(*of_search).order_by(trials.c.settle_order).limit(limit)
            found = tuple((row.settle_order, stored_trial(name, row)) for row in connection.execute(query))
        return SettledTrials(found, complete=SearchState(search.state).ended and len(found) < limit)

    def outcome_of(self, fence: int) -> str | None:
        """Return the id of the outcome that ended an attempt and counted, if one did."""
        with self._reading() as connection:
            return connection.scalar(select(attempts.c.outcome_id).where(attempts.c.fence == fence))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._engine), self._engine.begin() as connection:
            yield connection


def _searches_named(name: SearchName) -> Select[tuple[int, int, bytes]]:
    named = (searches.c.namespace == name.namespace, searches.c.name == name.search_id)
    return select(searches.c.search_id, searches.c.state, searches.c.spec).where(*named)


def _search_id(connection: Connection, name: SearchName) -> int:
    row = connection.execute(_searches_named(name)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no search {name}: list those that there are")
    search_id: int = row.search_id
    return search_id


def _total_order(order: Sequence[Order]) -> tuple[Order, ...]:
    """Return the order with a last key that no two trials share."""
    return tuple(order) if _BY_NUMBER.field in {key.field for key in order} else (*order, _BY_NUMBER)


def _ordered(query: Select[Any], order: Sequence[Order]) -> Select[Any]:
    for key in order:
        column = TRIAL_FIELDS[key.field].column
        query = query.order_by((column.desc() if key.descending else column.asc()).nulls_last())
    return query

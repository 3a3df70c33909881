"""Reads the state that a controller goes on from."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, select

from nasfleet.catalogue import Duplicates, Reinforce, SearchSpec
from nasfleet.catalogue.convergence import MOST_UPDATES
from nasfleet.codec import spec_from_proto
from nasfleet.measurement import FailureClass, FailureKind
from nasfleet.names import PoolName, SearchName
from nasfleet.v1.catalogue_pb2 import SearchSpec as SearchSpecMessage
from nasfleet_controller.early_stopping import TrialCurve, teaches
from nasfleet_controller.records import SearchState, TrialState
from nasfleet_controller.reward_average import moved
from nasfleet_controller.snapshots import (
    HeldLease,
    KnownReward,
    OpenTrial,
    SearchSnapshot,
    SettledTrial,
    Snapshot,
    TrialTimes,
)
from nasfleet_controller.store.declarations import FENCE, SEARCH_ID, high_mark
from nasfleet_controller.store.pools import load_pools
from nasfleet_controller.store.priors import load_priors
from nasfleet_controller.store.schema import attempts, epochs, policy_updates, searches, trials
from nasfleet_controller.strategies.strategy import Credit, Update
from nasfleet_controller.strategies.suiting import reach

_OPEN = (TrialState.QUEUED.value, TrialState.RUNNING.value)


def load(connection: Connection) -> Snapshot:
    """Return all searches and pools, and the largest numbers ever given."""
    rows = connection.execute(select(searches).order_by(searches.c.search_id)).all()
    return Snapshot(
        tuple(_search(connection, row) for row in rows),
        last_fence=high_mark(connection, FENCE),
        last_search_id=high_mark(connection, SEARCH_ID),
        pools=load_pools(connection),
    )


def _search(connection: Connection, row: Row[Any]) -> SearchSnapshot:
    spec = spec_from_proto(SearchSpecMessage.FromString(row.spec))
    counts = _counts(connection, row.search_id)
    opened, failures = _opened(connection, row.search_id), _failures(connection, row.search_id)
    unlearned = _unlearned(connection, row.search_id) if isinstance(spec.strategy, Reinforce) else ()
    return SearchSnapshot(
        search_id=row.search_id,
        name=SearchName(row.namespace, row.name),
        uid=row.uid,
        spec=spec,
        state=SearchState(row.state),
        message=row.message,
        created_at=row.created_at,
        moved_at=row.moved_at,
        running_seconds=row.running_seconds,
        proposed=counts["proposed"],
        batches=counts["batches"],
        succeeded=counts["succeeded"],
        failed=counts["failed"],
        lost=counts["lost"],
        trainer_seconds=_trainer_seconds(connection, row.search_id),
        best=_best(connection, row.search_id),
        average_reward=_average(connection, row.search_id),
        hashes=frozenset(connection.scalars(select(trials.c.canonical_hash).where(trials.c.search_id == row.search_id))),
        open_trials=tuple(_open_trial(one, failures[one.number]) for one in opened),
        unlearned=tuple(_settled_trial(one, spec) for one in unlearned),
        update=_last_update(connection, row.search_id),
        credits=_credits(connection, row.search_id, spec),
        mean_rewards=_mean_rewards(connection, row.search_id),
        warmed=None if spec.warm_start is None else load_priors(connection, row.search_id),
        curves=() if spec.early_stopping is None else _curves(connection, row.search_id),
        known=_known(connection, row.search_id) if spec.duplicates is Duplicates.REUSE else {},
        times={one.number: _times(one) for one in (*opened, *unlearned)},
    )


def _counts(connection: Connection, search_id: int) -> dict[str, int]:
    succeeded = trials.c.state == TrialState.SUCCEEDED.value
    failed = trials.c.state == TrialState.FAILED.value
    counted = select(
        func.count().label("proposed"),
        (func.coalesce(func.max(trials.c.batch), -1) + 1).label("batches"),
        func.count().filter(succeeded).label("succeeded"),
        func.count().filter(failed, trials.c.reward.is_not(None)).label("failed"),
        func.count().filter(failed, trials.c.reward.is_(None)).label("lost"),
    ).where(trials.c.search_id == search_id)
    return dict(connection.execute(counted).mappings().one())


def _best(connection: Connection, search_id: int) -> tuple[int, float] | None:
    measured = (trials.c.search_id == search_id, trials.c.state == TrialState.SUCCEEDED.value)
    query = select(trials.c.number, trials.c.reward).where(*measured).order_by(trials.c.reward.desc(), trials.c.settle_order)
    row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else (row.number, row.reward)


def _average(connection: Connection, search_id: int) -> float | None:
    rewarded = (trials.c.search_id == search_id, trials.c.reward.is_not(None))
    average: float | None = None
    for reward in connection.scalars(select(trials.c.reward).where(*rewarded).order_by(trials.c.settle_order)):
        average = moved(average, reward)
    return average


def _trainer_seconds(connection: Connection, search_id: int) -> float:
    return connection.scalar(select(func.sum(attempts.c.trainer_seconds)).where(attempts.c.search_id == search_id)) or 0.0


def _opened(connection: Connection, search_id: int) -> Sequence[Row[Any]]:
    """Return the trials that are not settled, each with its last attempt."""
    times = (attempts.c.started_at.label("leased_at"), attempts.c.ended_at.label("waits_from"))
    last = (attempts.c.instance_id, attempts.c.pool, *times)
    query = (
        select(trials, *last)
        .outerjoin(attempts, trials.c.fence == attempts.c.fence)
        .where(trials.c.search_id == search_id, trials.c.state.in_(_OPEN))
        .order_by(trials.c.number)
    )
    return connection.execute(query).all()


def _open_trial(row: Row[Any], failures: Counter[FailureClass]) -> OpenTrial:
    return OpenTrial(
        number=row.number,
        batch=row.batch,
        policy_version=row.policy_version,
        layers=row.layers,
        tokens=tuple(json.loads(row.tokens)),
        lost=failures[FailureClass.INFRASTRUCTURE],
        model_failures=failures[FailureClass.MODEL],
        timeouts=failures[FailureClass.TIMEOUT],
        lease=_lease(row) if row.state == TrialState.RUNNING.value else None,
        canonical_hash=row.canonical_hash,
    )


def _lease(row: Row[Any]) -> HeldLease:
    pool = None if row.pool is None else PoolName.parse(row.pool)
    return HeldLease(row.fence, row.trainer, row.instance_id, pool)


def _failures(connection: Connection, search_id: int) -> dict[int, Counter[FailureClass]]:
    """Return how often each open trial failed, by class."""
    query = (
        select(attempts.c.number, attempts.c.failure_kind)
        .join(trials, (attempts.c.search_id == trials.c.search_id) & (attempts.c.number == trials.c.number))
        .where(trials.c.search_id == search_id, trials.c.state.in_(_OPEN), attempts.c.failure_kind.is_not(None))
    )
    failures: defaultdict[int, Counter[FailureClass]] = defaultdict(Counter)
    for number, kind in connection.execute(query):
        failures[number][FailureKind(kind).failure_class] += 1
    return failures


def _unlearned(connection: Connection, search_id: int) -> Sequence[Row[Any]]:
    of_search = (trials.c.search_id == search_id, trials.c.settle_order.is_not(None), trials.c.learned.is_(False))
    return connection.execute(select(trials).where(*of_search).order_by(trials.c.settle_order)).all()


def _settled_trial(row: Row[Any], spec: SearchSpec) -> SettledTrial:
    return SettledTrial(
        number=row.number,
        batch=row.batch,
        policy_version=row.policy_version,
        layers=row.layers,
        tokens=tuple(json.loads(row.tokens)),
        reward=row.reward if teaches(spec, stopped_early=row.stopped_early) else None,
        settle_order=row.settle_order,
    )


def _times(row: Row[Any]) -> TrialTimes:
    """Return when what happened to a trial that is open or not learned from."""
    return TrialTimes(row.proposed_at, _since(row), row.attempt_count)


def _since(row: Row[Any]) -> float:
    """Return since when a trial is in its state."""
    match TrialState(row.state):
        case TrialState.QUEUED:
            since = row.proposed_at if row.waits_from is None else row.waits_from
        case TrialState.RUNNING:
            since = row.leased_at
        case TrialState.SUCCEEDED | TrialState.FAILED:
            since = row.ended_at
    return float(since)


def _credits(connection: Connection, search_id: int, spec: SearchSpec) -> tuple[Credit, ...]:
    """Return the last trials that a strategy without a policy goes by, as far as it looks back."""
    if (most := reach(spec)) == 0:
        return ()
    rewarded = (trials.c.search_id == search_id, trials.c.settle_order.is_not(None), trials.c.reward.is_not(None))
    taught = () if teaches(spec, stopped_early=True) else (trials.c.stopped_early.is_(False),)
    newest_first = select(trials).where(*rewarded, *taught).order_by(trials.c.settle_order.desc()).limit(most)
    return tuple(
        Credit(row.number, tuple(json.loads(row.tokens)), row.layers, row.reward, row.policy_version)
        for row in reversed(connection.execute(newest_first).all())
    )


def _known(connection: Connection, search_id: int) -> dict[str, KnownReward]:
    """Return for each network what the first of its trials to have a reward came to."""
    rewarded = (trials.c.search_id == search_id, trials.c.reward.is_not(None), trials.c.reused_from.is_(None))
    query = select(trials.c.canonical_hash, trials.c.number, trials.c.state, trials.c.reward, trials.c.stopped_early)
    known: dict[str, KnownReward] = {}
    for canonical_hash, number, state, reward, stopped in connection.execute(
        query.where(*rewarded).order_by(trials.c.settle_order)
    ):
        known.setdefault(canonical_hash, KnownReward(number, TrialState(state), reward, stopped))
    return known


def _curves(connection: Connection, search_id: int) -> tuple[TrialCurve, ...]:
    """Return the epochs of the last attempt at each trial that has any."""
    query = (
        select(trials.c.number, trials.c.state, epochs.c.epoch, epochs.c.value)
        .join(epochs, epochs.c.fence == trials.c.fence)
        .where(trials.c.search_id == search_id)
        .order_by(trials.c.number, epochs.c.epoch)
    )
    return tuple(
        TrialCurve(number, tuple((row.epoch, row.value) for row in rows), state == TrialState.SUCCEEDED.value)
        for (number, state), rows in groupby(connection.execute(query), key=lambda row: (row.number, row.state))
    )


def _last_update(connection: Connection, search_id: int) -> Update | None:
    query = select(policy_updates).where(policy_updates.c.search_id == search_id).order_by(policy_updates.c.version.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        return None
    return Update(
        version=row.version,
        mean_reward=row.mean_reward,
        baseline=row.baseline,
        entropy=row.entropy,
        gradient_norm=row.gradient_norm,
        staleness=row.staleness,
        checkpoint=row.checkpoint,
    )


def _mean_rewards(connection: Connection, search_id: int) -> tuple[float, ...]:
    of_search = policy_updates.c.search_id == search_id
    query = select(policy_updates.c.mean_reward).where(of_search).order_by(policy_updates.c.version.desc()).limit(MOST_UPDATES)
    return tuple(reversed(connection.scalars(query).all()))

"""Writes policy updates, and keeps of their checkpoints the last three and every hundredth."""

import json
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, insert, update

from nasfleet_controller.records import BatchLearned
from nasfleet_controller.store.schema import policy_updates
from nasfleet_controller.strategies.strategy import Update

_LAST = 3
_EVERY = 100

_DROP_CHECKPOINT = (
    update(policy_updates)
    .where(policy_updates.c.search_id == bindparam("of_search"), policy_updates.c.version == bindparam("of_version"))
    .values(checkpoint=None)
)


def write_updates(connection: Connection, batches: Iterable[BatchLearned]) -> None:
    """Write the updates of these batches; a checkpoint that a later one of them replaces is never written."""
    by_search: defaultdict[int, list[tuple[BatchLearned, Update]]] = defaultdict(list)
    for batch in batches:
        if batch.update is not None:
            by_search[batch.search_id].append((batch, batch.update))
    for search_id, learned in by_search.items():
        first, newest = learned[0][1].version, learned[-1][1].version
        connection.execute(insert(policy_updates), [_row(batch, made, newest) for batch, made in learned])
        replaced = [version for version in range(first - _LAST, first) if not _kept(version, newest)]
        if replaced:
            connection.execute(_DROP_CHECKPOINT, [{"of_search": search_id, "of_version": version} for version in replaced])


def _kept(version: int, newest: int) -> bool:
    return version > newest - _LAST or version % _EVERY == 0


def _row(batch: BatchLearned, made: Update, newest: int) -> dict[str, object]:
    return {
        "search_id": batch.search_id,
        "version": made.version,
        "consumed": json.dumps(batch.numbers, separators=(",", ":")),
        "at": batch.at,
        "mean_reward": made.mean_reward,
        "baseline": made.baseline,
        "entropy": made.entropy,
        "gradient_norm": made.gradient_norm,
        "staleness": made.staleness,
        "checkpoint": made.checkpoint if _kept(made.version, newest) else None,
    }

"""Writes and reads what searches began with."""

import json

from sqlalchemy import Connection, insert, select

from nasfleet_controller.records import Prior, SearchWarmed
from nasfleet_controller.store.schema import priors


def write_priors(connection: Connection, record: SearchWarmed) -> None:
    """Write what a search begins with; its own row is there already."""
    rows = [
        {
            "search_id": record.search_id,
            "position": position,
            "source_uid": record.source_uid,
            "number": prior.number,
            "tokens": json.dumps(prior.tokens, separators=(",", ":")),
            "layers": prior.layers,
            "reward": prior.reward,
        }
        for position, prior in enumerate(record.priors)
    ]
    connection.execute(insert(priors), rows)


def load_priors(connection: Connection, search_id: int) -> SearchWarmed | None:
    """Return what a search began with, if it began with anything."""
    query = select(priors).where(priors.c.search_id == search_id).order_by(priors.c.position)
    rows = connection.execute(query).all()
    if not rows:
        return None
    found = tuple(Prior(row.number, tuple(json.loads(row.tokens)), row.layers, row.reward) for row in rows)
    return SearchWarmed(search_id, rows[0].source_uid, found)

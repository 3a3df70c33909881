"""The declared pools in the store."""

import json

from sqlalchemy import Connection, delete, insert, select

from nasfleet.names import PoolName
from nasfleet_controller.records import PoolDeclared
from nasfleet_controller.store.schema import pools


def write_pool(connection: Connection, pool: PoolDeclared) -> None:
    """Write a pool as it was declared, over what was declared before."""
    delete_pool(connection, pool.name)
    labels = json.dumps(dict(pool.labels), sort_keys=True)
    row = {"labels": labels, "service_account": pool.service_account, "wanted_size": pool.wanted_size}
    connection.execute(insert(pools).values(namespace=pool.name.namespace, name=pool.name.pool_id, **row))


def delete_pool(connection: Connection, name: PoolName) -> None:
    """Delete the row of a pool, if there is one."""
    connection.execute(delete(pools).filter_by(namespace=name.namespace, name=name.pool_id))


def load_pools(connection: Connection) -> tuple[PoolDeclared, ...]:
    """Return all pools, by name."""
    rows = connection.execute(select(pools).order_by(pools.c.namespace, pools.c.name))
    return tuple(
        PoolDeclared(PoolName(row.namespace, row.name), json.loads(row.labels), row.service_account, row.wanted_size)
        for row in rows
    )

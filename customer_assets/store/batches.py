"""Deleting very much without a long transaction: some rows at a time, each time committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_assets.store.database import Connection

ROWS = 10_000


def delete_in_batches(connection: Connection, table: str, condition: str, parameters: Mapping[str, Any]) -> int:
    """Delete rows until none is left; returns how many.

    Args:
        connection: in autocommit mode; inside a transaction nothing is committed before its end.
        table: `schema.name`; `d` in the condition.
        condition: which rows.
        parameters: of the condition.
    """
    deleted = 0
    while True:
        done = connection.execute(
            f"delete from {table} where ctid = any(array(select d.ctid from {table} d where {condition} limit {ROWS}))",
            parameters,
        ).rowcount
        deleted += done
        if not done:  # not at a short batch: what it deleted may have been what spared others
            return deleted

"""The audit log: what people did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.store.batches import delete_in_batches
from customer_assets.store.database import Connection


def record(
    connection: Connection, *, who: str, action: str, target: str, details: Mapping[str, Any] | None = None
) -> None:
    """Note what somebody did, in the transaction that does it."""
    connection.execute(
        "insert into ops.audit_log (who, action, target, details) values (%s, %s, %s, %s)",
        [who, action, target, Jsonb(dict(details or {}))],
    )


def prune(connection: Connection, *, keep_days: float) -> int:
    """Delete entries older than that. Returns how many."""
    condition = "d.at < now() - make_interval(secs => %(seconds)s)"
    return delete_in_batches(connection, "ops.audit_log", condition, {"seconds": keep_days * 86400})


def newest(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """The newest entries first."""
    return connection.execute(
        "select at, who, action, target, details from ops.audit_log order by id desc limit %s", [limit]
    ).fetchall()

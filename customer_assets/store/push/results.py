"""What became of each pushed row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.store.database import Connection, scalar


def store_result(
    connection: Connection,
    *,
    account: str,
    sync_run_id: int | None,
    row_id: int,
    remote_id: str | None,
    outcome: str,
    reason: str | None,
    fields: Mapping[str, Any],
) -> None:
    """Keep what became of a row."""
    connection.execute(
        """
        insert into ops.push_results (account, sync_run_id, row_id, remote_id, outcome, reason, fields)
        values (%s, %s, %s, %s, %s, %s, %s)
        """,
        [account, sync_run_id, row_id, remote_id, outcome, reason, Jsonb(dict(fields))],
    )


def calls_this_month(connection: Connection, *, account: str) -> int:
    """Calls to SUMIT since the month began; they are billed by the month."""
    return int(
        scalar(
            connection,
            """
            select coalesce(sum(calls), 0)
            from sync_runs
            where source = 'sumit'
                and account = %s
                and started_at >= date_trunc('month', now())
            """,
            [account],
        )
    )

"""How each account stands: its last good sync, and how the last one ended."""

from __future__ import annotations

from typing import Any

from customer_assets.store.database import Connection


def account_states(connection: Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """(system, account) -> last_synced_at (the oldest of its lists), status and error of the last sync, rows, quota_left."""
    rows = connection.execute(
        """
        with synced as (
            select account, source,
                min(greatest(last_full_at, last_incremental_at)) as last_synced_at,
                max(last_full_rows) filter (where entity = 'customers') as rows
            from sync_metadata
            group by account, source
        ),
        last_run as (
            select distinct on (account, source) account, source, status, error, message
            from sync_runs
            where finished_at is not null
                and kind in ('full', 'incremental')  -- one customer says nothing of its account
            order by account, source, id desc
        ),
        quota as (
            select distinct on (account, source) account, source, quota_left
            from sync_runs
            where quota_left is not null
            order by account, source, id desc
        )
        select l.account, l.source, s.last_synced_at, s.rows, l.status, coalesce(l.error, l.message) as error, q.quota_left
        from last_run l
        left join synced s using (account, source)
        left join quota q using (account, source)
        """
    )
    return {(row["source"], row["account"]): row for row in rows}

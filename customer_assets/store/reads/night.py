"""What happened since a time, for those who look at one page in the morning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.store.database import Connection


@dataclass(frozen=True)
class Night:
    """What happened, and what waits for a person.

    Attributes:
        syncs: per account and system: runs, counts, calls, quota left, and what the last one said.
        customers: golden records that are new, changed, merged away since.
        changes: changed cells by origin.
        gone: cache rows that were marked as gone since.
        waiting: what somebody has to look at (reviews, rejected, parked, reminders, missed, messages), with how many there are.
    """

    syncs: list[dict[str, Any]]
    customers: dict[str, int]
    changes: dict[str, int]
    gone: int
    waiting: dict[str, int]


def since(connection: Connection, at: datetime) -> Night:
    """What happened since a time, and what waits now."""
    syncs = connection.execute(
        """
        select
            account, source, count(*) as runs, sum(created) as created, sum(updated) as updated,
            sum(deactivated) as deactivated, sum(rejected) as rejected, sum(calls) as calls,
            (array_agg(quota_left order by id desc) filter (where quota_left is not null))[1] as quota_left,
            (array_agg(status order by id desc))[1] as status,
            (array_agg(coalesce(error, message) order by id desc))[1] as message
        from sync_runs
        where started_at >= %(at)s
            and source not in ('', 'customer_sync')
            and kind in ('full', 'incremental', 'limited', 'single', 'rebuild', 'push')
        group by account, source
        order by source, account
        """,
        {"at": at},
    ).fetchall()
    customers = connection.execute(
        """
        select
            count(*) filter (where created_at >= %(at)s) as new,
            count(*) filter (where updated_at >= %(at)s and created_at < %(at)s) as changed,
            (select count(*) from customer_aliases where merged_at >= %(at)s) as merged
        from customers
        """,
        {"at": at},
    ).fetchone()
    changes = connection.execute(
        "select origin, count(*) as cells from customer_changes where changed_at >= %s group by origin order by origin",
        [at],
    ).fetchall()
    waiting = connection.execute(
        """
        select
            (select count(*) from match_reviews where status = 'open') as reviews,
            (select count(*) from ops.rejected_records where resolved_at is null) as rejected,
            (select count(*) from ops.webhook_deliveries where status = 'failed') as parked,
            (select count(*) from payment_reminders where status = 'pending' and scheduled_date <= current_date)
                as reminders,
            (select count(*) from payment_reminders where status = 'missed' and updated_at >= %(at)s)
                as missed,
            (select count(*) from ops.outgoing_messages where status = 'failed') as messages
        """,
        {"at": at},
    ).fetchone()
    gone = connection.execute("select count(*) as rows from customer_rows where deleted_at >= %s", [at]).fetchone()
    return Night(
        syncs,
        dict(customers or {}),
        {row["origin"]: row["cells"] for row in changes},
        gone["rows"] if gone else 0,
        {what: number for what, number in (waiting or {}).items() if number},
    )

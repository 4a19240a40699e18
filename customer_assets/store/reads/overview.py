"""Numbers of the overview: how many, what is open, what changed, what waits. Each is one query."""

from __future__ import annotations

from typing import Any

from customer_assets.store.database import Connection
from customer_assets.store.reads.listings import OWED

DAYS, RUNS = 14, 30
_QUERIES = {
    "customers": """
        select count(*) as customers, count(*) filter (where row_count > 1) as with_several_records,
            count(*) filter (where primary_phone is null) as without_phone
        from customers
    """,
    "systems": """
        select source as label, count(*) as number
        from customer_rows
        where deleted_at is null
        group by source
        order by number desc
    """,
    "countries": """
        select coalesce(country_code, 'unknown') as label, count(*) as number
        from customers
        group by 1
        order by number desc
        limit 8
    """,
    "overdue": f"""
        select coalesce(i.currency_code, '?') as currency,
            count(*) as invoices,
            sum(i.balance) as balance,
            coalesce(sum(i.balance) filter (where i.due_date >= current_date - 30), 0) as month,
            coalesce(
                sum(i.balance) filter (where i.due_date < current_date - 30 and i.due_date >= current_date - 90), 0
            ) as quarter,
            coalesce(sum(i.balance) filter (where i.due_date < current_date - 90), 0) as older
        from invoice_rows i
        where {OWED}
            and i.due_date < current_date
        group by 1
        order by balance desc
    """,
    "changes": f"""
        select d.day::date as day, o.origin, coalesce(h.number, 0) as number
        from generate_series(current_date - {DAYS - 1}, current_date, interval '1 day') as d (day)
        cross join (values ('sync'), ('webhook'), ('edit'), ('push')) as o (origin)
        left join (
            select changed_at::date as day, origin, count(*) as number
            from customer_changes
            where changed_at >= current_date - {DAYS - 1}
            group by 1, 2
        ) h
            on h.day = d.day
            and h.origin = o.origin
        order by d.day, o.origin
    """,
    "deliveries": """
        select h.hour, coalesce(d.number, 0) as number, coalesce(d.failed, 0) as failed
        from generate_series(
            date_trunc('hour', now()) - interval '23 hours', date_trunc('hour', now()), interval '1 hour'
        ) as h (hour)
        left join (
            select date_trunc('hour', received_at) as hour, count(*) as number,
                count(*) filter (where status = 'failed') as failed
            from ops.webhook_deliveries
            where received_at >= date_trunc('hour', now()) - interval '23 hours'
            group by 1
        ) d on d.hour = h.hour
        order by h.hour
    """,
    "syncs": f"""
        select r.account, r.source, r.id, r.status, r.started_at, r.finished_at, r.error, r.quota_left
        from (
            select s.*, row_number() over (partition by s.account, s.source order by s.id desc) as nth
            from sync_runs s
            where s.kind in ('full', 'incremental')
                and s.source is not null
        ) r
        where r.nth <= {RUNS}
        order by r.source, r.account, r.id
    """,
    "waiting": """
        select
            (select count(*) from ops.webhook_deliveries where status = 'failed' and next_attempt_at is null) as parked,
            (select count(*) from ops.rejected_records where resolved_at is null) as rejected,
            (select count(*) from payment_reminders where status = 'pending' and scheduled_date <= current_date) as reminders
    """,
}


def overview(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Rows of each part, by its name."""
    return {name: connection.execute(query).fetchall() for name, query in _QUERIES.items()}

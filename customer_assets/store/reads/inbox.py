"""What waits for a person: the newest of each kind, and how many there are."""

from __future__ import annotations

from typing import Any

from customer_assets.store.database import Connection
from customer_assets.store.identity.golden import is_named

SHOWN = 5  # of each kind
FAILED_SYNCS = """
    select l.account, l.source, l.error, l.finished_at, g.good_at
    from (
        select distinct on (r.account, r.source) r.account, r.source, r.status, r.error, r.finished_at
        from sync_runs r
        where r.kind in ('full', 'incremental')
            and r.status <> 'running'
            and r.source is not null
        order by r.account, r.source, r.id desc
    ) l
    left join lateral (
        select max(r.finished_at) as good_at
        from sync_runs r
        where r.account = l.account
            and r.source = l.source
            and r.kind in ('full', 'incremental')
            and r.status in ('ok', 'partial')
    ) g on true
    where l.status = 'failed'
    order by l.source, l.account
"""
# kind -> (what there is, its rows: `title` and `more` for people, `target` in the console, `at`)
_KINDS = {
    "syncs": f"""
        select f.source || case f.account when 'default' then '' else ' (' || f.account || ')' end as title,
            f.error as more, '/runs?source=' || f.source as target, f.finished_at as at
        from ({FAILED_SYNCS}) f
    """,
    "reminders": """
        select concat_ws(' ', i.invoice_number, c.name) as title, r.reminder_type as more,
            '/reminders?day=come&status=pending' as target, r.scheduled_date::timestamptz as at
        from payment_reminders r
        join invoice_rows i on i.id = r.invoice_id
        left join customer_rows c on c.id = r.customer_id
        where r.status = 'pending'
            and r.scheduled_date <= current_date
        order by r.scheduled_date, r.id
    """,
    "reviews": f"""
        select coalesce(a.name, m.one_ref) || ' / ' || coalesce(b.name, m.other_ref) as title,
            m.one_ref || ', ' || m.other_ref as more, '/reviews' as target, m.created_at as at
        from match_reviews m
        left join customer_rows a on a.account = m.account and {is_named("a", "m.one_ref")}
        left join customer_rows b on b.account = m.account and {is_named("b", "m.other_ref")}
        where m.status = 'open'
        order by m.weight desc, m.id
    """,
    "conflicts": """
        select coalesce(r.name, c.field) as title, concat(c.field, ': ', c.local_value #>> '{}', ' / ', c.remote_value #>> '{}') as more, '/conflicts' as target, c.created_at as at
        from ops.sumit_conflicts c
        join ops.sumit_links l on l.id = c.link_id
        left join customer_rows r on r.id = coalesce(l.row_id, l.origin_id)
        where c.status = 'open'
        order by c.id desc
    """,
    "parked": """
        select d.event || ' ' || coalesce(d.source_customer_id, '') as title, d.error as more,
            '/webhooks/deliveries/' || d.id as target, d.received_at as at
        from ops.webhook_deliveries d
        where d.status = 'failed'
        order by d.received_at desc
    """,
    "rejected": """
        select j.source || ' ' || coalesce(j.source_id, '') as title, j.reason as more, '/rejects' as target,
            j.last_seen_at as at
        from ops.rejected_records j
        where j.resolved_at is null
        order by j.id desc
    """,
    "messages": """
        select s.name || ': ' || m.event as title, m.error as more, '/messages/' || m.id as target, m.created_at as at
        from ops.outgoing_messages m
        join ops.subscriptions s on s.id = m.subscription_id
        where m.status = 'failed'
        order by m.id desc
    """,
}


def failed_syncs(connection: Connection) -> list[dict[str, Any]]:
    """Accounts whose last sync failed: which, when, why, and when the last good one ended."""
    return connection.execute(FAILED_SYNCS).fetchall()


def inbox(connection: Connection) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Kind -> (how many there are, the first of them); kinds of which there is nothing are left out."""
    found: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    for kind, query in _KINDS.items():
        rows = connection.execute(f"select q.*, count(*) over () as of_all from ({query}) q limit {SHOWN}").fetchall()
        if rows:
            found[kind] = rows[0]["of_all"], rows
    return found

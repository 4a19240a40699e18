"""What stands of one customer, message or delivery, and the numbers beside the navigation."""

from __future__ import annotations

from typing import Any

from customer_assets.store.database import Connection
from customer_assets.store.identity import edges
from customer_assets.store.reads.listings import DAYS_OVERDUE


def customer(connection: Connection, customer_id: int) -> dict[str, Any] | None:
    """Everything that stands of one customer."""
    row = connection.execute(
        """
        select c.*, v.last_synced_at
        from customer_rows c
        join customers_cache v on v.id = c.id
        where c.id = %s
        """,
        [customer_id],
    ).fetchone()
    if row is None:
        return None
    queries = {
        "invoices": "select i.id, i.invoice_number, i.invoice_date, i.due_date, i.total, i.balance, i.currency_code, i.status, "
        f"{DAYS_OVERDUE} from invoice_rows i where i.customer_id = %(id)s order by i.invoice_date desc nulls last limit 50",
        "legacy": "select source_invoice_id, invoice_date, total, currency_code, match_rule, match_score from legacy_invoices where customer_id = %(id)s order by invoice_date desc nulls last limit 50",
        "reminders": "select scheduled_date, reminder_type, status, skip_reason from payment_reminders where customer_id = %(id)s order by scheduled_date desc limit 50",
        "changes": "select field, old_value, new_value, origin, changed_at from customer_changes where cache_id = %(id)s order by id desc limit 100",
        "same": "select id, name, source, source_customer_id, city from customer_rows where golden_id = %(golden)s and id <> %(id)s order by source, id limit 50",
        "edits": "select field, value, base_value, edited_by, edited_at from ops.field_edits where row_id = %(id)s and released_at is null order by field",
        "pushes": "select outcome, reason, pushed_at from ops.push_results where row_id = %(id)s order by id desc limit 20",
    }
    parameters = {"id": customer_id, "golden": row["golden_id"]}
    found = {name: connection.execute(q, parameters).fetchall() for name, q in queries.items()}
    refs = [f"{r['source']}:{r['source_customer_id']}" for r in (row, *found["same"])]
    found["evidence"] = edges.edges_of(connection, refs, account=row["account"])
    return {"row": row} | found


def message(connection: Connection, message_id: int) -> dict[str, Any] | None:
    """A message to a subscriber."""
    return connection.execute(
        """
        select m.*, s.name as subscription
        from ops.outgoing_messages m
        join ops.subscriptions s on s.id = m.subscription_id
        where m.id = %s
        """,
        [message_id],
    ).fetchone()


def delivery(connection: Connection, delivery_id: str) -> dict[str, Any] | None:
    """One delivery with its body."""
    return connection.execute("select * from ops.webhook_deliveries where id = %s", [delivery_id]).fetchone()


def counts(connection: Connection) -> dict[str, int]:
    """Numbers that the navigation shows."""
    row = connection.execute(
        """
        select
            (select count(*) from ops.sumit_conflicts where status = 'open') as conflicts,
            (select count(*) from match_reviews where status = 'open') as reviews,
            (select count(*) from ops.webhook_deliveries where status in ('waiting', 'failed')) as deliveries,
            (select count(*) from sync_runs where status = 'running') as running,
            (select count(*) from ops.webhook_deliveries where status = 'failed') as parked,
            (select count(*) from ops.rejected_records where resolved_at is null) as rejected,
            (select count(*) from ops.outgoing_messages where status = 'failed') as unsent,
            (select count(*) from payment_reminders where status = 'pending' and scheduled_date <= current_date) as due
        """
    ).fetchone()
    found = dict(row or {})
    waiting = ("conflicts", "reviews", "parked", "rejected", "unsent", "due")
    return found | {"inbox": sum(found.get(name, 0) for name in waiting)}

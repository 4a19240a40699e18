"""Payment reminders: what they are planned from, and bringing the table in line with the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from customer_assets.store.database import Connection


@dataclass(frozen=True, slots=True)
class ReminderCounts:
    """What became of reminders."""

    created: int
    updated: int
    cancelled: int
    removed: int
    pending: int


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One planned reminder of one invoice."""

    account: str
    invoice_id: int
    customer_id: int
    reminder_type: str
    scheduled_date: date
    channel: str
    phone: str
    status: str
    skip_reason: str | None


def settings_by_account(connection: Connection) -> dict[str, dict[str, Any]]:
    """Reminder settings of every account that has invoices; an account without gets the defaults stored."""
    connection.execute(
        """
        insert into reminder_settings (account)
        select distinct account
        from invoice_rows
        on conflict do nothing
        """
    )
    rows = connection.execute("select account, days, channel, is_enabled from reminder_settings")
    return {row["account"]: row for row in rows}


def invoices_to_plan(connection: Connection) -> list[dict[str, Any]]:
    """All invoices, with their customer's phone."""
    return connection.execute(
        """
        select
            i.id, i.account, i.customer_id, i.status, i.balance, i.due_date, i.deleted_at,
            c.primary_phone
        from invoice_rows i
        left join customer_rows c on c.id = i.customer_id
        order by i.id
        """
    ).fetchall()


def store_plan(
    connection: Connection,
    plan: Iterable[PlannedRow],
    settled: Iterable[tuple[int, str]],
    reasons: Mapping[int, str],
) -> ReminderCounts:
    """Bring the table in line with the plan; what was sent stays as it was.

    Args:
        connection: database.
        plan: every reminder that should stand.
        settled: invoices that need none (any more), with the reason.
        reasons: of every invoice, by its id: why it has no reminder, or that it has.
    """
    with connection.transaction():
        connection.execute(
            "create temporary table if not exists staged_reminders as select * from payment_reminders with no data"
        )
        connection.execute("create temporary table if not exists settled_invoices (invoice_id bigint, reason text)")
        connection.execute("truncate staged_reminders, settled_invoices")
        columns = "account, invoice_id, customer_id, reminder_type, scheduled_date, channel, phone, status, skip_reason"
        with connection.cursor().copy(f"copy pg_temp.staged_reminders ({columns}) from stdin") as copy:
            for row in plan:
                copy.write_row(
                    (
                        row.account,
                        row.invoice_id,
                        row.customer_id,
                        row.reminder_type,
                        row.scheduled_date,
                        row.channel,
                        row.phone,
                        row.status,
                        row.skip_reason,
                    )
                )
        with connection.cursor().copy("copy pg_temp.settled_invoices from stdin") as copy:
            for item in settled:
                copy.write_row(item)
        connection.execute("analyze pg_temp.staged_reminders")
        connection.execute("analyze pg_temp.settled_invoices")
        _note_reasons(connection, reasons)
        return _settle(connection)


def _note_reasons(connection: Connection, reasons: Mapping[int, str]) -> None:
    connection.execute(
        """
        insert into invoice_reminder_state as s (invoice_id, reason)
        select invoice_id, reason
        from unnest(%(ids)s::bigint[], %(reasons)s::text[]) as d (invoice_id, reason)
        on conflict (invoice_id) do update
        set reason = excluded.reason,
            decided_at = now()
        where s.reason <> excluded.reason
        """,
        {"ids": list(reasons), "reasons": list(reasons.values())},
    )


def _settle(connection: Connection) -> ReminderCounts:
    cancelled = connection.execute(
        """
        update payment_reminders r
        set status = 'cancelled',
            skip_reason = s.reason,
            updated_at = now()
        from pg_temp.settled_invoices s
        where r.invoice_id = s.invoice_id
            and r.status in ('pending', 'skipped')
        """
    ).rowcount
    # the due date or the settings moved, or the phone is gone: what was not sent is planned anew
    removed = connection.execute(
        """
        delete from payment_reminders r
        where r.status in ('pending', 'skipped')
            and not exists (
                select
                from pg_temp.staged_reminders s
                where s.invoice_id = r.invoice_id
                    and s.scheduled_date = r.scheduled_date
            )
        """
    ).rowcount
    updated = _update_planned(connection)
    created = connection.execute(
        """
        insert into payment_reminders
            (account, invoice_id, customer_id, golden_id, reminder_type, scheduled_date, channel, phone, status, skip_reason)
        select
            account, invoice_id, customer_id,
            (select c.golden_id from customer_rows c where c.id = s.customer_id),
            reminder_type, scheduled_date, channel, phone, status, skip_reason
        from pg_temp.staged_reminders s
        where not exists (
            select
            from payment_reminders r
            where r.invoice_id = s.invoice_id
                and r.scheduled_date = s.scheduled_date
        )
        order by invoice_id, scheduled_date
        """
    ).rowcount
    row = connection.execute("select count(*) as pending from payment_reminders where status = 'pending'").fetchone()
    return ReminderCounts(created, updated, cancelled, removed, row["pending"] if row else 0)


def _update_planned(connection: Connection) -> int:
    """Bring planned reminders in line; returns how many changed."""
    # a reminder that was pending when its day passed is not turned into a skipped one: sending it is late, not void
    return connection.execute(
        """
        update payment_reminders r
        set customer_id = s.customer_id,
            golden_id = (select c.golden_id from customer_rows c where c.id = s.customer_id),
            reminder_type = s.reminder_type,
            channel = s.channel,
            phone = s.phone,
            status = case when r.status = 'pending' then r.status else s.status end,
            skip_reason = case when r.status = 'pending' then r.skip_reason else s.skip_reason end,
            updated_at = now()
        from pg_temp.staged_reminders s
        where r.invoice_id = s.invoice_id
            and r.scheduled_date = s.scheduled_date
            and r.status <> 'sent'
            and (
                (r.customer_id, r.reminder_type, r.channel, r.phone)
                    is distinct from (s.customer_id, s.reminder_type, s.channel, s.phone)
                or (r.status <> 'pending' and (r.status, r.skip_reason) is distinct from (s.status, s.skip_reason))
            )
        """
    ).rowcount

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


def reminder_settings(connection: Connection) -> list[dict[str, Any]]:
    """When reminders are due, per account."""
    return connection.execute("select * from reminder_settings order by account").fetchall()


def store_reminder_settings(
    connection: Connection, *, account: str, days: list[int], channel: str, is_enabled: bool
) -> None:
    """Change when reminders are due."""
    connection.execute(
        """
        insert into reminder_settings (account, days, channel, is_enabled)
        values (%s, %s, %s, %s)
        on conflict (account) do update
        set days = excluded.days,
            channel = excluded.channel,
            is_enabled = excluded.is_enabled,
            updated_at = now()
        """,
        [account, days, channel, is_enabled],
    )


def invoices_to_plan(connection: Connection) -> list[dict[str, Any]]:
    """All invoices, with where their customer is reached (the real customer's phone before the cache row's), its country and
    what credits it has.
    """
    return connection.execute(
        """
        select
            i.id, i.account, i.customer_id, i.status, i.balance, i.currency_code, i.due_date, i.deleted_at,
            case when g.primary_phone like '+%' then g.primary_phone else c.primary_phone end as reached_at,
            coalesce(c.country_code, g.country_code) as country_code,
            case
                when c.metadata ->> 'unused_credits_receivable_amount' ~ '^[0-9]{1,15}([.][0-9]+)?$'
                then (c.metadata ->> 'unused_credits_receivable_amount')::numeric
            end as unused_credits,
            c.metadata ->> 'currency_code' as credits_currency
        from invoice_rows i
        left join customer_rows c on c.id = i.customer_id
        left join customers g on g.id = c.golden_id
        order by i.id
        """
    ).fetchall()


def store_plan(
    connection: Connection,
    plan: Iterable[PlannedRow],
    settled: Iterable[tuple[int, str]],
    reasons: Mapping[int, str],
    *,
    today: date,
) -> ReminderCounts:
    """Bring the table in line with the plan; what was sent stays as it was.

    Args:
        connection: database.
        plan: every reminder that should stand.
        settled: invoices that need none (any more), with the reason.
        reasons: of every invoice, by its id: why it has no reminder, or that it has.
        today: what was to be sent before and was not is missed.
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
        return _settle(connection, today)


def _note_reasons(connection: Connection, reasons: Mapping[int, str]) -> None:
    connection.execute(
        """
        insert into invoice_reminder_state as s (account, invoice_id, reason)
        select i.account, d.invoice_id, d.reason
        from unnest(%(ids)s::bigint[], %(reasons)s::text[]) as d (invoice_id, reason)
        join invoice_rows i on i.id = d.invoice_id
        on conflict (invoice_id) do update
        set reason = excluded.reason,
            decided_at = now()
        where s.reason <> excluded.reason
        """,
        {"ids": list(reasons), "reasons": list(reasons.values())},
    )


def _settle(connection: Connection, today: date) -> ReminderCounts:
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
    missed = connection.execute(
        """
        update payment_reminders
        set status = 'missed',
            skip_reason = 'nobody sent it on its day',
            updated_at = now()
        where status = 'pending'
            and scheduled_date < %s
        """,
        [today],
    ).rowcount
    updated = missed + _update_planned(connection)
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
    # what was sent, failed or missed stays as it is
    return connection.execute(
        """
        update payment_reminders r
        set customer_id = s.customer_id,
            golden_id = (select c.golden_id from customer_rows c where c.id = s.customer_id),
            reminder_type = s.reminder_type,
            channel = s.channel,
            phone = s.phone,
            status = s.status,
            skip_reason = s.skip_reason,
            updated_at = now()
        from pg_temp.staged_reminders s
        where r.invoice_id = s.invoice_id
            and r.scheduled_date = s.scheduled_date
            and r.status in ('pending', 'skipped', 'cancelled')
            and (
                (r.customer_id, r.reminder_type, r.channel, r.phone)
                    is distinct from (s.customer_id, s.reminder_type, s.channel, s.phone)
                or (r.status, r.skip_reason) is distinct from (s.status, s.skip_reason)
            )
        """
    ).rowcount


DUE = """
    select distinct on (r.invoice_id)
        r.id, r.account, r.invoice_id, r.customer_id, r.golden_id, r.reminder_type, r.scheduled_date, r.channel, r.phone,
        c.name as customer_name, i.invoice_number, i.balance, i.currency_code, i.due_date
    from payment_reminders r
    join invoice_rows i on i.id = r.invoice_id
    left join customer_rows c on c.id = r.customer_id
    where r.status = 'pending'
        and r.scheduled_date <= %(today)s
        and not exists (
            -- a later one of its days was dealt with: nobody is told of an earlier one afterwards
            select
            from payment_reminders o
            where o.invoice_id = r.invoice_id
                and o.scheduled_date > r.scheduled_date
                and o.scheduled_date <= %(today)s
                and o.status in ('sent', 'failed')
        )
    order by r.invoice_id, r.scheduled_date desc
"""


def due(connection: Connection, today: date) -> list[dict[str, Any]]:
    """Pending reminders whose day has come, of each invoice the latest, with what a sender needs to know."""
    return connection.execute(f"select * from ({DUE}) d order by scheduled_date, id", {"today": today}).fetchall()


def reminder(connection: Connection, reminder_id: int) -> dict[str, Any] | None:
    """One reminder with its invoice and customer, for people."""
    return connection.execute(
        """
        select r.*, c.name as customer_name, coalesce(g.primary_phone, c.primary_phone) as customer_phone,
            i.invoice_number, i.balance, i.currency_code, i.due_date
        from payment_reminders r
        join invoice_rows i on i.id = r.invoice_id
        left join customer_rows c on c.id = r.customer_id
        left join customers g on g.id = r.golden_id
        where r.id = %s
        """,
        [reminder_id],
    ).fetchone()


def lock_reminder(connection: Connection, reminder_id: int) -> dict[str, Any] | None:
    """One reminder, locked until the transaction ends."""
    return connection.execute(
        "select id, invoice_id, status, sent_at, failure from payment_reminders where id = %s for update", [reminder_id]
    ).fetchone()


def mark(connection: Connection, reminder_id: int, *, status: str, failure: str | None) -> dict[str, Any]:
    """Note what became of a reminder; returns it."""
    row = connection.execute(
        """
        update payment_reminders
        set status = %(status)s,
            skip_reason = null,
            sent_at = now(),
            failure = %(failure)s,
            updated_at = now()
        where id = %(id)s
        returning id, invoice_id, status, sent_at, failure
        """,
        {"id": reminder_id, "status": status, "failure": failure},
    ).fetchone()
    if row is None:
        raise RuntimeError("no such reminder")
    return row


def reason_of(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Invoices of a number or id (`invoices_cache.id`, the source's own id, or as printed), with what was decided of each."""
    return connection.execute(
        """
        select i.id, i.account, i.source, i.source_invoice_id, i.invoice_number, i.status, i.balance, i.currency_code,
            i.due_date, i.customer_id, s.reason, s.decided_at,
            (
                select jsonb_agg(jsonb_build_object(
                    'id', r.id, 'on', r.scheduled_date, 'type', r.reminder_type, 'status', r.status,
                    'why', coalesce(r.skip_reason, r.failure)
                ) order by r.scheduled_date)
                from payment_reminders r
                where r.invoice_id = i.id
            ) as reminders
        from invoice_rows i
        left join invoice_reminder_state s on s.invoice_id = i.id
        where i.id::text = %(name)s
            or i.source_invoice_id = %(name)s
            or i.invoice_number = %(name)s
        order by i.id
        limit 20
        """,
        {"name": name},
    ).fetchall()

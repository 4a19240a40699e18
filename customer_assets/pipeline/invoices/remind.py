"""Reminders: the plan is derived from current data each time, so a phone or a due date that changes takes effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from customer_assets.domain.invoices.reminders import no_reminder_because, plan
from customer_assets.pipeline.context import Context
from customer_assets.store.database import connect
from customer_assets.store.invoices import reminders


@dataclass(frozen=True)
class Planning:
    """What planning did.

    Attributes:
        counts: reminders created, updated, cancelled, removed; and how many are pending.
        without_customer, without_phone: unpaid invoices that nobody can be reminded of, and why.
    """

    counts: reminders.ReminderCounts
    without_customer: int
    without_phone: int


def plan_reminders(context: Context, *, today: date | None = None) -> Planning:
    """Plan the reminders of all accounts.

    Args:
        context: database and settings.
        today: date in `SYNC_TIMEZONE`; None: now.
    """
    today = today or datetime.now(ZoneInfo(context.settings.timezone)).date()
    rows: list[reminders.PlannedRow] = []
    settled: list[tuple[int, str]] = []
    without_customer = without_phone = 0
    with connect(context.url, name="customer_assets reminders") as connection:
        settings = reminders.settings_by_account(connection)
        for invoice in reminders.invoices_to_plan(connection):
            reason = no_reminder_because(invoice["status"], invoice["balance"])
            if invoice["deleted_at"] is not None:
                reason = "deleted at the source"
            if reason is not None:
                settled.append((invoice["id"], reason))
                continue
            rule = settings[invoice["account"]]
            if invoice["customer_id"] is None:
                without_customer += 1
            elif not invoice["primary_phone"]:
                without_phone += 1
            elif rule["is_enabled"]:
                rows += [
                    reminders.PlannedRow(
                        invoice["account"],
                        invoice["id"],
                        invoice["customer_id"],
                        planned.reminder_type,
                        planned.scheduled_date,
                        rule["channel"],
                        invoice["primary_phone"],
                        planned.status,
                        planned.skip_reason,
                    )
                    for planned in plan(invoice["due_date"], rule["days"], today=today)
                ]
        counts = reminders.store_plan(connection, rows, settled)
    return Planning(counts, without_customer, without_phone)

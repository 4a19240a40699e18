"""Reminders: the plan is derived from current data each time, so a phone or a due date that changes takes effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from customer_assets.domain.invoices.reminders import PLANNED, Billed, NoReminder, Rule, decide
from customer_assets.pipeline.context import Context
from customer_assets.store.database import connect
from customer_assets.store.invoices import reminders


@dataclass(frozen=True)
class Planning:
    """What planning did.

    Attributes:
        counts: reminders created, updated, cancelled, removed; and how many are pending.
        reasons: invoices by the reason why they have no reminder, and `planned`; together all invoices.
    """

    counts: reminders.ReminderCounts
    reasons: dict[str, int]


def plan_reminders(context: Context, *, today: date | None = None) -> Planning:
    """Plan the reminders of all accounts.

    Args:
        context: database and settings.
        today: date in `SYNC_TIMEZONE`; None: now.
    """
    today = today or datetime.now(ZoneInfo(context.settings.timezone)).date()
    rows: list[reminders.PlannedRow] = []
    settled: list[tuple[int, str]] = []
    reasons: dict[int, str] = {}
    with connect(context.url, name="customer_assets reminders") as connection:
        settings = reminders.settings_by_account(connection)
        for invoice in reminders.invoices_to_plan(connection):
            chosen = settings[invoice["account"]]
            decided = decide(_billed(invoice), Rule(chosen["days"], chosen["is_enabled"]), today=today)
            if isinstance(decided, NoReminder):
                reasons[invoice["id"]] = decided.reason
                if decided.is_settled:
                    settled.append((invoice["id"], decided.reason))
                continue
            reasons[invoice["id"]] = PLANNED
            rows += [
                reminders.PlannedRow(
                    invoice["account"],
                    invoice["id"],
                    invoice["customer_id"],
                    planned.reminder_type,
                    planned.scheduled_date,
                    chosen["channel"],
                    invoice["primary_phone"],
                    planned.status,
                    planned.skip_reason,
                )
                for planned in decided
            ]
        counts = reminders.store_plan(connection, rows, settled, reasons)
    return Planning(counts, dict(Counter(reasons.values()).most_common()))


def _billed(invoice: Mapping[str, Any]) -> Billed:
    return Billed(
        invoice["status"],
        invoice["balance"],
        invoice["due_date"],
        is_deleted=invoice["deleted_at"] is not None,
        has_customer=invoice["customer_id"] is not None,
        phone=invoice["primary_phone"],
    )

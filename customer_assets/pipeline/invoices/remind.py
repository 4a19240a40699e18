"""Reminders: the plan is derived from current data each time, so a phone or a due date that changes takes effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from customer_assets.domain.invoices.reminders import (
    PLANNED,
    Billed,
    NoReminder,
    Rule,
    covered_by_credits,
    decide,
    no_reminder_because,
)
from customer_assets.errors import NotFoundError, NotInStateError
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
        invoices = reminders.invoices_to_plan(connection)
        covered = _covered(invoices)
        for invoice in invoices:
            chosen = settings[invoice["account"]]
            rule = Rule(chosen["days"], chosen["is_enabled"], context.settings.reminder_days)
            decided = decide(_billed(invoice, is_covered=invoice["id"] in covered), rule, today=today)
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
                    invoice["reached_at"],
                    planned.status,
                    planned.skip_reason,
                )
                for planned in decided
            ]
        counts = reminders.store_plan(connection, rows, settled, reasons, today=today)
    return Planning(counts, dict(Counter(reasons.values()).most_common()))


def due_reminders(context: Context, *, today: date | None = None) -> list[dict[str, Any]]:
    """The reminders that are to be sent now: pending ones whose day has come, of each invoice the latest.

    Args:
        context: database and settings.
        today: date in `SYNC_TIMEZONE`; None: now.
    """
    today = today or datetime.now(ZoneInfo(context.settings.timezone)).date()
    with connect(context.url, name="customer_assets reminders") as connection:
        return reminders.due(connection, today)


def mark_reminder(context: Context, reminder_id: int, *, is_sent: bool, failure: str | None = None) -> dict[str, Any]:
    """Note that a reminder was sent, or could not be; said twice it is noted once.

    Args:
        context: database and settings.
        reminder_id: `payment_reminders.id`.
        is_sent: it went out.
        failure: why it did not, where somebody knows.

    Raises:
        NotFoundError: there is no such reminder.
        NotInStateError: it is not waiting to be sent: cancelled, skipped, or sent already and said to have failed.
    """
    status = "sent" if is_sent else "failed"
    with connect(context.url, name="customer_assets reminders") as connection, connection.transaction():
        row = reminders.lock_reminder(connection, reminder_id)
        if row is None:
            raise NotFoundError(f"no reminder {reminder_id}")
        if row["status"] == status and failure and row["failure"] != failure:
            return reminders.mark(connection, reminder_id, status=status, failure=failure)
        if row["status"] != status:
            if row["status"] not in (("pending", "failed", "missed") if is_sent else ("pending", "missed")):
                raise NotInStateError(f"reminder {reminder_id} is {row['status']}: it cannot become {status}")
            row = reminders.mark(connection, reminder_id, status=status, failure=failure)
    return row


def explain_invoice(context: Context, name: str) -> list[dict[str, Any]]:
    """Invoices of an id or number with why each is reminded of, or is not, and its reminders.

    Raises:
        NotFoundError: there is none in the cache.
    """
    with connect(context.url, name="customer_assets explain") as connection:
        found = reminders.reason_of(connection, name)
    if not found:
        raise NotFoundError(f"no invoice {name} in the cache: write its id here or at its system, or its number")
    return found


def _covered(invoices: Sequence[Mapping[str, Any]]) -> set[int]:
    """Invoices that unused credits of their customer pay, of each customer and currency the oldest first."""
    unpaid: dict[tuple[int, str | None], list[tuple[int, Decimal]]] = {}
    left: dict[tuple[int, str | None], Decimal] = {}
    for invoice in sorted(invoices, key=lambda i: (i["due_date"] or date.max, i["id"])):
        if invoice["unused_credits"] is None or invoice["balance"] is None or invoice["deleted_at"] is not None:
            continue
        is_unpaid = no_reminder_because(invoice["status"], invoice["balance"]) is None
        if is_unpaid and invoice["credits_currency"] in (None, invoice["currency_code"]):
            key = (invoice["customer_id"], invoice["currency_code"])
            unpaid.setdefault(key, []).append((invoice["id"], invoice["balance"]))
            left[key] = invoice["unused_credits"]
    return {invoice for key, balances in unpaid.items() for invoice in covered_by_credits(balances, left[key])}


def _billed(invoice: Mapping[str, Any], *, is_covered: bool) -> Billed:
    return Billed(
        invoice["status"],
        invoice["balance"],
        invoice["due_date"],
        is_deleted=invoice["deleted_at"] is not None,
        has_customer=invoice["customer_id"] is not None,
        phone=invoice["reached_at"],
        country=invoice["country_code"],
        is_covered=is_covered,
    )

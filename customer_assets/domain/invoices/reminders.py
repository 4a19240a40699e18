"""Reminder rules: when an unpaid invoice is to be reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

SETTLED = {"paid": "paid", "void": "void", "draft": "not sent yet"}  # status -> why no reminder goes out


@dataclass(frozen=True, slots=True)
class PlannedReminder:
    """One reminder as it should be."""

    reminder_type: str
    scheduled_date: date
    status: str
    skip_reason: str | None


def no_reminder_because(status: str | None, balance: Decimal | None) -> str | None:
    """Why an invoice needs no reminder; None when it needs one. An unknown balance counts as unpaid."""
    if status is not None and (reason := SETTLED.get(status.casefold())):
        return reason
    return "nothing left to pay" if balance is not None and balance <= 0 else None


def plan(due_date: date, days: Sequence[int], *, today: date) -> list[PlannedReminder]:
    """The reminders of one unpaid invoice.

    Args:
        due_date: plain date of the invoice.
        days: days before the due date; negative: after it.
        today: in the company's time zone; what is past by then is not sent any more.
    """
    planned = []
    for day in dict.fromkeys(days):
        scheduled = due_date - timedelta(days=day)
        kind = "before_due" if day > 0 else "due" if day == 0 else "overdue"
        is_past = scheduled < today
        planned.append(
            PlannedReminder(
                kind,
                scheduled,
                "skipped" if is_past else "pending",
                "its date had passed" if is_past else None,
            )
        )
    return planned

"""Reminder rules: when an unpaid invoice is to be reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

SETTLED = {"paid": "paid", "void": "void", "draft": "not sent yet"}  # status -> why no reminder goes out
# Statuses of an invoice that its customer has and did not pay (docs/systems/zoho.md). The list is open: with any other,
# somebody still has to decide something, and nobody is reminded.
OUTSTANDING = frozenset({"sent", "viewed", "unpaid", "overdue", "partially_paid"})
REAL_YEARS = range(1990, 2101)  # of due dates; others stand for none
PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Billed:
    """What decides about the reminders of an invoice.

    Attributes:
        status, balance, due_date: of the invoice; None where not known.
        is_deleted: it is gone at the source.
        has_customer: it is linked to a customer here.
        phone: the customer's primary phone.
    """

    status: str | None
    balance: Decimal | None
    due_date: date | None
    is_deleted: bool
    has_customer: bool
    phone: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """An account's settings: days before the due date (negative: after it), and whether reminders are planned at all."""

    days: Sequence[int]
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class NoReminder:
    """Why none is planned; `is_settled`: the invoice needs none (any more), so that planned ones are cancelled."""

    reason: str
    is_settled: bool = False


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


def decide(invoice: Billed, rule: Rule, *, today: date) -> list[PlannedReminder] | NoReminder:
    """The reminders of an invoice, or why there are none.

    Args:
        invoice, rule: what it is decided by.
        today: in the company's time zone.
    """
    if invoice.is_deleted:
        return NoReminder("deleted at the source", is_settled=True)
    if (settled := no_reminder_because(invoice.status, invoice.balance)) is not None:
        return NoReminder(settled, is_settled=True)
    status = (invoice.status or "").strip().casefold().replace(" ", "_").replace("-", "_")
    if status not in OUTSTANDING:
        return NoReminder(f"its status is {status}" if status else "it has no status")
    if invoice.due_date is None:
        return NoReminder("no due date")
    if invoice.due_date.year not in REAL_YEARS:
        return NoReminder("its due date is none")
    if (reason := _unreachable_because(invoice, rule)) is not None:
        return NoReminder(reason)
    return plan(invoice.due_date, rule.days, today=today)


def _unreachable_because(invoice: Billed, rule: Rule) -> str | None:
    if not invoice.has_customer:
        return "no customer"
    if not invoice.phone:
        return "its customer has no phone"
    if not invoice.phone.startswith("+"):
        return "its customer's phone is no number"
    return None if rule.is_enabled and rule.days else "reminders are switched off"


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

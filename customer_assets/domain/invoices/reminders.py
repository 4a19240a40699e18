"""Reminder rules: when an unpaid invoice is to be reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from customer_assets.domain.phone import valid_e164

SETTLED = {"paid": "paid", "void": "void", "draft": "not sent yet"}  # status -> why no reminder goes out
# Statuses of an invoice that its customer has and did not pay (docs/systems/zoho.md). The list is open: with any other,
# somebody still has to decide something, and nobody is reminded.
OUTSTANDING = frozenset({"sent", "viewed", "unpaid", "overdue", "partially_paid"})
REAL_YEARS = range(1990, 2101)  # of due dates; others stand for none
PLANNED = "planned"
MOST_MOVED = 14  # days that a reminder waits for a working day at most
Days = Literal["all", "weekdays", "workdays"]


@dataclass(frozen=True, slots=True)
class Billed:
    """What decides about the reminders of an invoice.

    Attributes:
        status, balance, due_date: of the invoice; None where not known.
        is_deleted: it is gone at the source.
        has_customer: it is linked to a customer here.
        phone: the customer's primary phone.
        country: the customer's, as alpha-2 code; None where not known.
        is_covered: unused credits of its customer pay it.
    """

    status: str | None
    balance: Decimal | None
    due_date: date | None
    is_deleted: bool
    has_customer: bool
    phone: str | None
    country: str | None = None
    is_covered: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What an account's settings say.

    Attributes:
        days: days before the due date; negative: after it.
        is_enabled: reminders are planned at all.
        sent_on: on all days, on weekdays, or on working days: a reminder of another day goes out on the next of them.
    """

    days: Sequence[int]
    is_enabled: bool = True
    sent_on: Days = "all"


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
    if invoice.is_covered:
        return NoReminder("unused credits of its customer cover it")
    if (reason := _unreachable_because(invoice, rule)) is not None:
        return NoReminder(reason)
    return plan(invoice.due_date, rule, today=today, country=invoice.country)


def _unreachable_because(invoice: Billed, rule: Rule) -> str | None:
    if not invoice.has_customer:
        return "no customer"
    if not invoice.phone:
        return "its customer has no phone"
    if valid_e164(invoice.phone, None) != invoice.phone:
        return "its customer's phone is no valid number of a country that is known"
    return None if rule.is_enabled and rule.days else "reminders are switched off"


def plan(due_date: date, rule: Rule, *, today: date, country: str | None) -> list[PlannedReminder]:
    """The reminders of one unpaid invoice, at most one a day: of several the latest stage.

    Args:
        due_date: plain date of the invoice.
        rule: when, and on which days.
        today: in the company's time zone; what is past by then is not sent any more.
        country: alpha-2 code, for its holidays.
    """
    planned: dict[date, PlannedReminder] = {}
    for day in sorted(set(rule.days), reverse=True):
        scheduled = _moved(due_date - timedelta(days=day), rule.sent_on, country)
        kind = "before_due" if day > 0 else "due" if day == 0 else "overdue"
        is_past = scheduled < today
        planned[scheduled] = PlannedReminder(
            kind,
            scheduled,
            "skipped" if is_past else "pending",
            "its date had passed" if is_past else None,
        )
    return list(planned.values())


def _moved(day: date, sent_on: Days, country: str | None) -> date:
    """The day itself, or the next on which reminders go out."""
    for _ in range(MOST_MOVED):
        is_weekend = day.weekday() >= 5  # from Saturday
        if sent_on == "all" or not (is_weekend or (sent_on == "workdays" and _is_holiday(day, country))):
            break
        day += timedelta(days=1)
    return day


@lru_cache(maxsize=4096)
def _is_holiday(day: date, country: str | None) -> bool:
    if country is None:
        return False
    import holidays

    try:
        return day in holidays.country_holidays(country, years=day.year)
    except NotImplementedError:  # a country that the library does not know
        return False


def covered_by_credits(balances: Sequence[tuple[int, Decimal]], credits_left: Decimal) -> set[int]:
    """Which of a customer's unpaid invoices its unused credits pay: whole ones, in the order given.

    Args:
        balances: (invoice, what is still to pay) of one currency, the oldest first.
        credits_left: unused credits in that currency.
    """
    covered = set()
    for invoice, balance in balances:
        if 0 < balance <= credits_left:
            covered.add(invoice)
            credits_left -= balance
    return covered

"""Names, VAT ids, versions, overlays, reminders: one rule, one test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from customer_assets.domain.cache.overlay import Overlays, source_values, visible_values
from customer_assets.domain.cache.versions import supersedes
from customer_assets.domain.identity.names import name_key
from customer_assets.domain.invoices.reminders import (
    Billed,
    Days,
    NoReminder,
    Rule,
    covered_by_credits,
    decide,
    no_reminder_because,
    plan,
)
from customer_assets.domain.vat import valid_vat

EARLY, NOON, LATE = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (8, 12, 18))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Voorbeeld Cars BV", "VOORBEELD CARS, B.V."),
        ("Müller GmbH", "MÜLLER G.m.b.H."),
        ("Noord Handel", "Handel Noord bv"),
        ("Orly Ltd", 'Orly בע"מ'),
        ("Aeon Shipping LLC", "Aeon Shipping L.L.C."),
        ("Decci Foods Pvt Ltd", "Decci Foods Private Limited"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Noord BV", "Zuid BV"), ("BV", "NV"), ("Jan Cars", "Jan Cars 2")])
def test_two_names(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("BE 0476.267.228", None, "BE0476267228"),
        ("0476267228", "Belgique", "BE0476267228"),
        ("BE0476267229", None, None),
        ("BE0000000000", None, None),
        ("n/a", "BE", None),
        (None, "BE", None),
        ("510000012", "Israel", None),
    ],
)
def test_only_a_vat_id_whose_check_digits_hold_identifies(
    number: str | None, country: str | None, expected: str | None
) -> None:
    assert valid_vat(number, country) == expected


@pytest.mark.parametrize(
    ("stored_at", "stored_given", "modified_at", "seen_at", "wins"),
    [
        (None, False, None, EARLY, True),
        (NOON, True, EARLY, LATE, False),
        (NOON, True, NOON, EARLY, True),
        (NOON, True, LATE, EARLY, True),
        (NOON, True, None, LATE, True),
        (NOON, True, None, EARLY, False),
        (NOON, False, EARLY, LATE, True),
        (NOON, False, LATE, EARLY, False),
    ],
)
def test_newest_wins_by_source_time(
    stored_at: datetime | None,
    stored_given: bool,
    modified_at: datetime | None,
    seen_at: datetime,
    wins: bool,
) -> None:
    found = supersedes(stored_at=stored_at, stored_given=stored_given, modified_at=modified_at, seen_at=seen_at)
    assert found is wins


def test_a_role_override_covers_the_sources_role_and_can_be_taken_off() -> None:
    source = {"name": "AEON Shipping LLC", "role": "BROKER", "is_active": True}
    shown, covered = visible_values(source, Overlays({"aeon shipping": "FORWARDER"}))
    assert (shown["role"], covered) == ("FORWARDER", {"role": "BROKER"})
    assert source_values({**shown, "covered": covered}, ("name", "role", "is_active")) == source


def test_an_edit_lies_over_the_source_and_feeds_what_is_derived() -> None:
    shown, covered = visible_values(
        {"phone": "1", "country": "BE"}, Overlays(edits={5: {"phone": "03 555 01 02"}}), row_id=5
    )
    assert (shown["phone"], shown["primary_phone"], covered) == (
        "03 555 01 02",
        "+3235550102",
        {"phone": "1"},
    )


def test_a_deleted_row_is_not_active_whatever_the_source_said() -> None:
    shown, covered = visible_values({"is_active": True}, Overlays(), deleted=True)
    assert (shown["is_active"], covered) == (False, {"is_active": True})


BILLED = Billed("sent", Decimal(5), date(2026, 11, 20), is_deleted=False, has_customer=True, phone="+3235550102")


@pytest.mark.parametrize(
    ("change", "reason", "is_settled"),
    [
        ({"is_deleted": True}, "deleted at the source", True),
        ({"status": "paid"}, "paid", True),
        ({"balance": Decimal(0)}, "nothing left to pay", True),
        ({"status": "pending_approval"}, "its status is pending_approval", False),
        ({"status": None}, "it has no status", False),
        ({"due_date": None}, "no due date", False),
        ({"due_date": date(9999, 12, 31)}, "its due date is none", False),
        ({"due_date": date(1, 1, 1)}, "its due date is none", False),
        ({"has_customer": False}, "no customer", False),
        ({"phone": None}, "its customer has no phone", False),
        ({"phone": "ask Jan"}, "its customer's phone is no valid number of a country that is known", False),
        ({"phone": "+32123"}, "its customer's phone is no valid number of a country that is known", False),
        ({"phone": "03 555 01 02"}, "its customer's phone is no valid number of a country that is known", False),
        ({"is_covered": True}, "unused credits of its customer cover it", False),
    ],
)
def test_why_an_invoice_is_not_reminded_of(change: dict[str, Any], reason: str, is_settled: bool) -> None:
    decided = decide(replace(BILLED, **change), Rule([7]), today=date(2026, 11, 1))
    assert decided == NoReminder(reason, is_settled)


def test_an_outstanding_invoice_is_planned_unless_reminders_are_off() -> None:
    for status in ("sent", "viewed", "Overdue", "partially paid", "unpaid"):
        planned = decide(replace(BILLED, status=status), Rule([7, 0]), today=date(2026, 11, 1))
        assert isinstance(planned, list)
        assert len(planned) == 2
    assert decide(BILLED, Rule([7], is_enabled=False), today=date(2026, 11, 1)) == NoReminder(
        "reminders are switched off"
    )


def test_reminders_before_on_and_after_the_due_date() -> None:
    planned = plan(date(2026, 11, 20), Rule([7, 0, -3]), today=date(2026, 11, 15), country=None)
    assert [(p.reminder_type, p.scheduled_date, p.status) for p in planned] == [
        ("before_due", date(2026, 11, 13), "skipped"),
        ("due", date(2026, 11, 20), "pending"),
        ("overdue", date(2026, 11, 23), "pending"),
    ]


@pytest.mark.parametrize(
    ("status", "balance", "reason"),
    [
        ("paid", Decimal(0), "paid"),
        ("VOID", Decimal(5), "void"),
        ("draft", Decimal(5), "not sent yet"),
        ("overdue", Decimal(0), "nothing left to pay"),
        ("overdue", Decimal("0.01"), None),
        ("sent", None, None),
        (None, None, None),
    ],
)
def test_which_invoices_need_no_reminder(status: str | None, balance: Decimal | None, reason: str | None) -> None:
    assert no_reminder_because(status, balance) == reason


@pytest.mark.parametrize(
    ("sent_on", "country", "expected"),
    [
        ("all", "BE", {24: "before_due", 25: "due", 26: "overdue", 27: "overdue"}),
        ("weekdays", "BE", {24: "before_due", 25: "due", 28: "overdue"}),
        ("workdays", "BE", {24: "before_due", 28: "overdue"}),  # Christmas
        ("workdays", "NL", {24: "before_due", 28: "overdue"}),
        ("workdays", "IL", {24: "before_due", 25: "due", 28: "overdue"}),
        ("workdays", None, {24: "before_due", 25: "due", 28: "overdue"}),
        ("workdays", "ZZ", {24: "before_due", 25: "due", 28: "overdue"}),
    ],
)
def test_reminders_wait_for_a_day_on_which_they_go_out_and_the_latest_of_a_day_stands(
    sent_on: Days, country: str | None, expected: dict[int, str]
) -> None:
    rule = Rule([1, 0, -1, -2], sent_on=sent_on)
    planned = plan(date(2026, 12, 25), rule, today=date(2026, 12, 1), country=country)
    assert {p.scheduled_date.day: p.reminder_type for p in planned} == expected


def test_credits_pay_whole_invoices_the_oldest_first() -> None:
    balances = [(1, Decimal(50)), (2, Decimal(60)), (3, Decimal(40)), (4, Decimal(0)), (5, Decimal(-5))]
    assert covered_by_credits(balances, Decimal(100)) == {1, 3}
    assert covered_by_credits(balances, Decimal(0)) == set()

"""Old invoices: migration by month in any order, verify, reminders."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from customer_assets.errors import NotFoundError, NotInStateError
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.invoices.import_invoices import import_invoices
from customer_assets.pipeline.invoices.migrate import migrate
from customer_assets.pipeline.invoices.remind import due_reminders, explain_invoice, mark_reminder, plan_reminders
from customer_assets.sandbox.server import write_legacy_invoices
from customer_assets.store.reads import integrity
from customer_assets_tests.conftest import Company
from customer_assets_tests.pipeline.test_importing import ROW, write_csv

pytestmark = pytest.mark.slow


def links(company: Company) -> list[dict[str, Any]]:
    """Links by natural key."""
    return company.rows(
        """
        select l.source_invoice_id, c.source, c.source_customer_id, l.match_rule, l.match_score, l.unlinked_reason
        from legacy_invoices l
        left join customers_cache c on c.id = l.customer_id
        order by l.source_invoice_id
        """
    )


# --- migration --------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(company: Company, tmp_path: Path) -> Company:
    """All three systems in the cache, and old invoices imported."""
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)  # type: ignore[arg-type]
    write_legacy_invoices(company.world, tmp_path / "legacy.csv")
    import_invoices(company.context, str(tmp_path / "legacy.csv"))
    return company


def test_every_old_invoice_is_linked_or_says_why_not(filled: Company) -> None:
    calls = dict(filled.world.calls)
    result = migrate(filled.context)
    assert sum(result.linked.values()) + sum(result.unlinked.values()) == 400
    assert sum(result.linked.values()) > 390
    assert set(result.linked) >= {"source_id", "vat_id", "new_customer"}
    assert integrity.violations(filled.connection) == []
    assert dict(filled.world.calls) == calls
    assert filled.value("select count(*) from customers_cache where source = 'invoice'") == result.customers.created


def test_all_invoices_are_in_one_view_each_with_its_customer(filled: Company) -> None:
    migrate(filled.context)
    resolve_customers(filled.context)
    counts = filled.rows("select count(*) filter (where golden_id is null) as lone, count(*) as n from invoices_all")[0]
    cached = filled.value("select count(*) from invoices_cache where deleted_at is null")
    assert counts["n"] == cached + 400
    assert counts["lone"] == filled.value(
        """
        select
            (select count(*) from legacy_invoices where customer_id is null)
            + (select count(*) from invoices_cache where customer_id is null and deleted_at is null)
        """
    )


def test_migration_again_writes_nothing(filled: Company) -> None:
    migrate(filled.context)
    before = filled.rows(
        "select id, xmin::text from legacy_invoices union all select id, xmin::text from customer_rows order by 1, 2"
    )
    result = migrate(filled.context)
    assert (result.links_changed, result.customers.created, result.customers.updated) == (0, 0, 0)
    assert (
        filled.rows(
            "select id, xmin::text from legacy_invoices union all select id, xmin::text from customer_rows order by 1, 2"
        )
        == before
    )


def test_months_in_any_order_give_the_same_links_and_move_no_id(filled: Company) -> None:
    months = [r["month"] for r in filled.rows("select distinct month from legacy_invoices order by month")]
    migrate(filled.context)
    at_once = links(filled)
    outcomes = []
    for order in (months, months[::-1]):
        filled.connection.execute(
            "update legacy_invoices set customer_id = null, match_rule = null, match_score = null, unlinked_reason = null"
        )
        filled.connection.execute("delete from customer_rows where source = 'invoice'")
        for part in (
            itertools.batched(order, 13)
            if hasattr(itertools, "batched")
            else [order[i : i + 13] for i in range(0, len(order), 13)]
        ):
            migrate(filled.context, list(part))
        ids = filled.rows("select id from customer_rows order by id")
        migrate(filled.context, months[:5])
        assert filled.rows("select id from customer_rows order by id") == ids
        outcomes.append(links(filled))
    assert outcomes == [at_once, at_once]


def test_a_dry_run_writes_nothing(filled: Company) -> None:
    result = migrate(filled.context, dry_run=True)
    assert result.customers.created > 0
    assert filled.value("select count(*) from customers_cache where source = 'invoice'") == 0
    assert filled.value("select count(*) from legacy_invoices where match_rule is not null") == 0


def test_an_invoice_links_to_the_row_of_its_own_system_and_id(company: Company, tmp_path: Path) -> None:
    company.pull("robaws")
    row = ROW | {"source_system": "robaws", "source_customer_id": "1005", "customer_name": "Somebody Else"}
    import_invoices(company.context, write_csv(tmp_path / "old.csv", row))
    migrate(company.context)
    assert [(r["source"], r["source_customer_id"], r["match_rule"]) for r in links(company)] == [
        ("robaws", "1005", "source_id")
    ]


def test_a_customer_that_only_invoices_know_is_born_of_the_smallest_and_keeps_its_id(
    company: Company, tmp_path: Path
) -> None:
    rows = [
        ROW | {"source_invoice_id": f"A-{n}", "customer_name": name}
        for n, name in ((2, "NOORD HANDEL"), (5, "Noord Handel B.V."))
    ]
    import_invoices(company.context, write_csv(tmp_path / "old.csv", *rows))
    migrate(company.context)
    born = company.rows(
        "select id, source_customer_id, name, primary_phone from customers_cache where source = 'invoice'"
    )
    assert [(b["source_customer_id"], b["primary_phone"]) for b in born] == [("A-2", "+3235550102")]
    import_invoices(company.context, write_csv(tmp_path / "more.csv", ROW | {"source_invoice_id": "A-1"}))
    migrate(company.context)
    again = company.rows("select id, source_customer_id from customers_cache where source = 'invoice'")
    assert [(a["id"], a["source_customer_id"]) for a in again] == [(born[0]["id"], "A-2")]
    assert company.value("select count(*) from legacy_invoices where customer_id = %s", born[0]["id"]) == 3


def test_a_corrected_invoice_is_of_whom_it_says_now(company: Company, tmp_path: Path) -> None:
    """The customer that was born of it says what its invoices say, not what they said once."""
    zon = {"customer_name": "Zon BV", "customer_vat_number": "BE0403019261", "customer_phone": "03 555 01 02"}
    appel = {"customer_name": "Appel NV", "customer_vat_number": "BE0428759497", "customer_phone": "02 222 33 44"}

    def migrated(*rows: dict[str, str]) -> list[tuple[str, str, str]]:
        import_invoices(company.context, write_csv(tmp_path / "old.csv", *rows))
        migrate(company.context)
        resolve_customers(company.context)
        again = migrate(company.context)
        assert (again.links_changed, again.customers.updated, again.customers.created) == (0, 0, 0)
        found = company.rows(
            """
            select l.source_invoice_id as id, c.name, g.phone
            from legacy_invoices l
            join customer_rows c on c.id = l.customer_id
            join customers g on g.id = c.golden_id
            order by 1
            """
        )
        return [(row["id"], row["name"], row["phone"]) for row in found]

    one, other = {**ROW, "source_invoice_id": "A1", "invoice_number": "A1"}, {**ROW, "source_invoice_id": "A2"}
    blank = {"source_system": "", "source_customer_id": "", "customer_email": "", "customer_address": ""}
    first = migrated({**one, **blank, **zon}, {**other, **blank, **zon})
    assert first == [("A1", "Zon BV", "03 555 01 02"), ("A2", "Zon BV", "03 555 01 02")]
    corrected = migrated({**one, **blank, **appel}, {**other, **blank, **zon})
    assert corrected == [("A1", "Appel NV", "02 222 33 44"), ("A2", "Zon BV", "03 555 01 02")]
    assert company.value("select count(*) from customer_changes where origin = 'migration' and field = 'name'") == 1
    another = {**zon, "customer_phone": "03 777 88 99"}
    assert migrated({**one, **blank, **appel}, {**other, **blank, **another})[1] == ("A2", "Zon BV", "03 777 88 99")


def test_invoices_move_to_the_systems_customer_when_it_arrives(company: Company, tmp_path: Path) -> None:
    client = company.world.robaws["1005"] | {
        "email": "info@noord.be",
        "name": "Noord Handel BV",
        "vatIdNumber": None,
    }
    company.world.robaws = {}
    import_invoices(company.context, write_csv(tmp_path / "old.csv", ROW))
    migrate(company.context)
    assert links(company)[0]["source"] == "invoice"
    born = company.value("select id from customers_cache")
    company.world.robaws = {"1005": client}
    company.pull("robaws")
    migrate(company.context)
    assert links(company)[0]["source"] == "robaws"
    assert links(company)[0]["match_rule"].startswith("name_same")
    assert company.value("select count(*) from customers_cache where id = %s", born) == 1


@pytest.mark.parametrize(
    ("blanked", "reason"),
    [
        (("customer_name", "customer_phone", "customer_email", "customer_country"), "no customer data"),
        (("customer_name",), "no customer name"),
        (("customer_phone", "customer_email"), "a name alone identifies nobody"),
    ],
)
def test_reasons_why_an_invoice_has_no_customer(
    company: Company, tmp_path: Path, blanked: tuple[str, ...], reason: str
) -> None:
    import_invoices(company.context, write_csv(tmp_path / "old.csv", ROW | dict.fromkeys(blanked, "")))
    result = migrate(company.context)
    assert result.unlinked == {reason: 1}
    assert integrity.violations(company.connection) == []


def test_verify_sees_what_is_broken(filled: Company) -> None:
    migrate(filled.context)
    filled.connection.execute("update legacy_invoices set customer_id = null where source_invoice_id = 'OLD-000001'")
    assert "legacy_invoice_unaccounted" in {v.rule for v in integrity.violations(filled.connection)}


# --- golden records ---------------------------------------------------------------------------------------------------


def test_one_company_in_three_systems_is_one_customer_with_a_stable_id(filled: Company) -> None:
    first = resolve_customers(filled.context)
    assert first.customers < first.rows
    spread = filled.value(
        "select max(n) from (select count(distinct source) as n from customers_cache group by golden_id) systems"
    )
    assert spread >= 2
    ids = filled.rows("select id, golden_id from customer_rows order by id")
    again = resolve_customers(filled.context)
    assert (again.counts.created, again.counts.updated, again.counts.removed, again.counts.assigned) == (
        0,
        0,
        0,
        0,
    )
    assert filled.rows("select id, golden_id from customer_rows order by id") == ids
    assert filled.value("select count(*) from customers where provenance ->> 'name' is null") == 0


# --- reminders --------------------------------------------------------------------------------------------------------

TODAY = date(2026, 11, 21)


@pytest.fixture
def billed(company: Company) -> Company:
    """One unpaid invoice due in ten days, of a contact with a phone."""
    contact = next(c for c in company.world.zoho_contacts.values() if c["phone"])
    invoice = next(iter(company.world.zoho_invoices.values()))
    invoice |= {
        "customer_id": contact["contact_id"],
        "status": "sent",
        "balance": 10,
        "due_date": f"{TODAY + timedelta(days=10)}",
    }
    company.world.zoho_invoices = {invoice["invoice_id"]: invoice}
    company.pull("zoho")
    return company


def reminders(company: Company, *, today: date = TODAY) -> dict[date, str]:
    plan_reminders(company.context, today=today)
    rows = company.rows("select scheduled_date, status from payment_reminders order by scheduled_date")
    return {row["scheduled_date"]: row["status"] for row in rows}


def change(company: Company, **fields: Any) -> None:
    assignments = ", ".join(f"{name} = %s" for name in fields)
    company.connection.execute(f"update invoice_rows set {assignments}", list(fields.values()))


def test_reminders_by_the_accounts_settings_once(billed: Company) -> None:
    due = TODAY + timedelta(days=10)
    expected = {due - timedelta(days=d): "pending" for d in (7, 3, 1, 0, -1, -3)}
    assert reminders(billed) == expected
    before = billed.rows("select id, xmin::text from payment_reminders")
    assert reminders(billed) == expected
    assert billed.rows("select id, xmin::text from payment_reminders") == before
    billed.connection.execute("update reminder_settings set days = '{5}'")
    assert reminders(billed) == {due - timedelta(days=5): "pending"}


@pytest.mark.parametrize(("status", "balance"), [("paid", 0), ("void", 10), ("sent", 0)])
def test_reminders_are_cancelled_when_nothing_is_to_pay(billed: Company, status: str, balance: int) -> None:
    reminders(billed)
    change(billed, status=status, balance=balance)
    assert set(reminders(billed).values()) == {"cancelled"}
    change(billed, status="sent", balance=10)
    assert set(reminders(billed).values()) == {"pending"}


def test_reminders_are_rebuilt_when_the_due_date_moves_but_what_was_sent_stays(billed: Company) -> None:
    reminders(billed)
    sent = min(reminders(billed))
    billed.connection.execute("update payment_reminders set status = 'sent' where scheduled_date = %s", [sent])
    change(billed, due_date=TODAY + timedelta(days=100))
    found = reminders(billed)
    assert found.pop(sent) == "sent"
    assert min(found) == TODAY + timedelta(days=93)
    assert len(found) == 6


def test_what_was_not_sent_on_its_day_is_missed_and_the_latest_is_due(billed: Company) -> None:
    reminders(billed)
    day = TODAY + timedelta(days=7)  # of the reminder three days before; the one of seven days before has passed
    assert [d["scheduled_date"] for d in due_reminders(billed.context, today=day)] == [day]
    found = reminders(billed, today=day)
    assert found[TODAY + timedelta(days=3)] == "missed"
    assert found[day] == "pending"
    assert [d["scheduled_date"] for d in due_reminders(billed.context, today=day)] == [day]


def test_nobody_is_reminded_of_an_earlier_day_after_a_later_one(billed: Company) -> None:
    reminders(billed)
    late = TODAY + timedelta(days=9)  # two have passed, and nobody planned since
    told = []
    for _ in range(3):
        for due in due_reminders(billed.context, today=late):
            told.append(due["scheduled_date"])
            mark_reminder(billed.context, due["id"], is_sent=True)
    assert told == [late]


def test_what_became_of_a_reminder_is_noted_once(billed: Company) -> None:
    reminders(billed)
    one, other = (r["id"] for r in billed.rows("select id from payment_reminders order by id limit 2"))
    assert mark_reminder(billed.context, one, is_sent=False, failure="no such number")["status"] == "failed"
    noted = mark_reminder(billed.context, one, is_sent=True)
    assert (noted["status"], noted["failure"]) == ("sent", None)
    assert mark_reminder(billed.context, one, is_sent=True) == noted
    with pytest.raises(NotInStateError, match=f"reminder {one} is sent"):
        mark_reminder(billed.context, one, is_sent=False)
    with pytest.raises(NotFoundError):
        mark_reminder(billed.context, 0, is_sent=True)
    change(billed, status="paid", balance=0)
    plan_reminders(billed.context, today=TODAY)
    with pytest.raises(NotInStateError, match="cancelled"):
        mark_reminder(billed.context, other, is_sent=True)
    assert billed.value("select status from payment_reminders where id = %s", one) == "sent"


def test_unused_credits_that_cover_an_invoice_are_the_reason(billed: Company) -> None:
    reminders(billed)
    invoice = billed.rows(
        """
        select i.id, i.balance, i.customer_id
        from invoice_rows i
        join payment_reminders r on r.invoice_id = i.id
        limit 1
        """
    )[0]
    for share, said in (("0.5", "planned"), ("1", "unused credits of its customer cover it")):
        billed.do(
            "update customer_rows set metadata = jsonb_build_object('unused_credits_receivable_amount', %s * %s::numeric) where id = %s",
            invoice["balance"],
            share,
            invoice["customer_id"],
        )
        plan_reminders(billed.context, today=TODAY)
        assert explain_invoice(billed.context, str(invoice["id"]))[0]["reason"] == said
    assert not billed.value("select exists (select from payment_reminders where status = 'pending')")


def test_no_reminder_without_a_phone_and_one_when_it_arrives(billed: Company) -> None:
    billed.connection.execute("update customer_rows set primary_phone = null")
    assert reminders(billed) == {}
    assert plan_reminders(billed.context, today=TODAY).reasons["its customer has no phone"] == 1
    billed.connection.execute("update customer_rows set primary_phone = '+3235550102'")
    assert set(reminders(billed).values()) == {"pending"}
    billed.connection.execute("update customer_rows set primary_phone = '+3235550199'")
    reminders(billed)
    assert {r["phone"] for r in billed.rows("select phone from payment_reminders")} == {"+3235550199"}


def test_every_invoice_has_its_reason_and_one_strange_date_stops_no_other(billed: Company) -> None:
    planned = plan_reminders(billed.context, today=TODAY)
    assert sum(planned.reasons.values()) == billed.value("select count(*) from invoice_rows")
    before = billed.value("select count(*) from payment_reminders")
    billed.do("update invoice_rows set due_date = '9999-12-31' where id = (select min(id) from invoice_rows)")
    billed.do("update invoice_rows set due_date = '0001-01-01' where id = (select max(id) from invoice_rows)")
    planned = plan_reminders(billed.context, today=TODAY)
    stored = {
        r["reason"]: r["n"]
        for r in billed.rows("select reason, count(*) as n from invoice_reminder_state group by reason")
    }
    assert stored == planned.reasons
    assert sum(stored.values()) == billed.value("select count(*) from invoice_rows")
    assert billed.value("select count(*) from payment_reminders") <= before
    assert not any(v.rule == "reminder_undecided" for v in integrity.violations(billed.connection))
    changed = billed.rows("select xmin::text from invoice_reminder_state order by invoice_id")
    plan_reminders(billed.context, today=TODAY)
    assert billed.rows("select xmin::text from invoice_reminder_state order by invoice_id") == changed


@pytest.mark.parametrize("status", ["pending_approval", "approved", "rejected", "Under Review"])
def test_an_invoice_whose_status_nobody_knows_is_not_reminded_of(billed: Company, status: str) -> None:
    reminders(billed)
    change(billed, status=status)
    assert reminders(billed) == {}
    reason = billed.value("select reason from invoice_reminder_state where reason like 'its status%'")
    assert reason == f"its status is {status.lower().replace(' ', '_')}"
    change(billed, status="Partially Paid")
    assert set(reminders(billed).values()) == {"pending"}


def test_days_that_had_passed_are_skipped_not_sent(billed: Company) -> None:
    change(billed, due_date=TODAY)
    assert list(reminders(billed).values()) == [
        "skipped",
        "skipped",
        "skipped",
        "pending",
        "pending",
        "pending",
    ]

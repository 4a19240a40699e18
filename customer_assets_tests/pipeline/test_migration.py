"""Old invoices: import from every kind of file, migration by month in any order, verify, reminders."""

from __future__ import annotations

import csv
import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine

from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.pipeline.invoices.import_invoices import FileOptions, import_if_changed, import_invoices
from customer_assets.pipeline.invoices.migrate import migrate
from customer_assets.pipeline.invoices.remind import plan_reminders
from customer_assets.sandbox.server import write_legacy_invoices
from customer_assets.store.reads import integrity
from customer_assets_tests.conftest import Company

ROW = {
    "source_invoice_id": "A-1",
    "customer_name": "Noord Handel BV",
    "customer_phone": "03 555 01 02",
    "customer_email": "info@noord.be",
    "customer_country": "België",
    "invoice_date": "2024-03-31",
    "total": "10.50",
    "currency_code": "EUR",
}


def write_csv(path: Path, *rows: dict[str, Any]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


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


# --- import -----------------------------------------------------------------------------------------------------------


def test_a_csv_is_imported_once(company: Company, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "old.csv", ROW, ROW | {"source_invoice_id": "A-2", "invoice_date": ""})
    result = import_invoices(company.context, path)
    assert (result.created, result.rejected, result.months) == (2, 0, {"2024-03", "undated"})
    row = company.rows("select * from legacy_invoices where source_invoice_id = 'A-1'")[0]
    assert (row["invoice_date"], str(row["total"]), row["month"]) == (date(2024, 3, 31), "10.50", "2024-03")
    again = import_invoices(company.context, path)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)


def test_a_known_file_is_not_read_again_until_something_changed(company: Company, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "old.csv", ROW)
    assert import_if_changed(company.context, path).created == 1
    assert import_if_changed(company.context, path).unchanged == 1
    company.connection.execute("truncate legacy_invoices")
    assert import_if_changed(company.context, path).created == 1
    write_csv(tmp_path / "old.csv", ROW | {"total": "11"})
    assert import_if_changed(company.context, path).updated == 1


def test_parquet_and_database_give_the_same_rows_as_csv(company: Company, tmp_path: Path) -> None:
    frame = pd.DataFrame([ROW | {"total": 10.5, "invoice_date": date(2024, 3, 31)}])
    frame.to_parquet(tmp_path / "old.parquet")
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    frame.to_sql("invoices", engine, index=False)
    engine.dispose()
    import_invoices(company.context, write_csv(tmp_path / "old.csv", ROW))
    assert import_invoices(company.context, str(tmp_path / "old.parquet")).unchanged == 1
    assert import_invoices(company.context, f"sqlite:///{tmp_path / 'old.db'}", table="invoices").unchanged == 1


def test_columns_are_mapped_and_address_parts_joined(company: Company, tmp_path: Path) -> None:
    row = {
        "nr": "7",
        "klant": "Noord",
        "customer_street": "Kade 1",
        "customer_postcode": "2000",
        "customer_city": "Antwerpen",
        "odd": "x",
    }
    path = write_csv(tmp_path / "old.csv", row)
    result = import_invoices(company.context, path, mapping={"nr": "source_invoice_id", "klant": "customer_name"})
    assert result.ignored_columns == ["odd"]
    assert company.value("select customer_address from legacy_invoices") == "Kade 1, 2000, Antwerpen"


@pytest.mark.parametrize(
    ("field", "value"), [("total", "ten"), ("invoice_date", "yesterday"), ("source_invoice_id", " ")]
)
def test_a_bad_row_is_set_aside_and_the_rest_imported(company: Company, tmp_path: Path, field: str, value: str) -> None:
    path = write_csv(tmp_path / "old.csv", ROW, ROW | {"source_invoice_id": "A-2", field: value})
    result = import_invoices(company.context, path)
    assert (result.created, result.rejected) == (1, 1)
    assert field in company.value("select reason from ops.rejected_records")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "no such file"),
        ("old.doc", b"x", "is none of .csv"),
        ("old.xlsx", b"x", "cannot be read"),
        ("old.csv", b"", "cannot be read"),
        ("old.parquet", b"PAR", "cannot be read"),
        ("old.csv", b"a,b\n1,2\n", "source_invoice_id"),
        ("old.csv", b"\xff\xfe\x00a,b\n", "cannot be read"),
    ],
)
def test_bad_files_get_a_clear_error(
    company: Company, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        import_invoices(company.context, str(tmp_path / name))


def test_a_workbook_gives_the_same_rows_as_csv(company: Company, tmp_path: Path) -> None:
    import_invoices(company.context, write_csv(tmp_path / "old.csv", ROW))
    typed = ROW | {"total": 10.5, "invoice_date": date(2024, 3, 31)}
    pd.DataFrame([typed]).to_excel(tmp_path / "old.xlsx", sheet_name="Old", index=False)
    result = import_invoices(company.context, str(tmp_path / "old.xlsx"))
    assert (result.unchanged, result.understood["format"]) == (1, "sheet Old")
    with pd.ExcelWriter(tmp_path / "two.xlsx") as writer:
        pd.DataFrame([typed]).to_excel(writer, sheet_name="One", index=False)
        pd.DataFrame([typed | {"source_invoice_id": "A-9"}]).to_excel(writer, sheet_name="Two", index=False)
    with pytest.raises(ConfigurationError, match=r"2 sheets.*--table: One, Two"):
        import_invoices(company.context, str(tmp_path / "two.xlsx"))
    assert import_invoices(company.context, str(tmp_path / "two.xlsx"), table="Two").created == 1


def stored(company: Company, *columns: str) -> list[tuple[Any, ...]]:
    rows = company.rows(f"select {', '.join(columns)} from legacy_invoices order by source_invoice_id")
    return [tuple(row.values()) for row in rows]


def test_a_file_of_another_country_is_understood_as_a_whole(company: Company, tmp_path: Path) -> None:
    text = (
        "Rechnungsnummer;Rechnungsdatum;Kunde;Telefon;Betrag;Offener Betrag;Farbe\r\n"
        "R-1;05.04.2021;Müller & Söhne;030 555 01 01;1.250;7,50;rot\r\n"
        "R-2;17.04.2021;Bäckerei Groß;n/a;80;0,00;blau\r\n"
    )
    (tmp_path / "alt.csv").write_bytes(text.encode("cp1252"))
    result = import_invoices(company.context, str(tmp_path / "alt.csv"))
    assert (result.created, result.ignored_columns) == (2, ["Farbe"])
    assert result.understood["encoding"] == "cp1252"
    assert result.understood["total"] == "Betrag, decimal sign ,"
    assert stored(
        company, "source_invoice_id", "invoice_number", "invoice_date", "customer_name", "customer_phone", "total"
    ) == [
        ("R-1", "R-1", date(2021, 4, 5), "Müller & Söhne", "030 555 01 01", 1250),
        ("R-2", "R-2", date(2021, 4, 17), "Bäckerei Groß", None, 80),
    ]


def test_what_can_be_read_in_two_ways_is_refused_whole_until_it_is_said(company: Company, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "old.csv", ROW | {"invoice_date": "05/04/2021"})
    with pytest.raises(ConfigurationError, match="--date-order"):
        import_invoices(company.context, path)
    assert stored(company, "id") == []
    import_invoices(company.context, path, options=FileOptions(date_order="mdy"))
    assert stored(company, "invoice_date") == [(date(2021, 5, 4),)]


LINES = [
    ROW | {"source_invoice_id": "7", "total": "10.00", "invoice_date": "2021-01-05"},
    ROW | {"source_invoice_id": "7", "total": "2.50", "invoice_date": "2021-01-05"},
    ROW | {"source_invoice_id": "8", "total": "4.00", "invoice_date": "2021-01-05"},
    ROW | {"source_invoice_id": "8", "total": "4.00", "invoice_date": "2021-01-05"},
]


def test_rows_of_one_id_that_differ_are_all_set_aside_with_their_lines(company: Company, tmp_path: Path) -> None:
    result = import_invoices(company.context, write_csv(tmp_path / "old.csv", *LINES))
    assert (result.created, result.duplicate, result.rejected) == (1, 1, 2)
    assert stored(company, "source_invoice_id", "total") == [("8", 4)]
    assert all(reason.startswith("lines 2 and 3 have") for reason in result.problems)


def test_lines_of_an_invoice_are_summed_where_that_is_said(company: Company, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "old.csv", *LINES)
    result = import_invoices(company.context, path, options=FileOptions(lines="sum"))
    assert (result.created, result.duplicate, result.rejected) == (2, 2, 0)
    assert [str(total) for _, total in stored(company, "source_invoice_id", "total")] == ["12.50", "8.00"]
    assert import_invoices(company.context, path, options=FileOptions(lines="sum")).unchanged == 2
    other = [
        *LINES,
        ROW | {"source_invoice_id": "7", "total": "1", "customer_name": "Somebody Else", "invoice_date": "2021-01-05"},
    ]
    result = import_invoices(company.context, write_csv(tmp_path / "old.csv", *other), options=FileOptions(lines="sum"))
    assert (result.unchanged, result.rejected) == (2, 1)


def test_numbers_that_start_again_are_told_apart_where_that_is_said(company: Company, tmp_path: Path) -> None:
    rows = [
        ROW | {"source_invoice_id": "7", "invoice_date": day} for day in ("2020-01-05", "2021-01-05", "2021-02-05", "")
    ]
    path = write_csv(tmp_path / "old.csv", *rows)
    result = import_invoices(company.context, path, options=FileOptions(id_with="date"))
    assert (result.created, result.rejected) == (3, 1)
    assert [i for (i,) in stored(company, "source_invoice_id")] == ["2020-01-05-7", "2021-01-05-7", "2021-02-05-7"]
    by_year = import_invoices(company.context, path, account="by year", options=FileOptions(id_with="year"))
    assert (by_year.created, by_year.rejected) == (1, 3)


def test_a_dry_run_shows_how_it_is_understood_and_stores_nothing(company: Company, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "old.csv", ROW, ROW | {"source_invoice_id": "A-2", "total": "much"})
    result = import_invoices(company.context, path, dry_run=True)
    assert (result.created, result.rejected, result.problems) == (1, 1, ["line 3: total: not an amount"])
    assert result.sample[0]["source_invoice_id"] == "A-1"
    assert stored(company, "id") == []
    assert company.value("select count(*) from ops.rejected_records") == 0


def test_a_file_that_breaks_off_in_the_middle_stores_nothing(company: Company, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    write_csv(path, *(ROW | {"source_invoice_id": f"A-{n}"} for n in range(50)))
    path.write_text(path.read_text() + 'A-99,"never closed\n')
    with pytest.raises(ConfigurationError, match="line 52"):
        import_invoices(company.context, str(path))
    assert stored(company, "id") == []


def test_values_that_a_spreadsheet_lost_are_blank_and_said(company: Company, tmp_path: Path) -> None:
    row = ROW | {"customer_phone": "4.7812E+10", "source_customer_id": "0", "due_date": "9999-12-31"}
    result = import_invoices(company.context, write_csv(tmp_path / "old.csv", row))
    assert stored(company, "customer_phone", "source_customer_id", "due_date") == [(None, None, None)]
    assert result.blanked == {"customer_phone was shortened to a power of ten": 1, "due_date stands for no date": 1}


def test_a_database_needs_its_table(company: Company, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--table"):
        import_invoices(company.context, "sqlite:///x.db")
    with pytest.raises(ConfigurationError, match="no table 'nope'"):
        import_invoices(company.context, f"sqlite:///{tmp_path / 'x.db'}", table="nope")


# --- migration --------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(company: Company, tmp_path: Path) -> Company:
    """All three systems in the cache, and old invoices imported."""
    for system in ("robaws", "zoho", "sumit"):
        company.pull(system)  # type: ignore[arg-type]
    write_legacy_invoices(company.world, tmp_path / "legacy.csv")
    import_invoices(company.context, str(tmp_path / "legacy.csv"))
    return company


@pytest.mark.slow
def test_every_old_invoice_is_linked_or_says_why_not(filled: Company) -> None:
    calls = dict(filled.world.calls)
    result = migrate(filled.context)
    assert sum(result.linked.values()) + sum(result.unlinked.values()) == 400
    assert sum(result.linked.values()) > 390
    assert set(result.linked) >= {"source_id", "vat_id", "new_customer"}
    assert integrity.violations(filled.connection) == []
    assert dict(filled.world.calls) == calls
    assert filled.value("select count(*) from customers_cache where source = 'invoice'") == result.customers.created


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_verify_sees_what_is_broken(filled: Company) -> None:
    migrate(filled.context)
    filled.connection.execute("update legacy_invoices set customer_id = null where source_invoice_id = 'OLD-000001'")
    assert "legacy_invoice_unaccounted" in {v.rule for v in integrity.violations(filled.connection)}


# --- golden records ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_company_in_three_systems_is_one_customer_with_a_stable_id(filled: Company) -> None:
    first = resolve_customers(filled.context)
    assert first.customers < first.rows
    spread = filled.value(
        "select max(n) from (select count(distinct source) as n from customers_cache group by customer_id) systems"
    )
    assert spread >= 2
    ids = filled.rows("select id, customer_id from customer_rows order by id")
    again = resolve_customers(filled.context)
    assert (again.counts.created, again.counts.updated, again.counts.removed, again.counts.assigned) == (
        0,
        0,
        0,
        0,
    )
    assert filled.rows("select id, customer_id from customer_rows order by id") == ids
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


def reminders(company: Company) -> dict[date, str]:
    plan_reminders(company.context, today=TODAY)
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

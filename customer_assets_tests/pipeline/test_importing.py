"""Importing old invoices: every kind of file, what is worked out over the whole of it, what is refused or set aside."""

from __future__ import annotations

import csv
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from sqlalchemy import create_engine

from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.files import open_sheet
from customer_assets.pipeline.invoices.import_invoices import FileOptions, import_if_changed, import_invoices
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


def test_numbers_that_start_again_in_another_file_write_over_nothing(company: Company, tmp_path: Path) -> None:
    """Another day, another customer and another amount under a known number is another invoice, not a correction."""
    first = ROW | {"source_invoice_id": "1", "invoice_number": "1"}
    again = first | {"customer_name": "Zuid NV", "invoice_date": "2025-01-02", "total": "99.00"}
    corrected = first | {"customer_name": "Zuid NV", "total": "99.00"}
    import_invoices(company.context, write_csv(tmp_path / "2024.csv", first))
    path = write_csv(tmp_path / "2025.csv", again, ROW | {"source_invoice_id": "2", "invoice_number": "2"})
    result = import_invoices(company.context, path)
    assert (result.created, result.updated, result.rejected) == (1, 0, 1)
    assert "1 is stored as another invoice (2024-03-31, Noord Handel BV, 10.50)" in result.problems[0]
    assert company.value("select customer_name from legacy_invoices where source_invoice_id = '1'") == "Noord Handel BV"
    apart = import_invoices(company.context, path, options=FileOptions(id_with="year"))
    assert (apart.created, apart.rejected) == (2, 0)
    assert import_invoices(company.context, write_csv(tmp_path / "right.csv", corrected)).updated == 1
    assert import_invoices(company.context, write_csv(tmp_path / "2024.csv", first)).updated == 1
    assert import_invoices(company.context, path, options=FileOptions(overwrite="yes")).updated == 1


def test_two_imports_at_once_come_one_after_the_other(company: Company, tmp_path: Path) -> None:
    files = [
        write_csv(
            tmp_path / f"{name}.csv",
            *(ROW | {"source_invoice_id": f"A-{n}", "customer_name": name} for n in range(9000)),
        )
        for name in ("One BV", "Other BV")
    ]
    with ThreadPoolExecutor(2) as several:
        done = list(several.map(lambda path: import_invoices(company.context, path), files))
    assert sorted((result.created, result.updated) for result in done) == [(0, 9000), (9000, 0)]
    assert company.value("select count(distinct customer_name) from legacy_invoices") == 1


def test_a_file_is_of_the_only_account_or_of_the_one_that_is_named(company: Company, tmp_path: Path) -> None:
    """Whose an invoice is decides which customer its id means."""
    path = write_csv(tmp_path / "old.csv", ROW)
    robaws = company.account("robaws")

    def imported(*names: str, account: str | None = None) -> None:
        context = replace(company.context, accounts=tuple(replace(robaws, account=name) for name in names))
        import_invoices(context, path, account=account)

    imported("acme")
    imported("acme", "default")
    imported("north", "south", account="south")
    assert [row["account"] for row in company.rows("select account from legacy_invoices order by 1")] == [
        "acme",
        "default",
        "south",
    ]
    with pytest.raises(ConfigurationError, match="accounts north, south: name one with --account"):
        imported("north", "south")
    with pytest.raises(ConfigurationError, match="stored under the account default, and acme is the one"):
        imported("acme")
    imported("acme", account="default")
    with pytest.raises(ConfigurationError, match="no account nosuch is configured; there are acme"):
        imported("acme", account="nosuch")


def test_parquet_and_database_give_the_same_rows_as_csv(company: Company, tmp_path: Path) -> None:
    frame = pd.DataFrame([ROW | {"total": 10.5, "invoice_date": date(2024, 3, 31)}])
    frame.to_parquet(tmp_path / "old.parquet")
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    frame.to_sql("invoices", engine, index=False)
    engine.dispose()
    import_invoices(company.context, write_csv(tmp_path / "old.csv", ROW))
    assert import_invoices(company.context, str(tmp_path / "old.parquet")).unchanged == 1
    assert import_invoices(company.context, f"sqlite:///{tmp_path / 'old.db'}", table="invoices").unchanged == 1
    asked = FileOptions(query="select * from invoices where 1 = 0")
    assert import_invoices(company.context, f"sqlite:///{tmp_path / 'old.db'}", options=asked).created == 0
    with pytest.raises(ConfigurationError, match="no such table: nowhere"):
        import_invoices(
            company.context, f"sqlite:///{tmp_path / 'old.db'}", options=FileOptions(query="select * from nowhere")
        )
    with pytest.raises(ConfigurationError, match="--query is for a database"):
        import_invoices(company.context, str(tmp_path / "old.db"), options=asked)


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


def test_numbers_in_a_workbook_are_read_as_it_shows_them(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "old.xlsx") as book:
        other, sheet = book.add_worksheet("Cover & more"), book.add_worksheet("Old invoices")
        other.write("A1", 1)
        padded, money = book.add_format({"num_format": "00000"}), book.add_format({"num_format": "0.00"})
        sheet.write_row("C4", ["nr", "customer_id", "total"])
        for row, number in enumerate((7, 12345, 123456), start=4):
            sheet.write_number(row, 2, number, padded)
            sheet.write_string(row, 3, "00019")
            sheet.write_number(row, 4, number, money)
    cells = [line.cells for line in open_sheet(str(tmp_path / "old.xlsx"), table="Old invoices").lines()]
    assert cells == [["00007", "00019", "7"], ["12345", "00019", "12345"], ["123456", "00019", "123456"]]


def test_formulas_that_nobody_worked_out_are_refused_with_their_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["nr", "total"], [1, 5], [2, "=B2*2"]):
        book.active.append(row)
    book.save(tmp_path / "made.xlsx")
    with pytest.raises(ConfigurationError, match=r"sheet Sheet: 1 cells \(B3\) hold formulas without a value"):
        open_sheet(str(tmp_path / "made.xlsx"))
    with xlsxwriter.Workbook(tmp_path / "saved.xlsx") as saved:
        sheet = saved.add_worksheet("Old")
        sheet.write_row("A1", ["nr", "total"])
        sheet.write_formula("A2", '="A"&7', value="A7")
        sheet.write_formula("B2", "=5*2", value=10)
    assert [line.cells for line in open_sheet(str(tmp_path / "saved.xlsx")).lines()] == [["A7", "10"]]


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
    assert (result.unchanged, result.duplicate, result.rejected) == (2, 2, 1)  # together the rows of the file


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
    with pytest.raises(ConfigurationError, match="no such file"):
        import_invoices(company.context, f"sqlite:///{tmp_path / 'x.db'}", table="nope")
    assert not (tmp_path / "x.db").exists()
    sqlite3.connect(tmp_path / "x.db").close()
    with pytest.raises(ConfigurationError, match="no table 'nope'"):
        import_invoices(company.context, f"sqlite:///{tmp_path / 'x.db'}", table="nope")
    with pytest.raises(ConfigurationError, match="give one of them"):
        import_invoices(
            company.context, f"sqlite:///{tmp_path / 'x.db'}", table="nope", options=FileOptions(query="select 1")
        )


def test_typed_cells_are_texts_as_people_write_them(company: Company, tmp_path: Path) -> None:
    row = {
        "source_invoice_id": b"A1",
        "customer_name": 1815.0,
        "street": "Kade",
        "zip": 9000.0,
        "city": "Gent",
        "total": 5.5,
    }
    pd.DataFrame([row]).to_parquet(tmp_path / "old.parquet")
    import_invoices(company.context, str(tmp_path / "old.parquet"))
    found = stored(company, "source_invoice_id", "customer_name", "customer_address", "total::text")
    assert found == [("A1", "1815", "Kade, 9000, Gent", "5.50")]


def test_postcode_and_town_beside_an_address_are_part_of_it(company: Company, tmp_path: Path) -> None:
    rows = [
        ROW | {"source_invoice_id": "1", "customer_address": "Kaai 3", "postcode": "2000", "gemeente": "Antwerpen"},
        ROW
        | {
            "source_invoice_id": "2",
            "customer_address": "Kaai 3, 2000 ANTWERPEN",
            "postcode": "2000",
            "gemeente": "Antwerpen",
        },
        ROW | {"source_invoice_id": "3", "customer_address": "", "postcode": "2000", "gemeente": "Antwerpen"},
    ]
    import_invoices(company.context, write_csv(tmp_path / "old.csv", *rows))
    assert stored(company, "customer_address") == [
        ("Kaai 3, 2000, Antwerpen",),
        ("Kaai 3, 2000 ANTWERPEN",),
        ("2000, Antwerpen",),
    ]

"""What a file, a column and a cell mean: worked out over the whole of it, or refused; never guessed."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_assets.domain.files.columns import cell_text, date_reading, identifier, number_reading
from customer_assets.domain.files.delimited import Line, delimited
from customer_assets.domain.files.headings import columns, columns_of
from customer_assets.domain.wordlists import entries
from customer_assets.errors import ConfigurationError, RecordError
from customer_assets.pipeline.invoices.import_invoices import ADDRESS_PARTS
from customer_assets.store.invoices import legacy

BRUSSELS = ZoneInfo("Europe/Brussels")


def rows(text: str, written: str = "utf-8", **said: str) -> list[list[str]]:
    return [line.cells for line in delimited(text.encode(written), **said).lines()]


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_worked_out(encoding: str, separator: str) -> None:
    text = "nr,naam,plaats\n1,Café Zoë,Liège\n2,Élan,Genève\n".replace(",", separator)
    assert rows(text, encoding) == [["1", "Café Zoë", "Liège"], ["2", "Élan", "Genève"]]


def test_an_encoding_that_was_said_holds() -> None:
    assert rows("nr;naam\n1;Žižkov\n", "cp1250", encoding="cp1250") == [["1", "Žižkov"]]
    with pytest.raises(ConfigurationError, match="no such encoding"):
        rows("a,b\n", encoding="klingon")
    with pytest.raises(ConfigurationError, match="--encoding"):
        list(delimited(b"a;b\n1;\x81\x8d\xff\n").lines())


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", "Hôtel Élysée;Bäckerei Weiß;¿Qué? S.L.;50 m³ beton;Col·legi;L’Hôtel;João Conceição"),
        ("cp1250", "Spółka Łódź;Kąty;Usługi Żółw"),
        ("iso8859_2", "Spółka Łódź;Kąty;Usługi Żółw"),
        ("cp850", "Müller;Société Générale;Bäckerei"),
        ("cp1255", "משה כהן;מכולת השכונה;Dana Levi"),
        ("cp862", "משה כהן;מכולת השכונה;Dana Levi"),
    ],
)
def test_an_old_encoding_is_the_one_that_makes_words(encoding: str, names: str) -> None:
    lines = [[str(number), name] for number, name in enumerate(names.split(";"))]
    assert rows("nr;naam\n" + "\n".join(map(";".join, lines)), encoding) == lines


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1251", "ООО Ромашка"), ("cp1253", "Παπαδόπουλος"), ("cp1256", "شركة النور")]
)
def test_a_script_that_several_encodings_write_is_asked_about(encoding: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--encoding.*{encoding}"):
        rows(f"nr;naam\n1;{name}\n", encoding)
    assert rows(f"nr;naam\n1;{name}\n", encoding, encoding=encoding) == [["1", name]]


def test_a_stray_byte_in_utf_8_is_named_and_nothing_is_read_as_something_else() -> None:
    with pytest.raises(ConfigurationError, match="byte 20 is not UTF-8, and most of the rest is"):
        delimited("nr;naam\n1;Café\n2;Zo".encode() + b"\xeb\n" + "3;Café Élan\n".encode())


def test_decimal_commas_do_not_pass_for_separators() -> None:
    text = "nr;naam;totaal;open\n1;Aeon, Boreas;1,50;0,00\n2;Ceres;2,75;2,75\n"
    assert rows(text) == [["1", "Aeon, Boreas", "1,50", "0,00"], ["2", "Ceres", "2,75", "2,75"]]


def test_a_line_that_names_the_separator() -> None:
    assert rows("sep=|\r\na|b,c\r\n1|2,3\r\n") == [["1", "2,3"]]


def test_two_separators_that_fit_alike_are_asked_about() -> None:
    text = "a,b;c\n1,2;3\n4,5;6\n"
    with pytest.raises(ConfigurationError, match=r"comma and semicolon.*--separator"):
        rows(text)
    assert rows(text, separator=";") == [["1,2", "3"], ["4,5", "6"]]


def test_a_row_of_another_width_is_set_aside_with_its_line() -> None:
    found = list(delimited(b'a,b,c\n1,2,3\n4,5\n"x\ny",6,7\n8,9,10,11\n').lines())
    assert [(line.number, line.problem) for line in found] == [
        (2, None),
        (3, "line 3: 2 fields where the heading has 3"),
        (4, None),
        (6, "line 6: 4 fields where the heading has 3"),
    ]


def test_a_separator_at_the_end_of_each_row_shifts_nothing() -> None:
    assert rows("a,b\n1,2,\n3,4,\n") == [["1", "2"], ["3", "4"]]
    mixed = list(delimited(b"a,b\n1,2,\n3,4,5\n").lines())
    assert [line.problem is None for line in mixed] == [False, False]
    one = list(delimited(b"id,total,balance,notes\n1,100,0,\n2,12,50,0,\n").lines())
    assert [line.problem is None for line in one] == [True, False]


def test_headings_that_are_blank_at_the_end_are_no_columns() -> None:
    found = list(delimited(b"\n\na;b;;\n1;2;;\n3;4\n5;6;7;\n").lines())
    assert [(line.number, line.cells) for line in found] == [(4, ["1", "2"]), (5, ["3", "4"]), (6, [])]


def test_a_stray_zero_byte_makes_no_other_encoding_of_it() -> None:
    assert rows("a,b\n1\0,2\n") == [["1\0", "2"]]


def test_lines_may_end_as_on_old_machines() -> None:
    assert rows("sep=;\ra;b;c\r1;2;3\r") == [["1", "2", "3"]]
    with pytest.raises(ConfigurationError, match="line 2"):
        rows('a;b;c\r1;"A\r2;B;5\r3;C";6')


def test_a_blank_before_a_quote_does_not_make_it_a_letter() -> None:
    assert rows('a, b\n1, "Acme, Inc"\n') == [["1", "Acme, Inc"]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b,c\n1,"x,2\n3,y,4\n', 2),  # never closes
        ('a,b,c\n1,x,2\n3,"y"z,4\n', 3),  # closes in the middle
        ('a,b,c\n1,"x,2\n3,y,4\n5,z",6\n', 2),  # closes three rows later, where it seems to fit
    ],
)
def test_a_quote_that_does_not_close_rightly_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=f"line {line}"):
        rows(text)


def test_inches_are_no_quotes_and_addresses_may_have_lines() -> None:
    assert rows('a,b,c\n1,screen 12",x\n2,"Kade 1\n2000 Antwerpen",y\n') == [
        ["1", 'screen 12"', "x"],
        ["2", "Kade 1\n2000 Antwerpen", "y"],
    ]


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from(",;\t|"))
def test_what_a_spreadsheet_writes_is_read_as_it_was(table: list[list[str]], separator: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator)
    writer.writerows([["one", "two", "three"], *table])
    filled = [row for row in table if any(cell.strip() for cell in row)]
    found = delimited(file.getvalue().encode(), separator=separator)
    assert [line for line in found.lines() if line.problem is None] == [
        Line(line.number, row, None, tuple(row))
        for line, row in zip(found.lines(), ([cell.lstrip(" ") for cell in row] for row in filled), strict=True)
    ]


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="0047"', "0047"),
        ("'02 555 01 09", "02 555 01 09"),
        ("'+32 2 555", "+32 2 555"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
        (" \u00a0Aeon\u00a0 ", "Aeon"),
        ("NULL", None),
        ("\\N", None),
        ("#N/A", None),
        ("n.v.t.", None),
        ("-", None),
        ("  ", None),
        ("Nil Admirari", "Nil Admirari"),
        ("#1", "#1"),
    ],
)
def test_a_cell_without_its_guards_and_none_where_it_says_nothing(cell: str, text: str | None) -> None:
    assert cell_text(cell) == text


def test_every_word_for_nothing_is_known_as_one() -> None:
    assert [word for word in entries("blanks") if cell_text(word.upper()) is not None] == []


def test_what_a_spreadsheet_made_of_ids() -> None:
    for text in ("4711.5", "0047", "A-1.0", "12.000", "1e5"):
        assert identifier(text) == text
    assert identifier("4711.0") == "4711"
    for text in ("3.24E+10", "4,7E+08", "1E+09"):
        with pytest.raises(ValueError, match="power of ten"):
            identifier(text)


# --- columns ----------------------------------------------------------------------------------------------------------


def cells(*texts: str) -> list[tuple[int, str]]:
    return list(enumerate(texts, start=2))


def numbers(*texts: str, decimal: str | None = None) -> list[Decimal | None]:
    reading = number_reading({"total": cells(*texts)}, decimal=decimal)["total"]
    return [reading.read(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1.250", "12,50"], ["1250", "12.50"]),
        (["1,250", "12.50"], ["1250", "12.50"]),
        (["1.210,00", "€ 5,00"], ["1210.00", "5.00"]),
        (["1 234,5", "1\u202f234,25"], ["1234.5", "1234.25"]),
        (["1'250.00", "(3.50)", "4.25-", "-1.00"], ["1250.00", "-3.50", "-4.25", "-1.00"]),
        (["1.234.567", "1,5"], ["1234567", "1.5"]),
        (["100", "EUR 250", "3 USD"], ["100", "250", "3"]),
        (["0.125", "1250"], ["0.125", "1250"]),
        (["1,23,456.00", "5.50"], ["123456.00", "5.50"]),
        (["12,-", "EUR (5,00)", "₹ 7"], ["12", "-5.00", "7"]),
        (["-€12,00", "(€ 3,50)", "€ 4,25-", "-EUR 1"], ["-12.00", "-3.50", "-4.25", "-1"]),
    ],
)
def test_one_cell_tells_how_the_whole_column_is_written(texts: list[str], values: list[str]) -> None:
    assert numbers(*texts) == [Decimal(value) for value in values]


@pytest.mark.parametrize("text", ["12€50", "100 EUR 110 USD", "12 50", "5 Mio", "Jan 2024", "12%", "1.2.3", "--"])
def test_what_is_no_number_is_said_and_never_made_one(text: str) -> None:
    with pytest.raises(RecordError, match="not an amount"):
        numbers(text, decimal=".")


def test_a_number_that_nothing_decides_is_asked_about() -> None:
    with pytest.raises(ConfigurationError, match=r"total, line 3: '1\.250'.*--decimal"):
        numbers("100", "1.250")
    assert numbers("100", "1.250", decimal=",") == [100, 1250]
    assert numbers("100", "1.250", decimal=".") == [100, Decimal("1.250")]


def test_another_column_of_the_file_decides() -> None:
    found = number_reading({"total": cells("1.250"), "balance": cells("7,5")}, decimal=None)
    assert found["total"].read("1.250") == 1250


def test_a_column_in_two_ways_is_refused_and_what_was_said_sets_the_others_aside() -> None:
    with pytest.raises(ConfigurationError, match=r"line 2 '12\.50', line 3 '12,50'"):
        numbers("12.50", "12,50")
    reading = number_reading({"total": cells("12.50", "12,50")}, decimal=",")["total"]
    with pytest.raises(RecordError, match="not an amount"):
        reading.read("12.50")


def dates(*texts: str, order: str | None = None) -> list[date | None]:
    reading = date_reading({"invoice_date": cells(*texts)}, order=order, zone=BRUSSELS)["invoice_date"]
    return [reading.read(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["04/03/2019", "25/03/2019"], [date(2019, 3, 4), date(2019, 3, 25)]),
        (["04/03/2019", "03/25/2019"], [date(2019, 4, 3), date(2019, 3, 25)]),
        (["4.3.19", "31.12.98"], [date(2019, 3, 4), date(1998, 12, 31)]),
        (["2019-03-04", "2019/03/04", "20190304"], [date(2019, 3, 4)] * 3),
        (["43528", "43528.0"], [date(2019, 3, 4)] * 2),
        (["2019-03-04T23:30:00Z", "2019-03-04T23:30:00"], [date(2019, 3, 5), date(2019, 3, 4)]),
        (["05/05/2019"], [date(2019, 5, 5)]),
        (
            ["2024/01/15 23:30:00Z", "15/01/2024 23:30 UTC", "2024-01-15 9:30", "2024-01-15 10:30 AM"],
            [date(2024, 1, 16), date(2024, 1, 16), date(2024, 1, 15), date(2024, 1, 15)],
        ),
        (
            [
                "01/01/0001 00:00:00",
                "1/1/0001 12:00:00 AM",
                "99991231",
                "31/12/9999 23:59:59",
                "00010101",
                "01/01/1753",
                "00000000",
                "00/00/0000",
            ],
            [None] * 8,
        ),
        (["0001-01-01", "9999-12-31", "1900-01-00", "31/12/9999"], [None] * 4),
    ],
)
def test_dates_by_one_order_for_the_whole_column(texts: list[str], values: list[date | None]) -> None:
    assert dates(*texts) == values


def test_days_and_months_that_nothing_tells_apart_are_asked_about() -> None:
    with pytest.raises(ConfigurationError, match="--date-order"):
        dates("04/03/2019", "05/05/2019")
    assert dates("04/03/2019", order="mdy") == [date(2019, 4, 3)]
    with pytest.raises(ConfigurationError, match=r"line 2.*line 3"):
        dates("25/03/2019", "03/25/2019")
    found = date_reading(
        {"invoice_date": cells("04/03/2019"), "due_date": cells("30/04/2019")}, order=None, zone=BRUSSELS
    )
    assert found["invoice_date"].read("04/03/2019") == date(2019, 3, 4)


@pytest.mark.parametrize("text", ["soon", "2019-02-30", "123", "31/31/2019", "23-01-15", "2019-03-04 noon"])
def test_what_is_no_date_is_said(text: str) -> None:
    with pytest.raises(RecordError, match="invoice_date: not a date"):
        dates(text, order="dmy")


# --- headings ---------------------------------------------------------------------------------------------------------


def test_headings_of_many_programs_are_known() -> None:
    header = ["Factuur-ID", "KLANTNAAM", "N° TVA", "Téléphone", "Échéance", "Ust-IdNr.x", "Rechnungsbetrag"]
    assert columns_of(header, {}) == {
        "source_invoice_id": 0,
        "customer_name": 1,
        "customer_vat_number": 2,
        "customer_phone": 3,
        "due_date": 4,
    }


def test_every_column_that_a_heading_can_mean_is_one_that_an_import_fills() -> None:
    assert {*columns()} == {*legacy.COLUMNS, *ADDRESS_PARTS} - {"month"}


def test_two_columns_for_one_are_refused_unless_it_is_said_or_one_has_our_name() -> None:
    with pytest.raises(ConfigurationError, match="'Klant' and 'Nom client' all mean customer_name"):
        columns_of(["id", "Klant", "Nom client"], {})
    assert columns_of(["id", "Klant", "Nom client"], {"Nom client": "customer_name"})["customer_name"] == 2
    assert columns_of(["id", "Klant", "customer_name"], {})["customer_name"] == 2
    with pytest.raises(ConfigurationError, match="'A' and 'B' all mean customer_name"):
        columns_of(["id", "A", "B"], {"A": "customer_name", "B": "customer_name"})
    with pytest.raises(ConfigurationError, match="no column Naam"):
        columns_of(["id"], {"Naam": "customer_name"})
    with pytest.raises(ConfigurationError, match="no column nonsense to fill"):
        columns_of(["id"], {"id": "nonsense"})

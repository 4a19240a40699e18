"""Importing old invoices that carry customer fields: text in any dialect, Parquet, or a table of any database.

A file is gone through three times: to work out over the whole of it how its columns are read, to find rows that stand for
one invoice, and to store it, in one transaction.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from customer_assets.domain.cache.values import amount
from customer_assets.domain.clock import now_utc
from customer_assets.domain.files.columns import Reading, cell_text, date_reading, identifier, number_reading
from customer_assets.domain.files.delimited import Line
from customer_assets.domain.files.headings import columns_of, folded
from customer_assets.domain.wordlists import entries
from customer_assets.errors import ConfigurationError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.pipeline.files import CHUNK, Sheet, open_sheet
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import marks, rejects
from customer_assets.store.database import Connection, connect
from customer_assets.store.invoices import legacy

DATES = ("invoice_date", "due_date")
AMOUNTS = ("total", "balance")
TEXTS = tuple(c for c in legacy.COLUMNS if c not in (*DATES, *AMOUNTS, "month"))
# What a spreadsheet may have taken for a number.
NUMBERED = ("source_invoice_id", "source_customer_id", "invoice_number", "customer_phone", "customer_vat_number")
ADDRESS_PARTS = ("customer_street", "customer_postcode", "customer_city")  # joined to one address
CUSTOMER = tuple(column for column in TEXTS if column.startswith(("customer_", "source_customer")))
UNDATED = "undated"
SHOWN = 10  # rows that a dry run shows


@dataclass(frozen=True)
class FileOptions:
    """What is said of a file, where it is not to be worked out.

    Attributes:
        query: of a database, instead of a table.
        encoding, separator: of a text.
        decimal: `.` or `,`.
        date_order: day or month first.
        lines: `sum`: rows of one invoice are its lines, and are added up.
        id_with: what a number that starts again each year, or each day, is told apart by.
        overwrite: an invoice replaces the one that is stored under its id, though all of it is another.
    """

    query: str | None = None
    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    date_order: Literal["dmy", "mdy"] | None = None
    lines: Literal["sum"] | None = None
    id_with: Literal["year", "date"] | None = None
    overwrite: Literal["yes"] | None = None


@dataclass
class ImportResult:
    """What an import did, or as a dry run would do.

    Attributes:
        created, updated, unchanged, duplicate, rejected: rows by outcome; together all rows of the file.
        ignored_columns: columns of the file that nothing reads.
        months: partitions that the imported rows belong to.
        understood: how the file was read: dialect, and per column what it is called there and how it is read.
        blanked: values that stand for none, by column and reason.
        sample: the first rows as they were understood.
        problems: reasons of the rejected rows.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    ignored_columns: list[str] = field(default_factory=list)
    months: set[str] = field(default_factory=set)
    understood: dict[str, str] = field(default_factory=dict)
    blanked: Counter[str] = field(default_factory=Counter)
    sample: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def import_invoices(
    context: Context,
    location: str,
    *,
    table: str | None = None,
    mapping: Mapping[str, str] | None = None,
    account: str | None = None,
    options: FileOptions | None = None,
    dry_run: bool = False,
) -> ImportResult:
    """Import old invoices into `legacy_invoices`; the same file twice writes nothing the second time.

    Args:
        context: database, and the time zone in which timestamps become dates.
        location: path of a file, or an SQLAlchemy URL.
        table: the table, where `location` is a database.
        mapping: column of the file -> column of `legacy_invoices`.
        account: whose invoices; None: of the only account.
        options: how the file is written, as far as it is said.
        dry_run: everything is worked out and nothing stored.

    Raises:
        ConfigurationError: the file cannot be read, can be read in two ways, has no source_invoice_id, or is nobody's.
    """
    options, whose = options or FileOptions(), context.account_of_invoices(account)
    sheet = open_sheet(
        location, table=table, query=options.query, encoding=options.encoding, separator=options.separator
    )
    importing = _Import(sheet, mapping or {}, options, ZoneInfo(context.settings.timezone))
    with (
        connect(context.url, name="customer_assets import-invoices") as connection,
        connection.transaction(force_rollback=dry_run),
    ):
        if account is None and whose != "default" and "default" in legacy.accounts(connection):
            raise ConfigurationError(
                f"old invoices are stored under the account default, and {whose} is the one that is configured: "
                f"--account default goes on with them, --account {whose} begins anew (LEGACY_INVOICES_ACCOUNT)"
            )
        importing.store(connection, whose)
    return importing.result


def import_if_changed(
    context: Context, location: str, *, table: str | None = None, account: str | None = None
) -> ImportResult:
    """Import, unless this very file was imported before: the nightly sync need not read it again.

    A database is always read; a file counts as known while its content and the table's rows are what they were.
    """
    path = Path(location)
    if "://" in location or not path.is_file():
        return import_invoices(context, location, table=table, account=account)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with connect(context.url, name="customer_assets import-invoices") as connection:
        rows = legacy.count(connection)
        if marks.find(connection, f"import {location}") == f"{digest} {rows} {account}":
            return ImportResult(unchanged=rows)
        result = import_invoices(context, location, table=table, account=account)
        if not result.rejected:
            marks.keep(connection, f"import {location}", f"{digest} {legacy.count(connection)} {account}")
    return result


class _Import:
    """One file: how it is read, and what became of its rows."""

    def __init__(self, sheet: Sheet, mapping: Mapping[str, str], options: FileOptions, zone: ZoneInfo) -> None:
        self.sheet, self.options = sheet, options
        self.at = columns_of(sheet.header, mapping)
        if "source_invoice_id" not in self.at and "invoice_number" in self.at:
            self.at["source_invoice_id"] = self.at["invoice_number"]
        if "source_invoice_id" not in self.at:
            raise ConfigurationError(
                "no column source_invoice_id; name it with --map old=source_invoice_id. The file has "
                f"{', '.join(sheet.header)}"
            )
        self.result = ImportResult()
        used = set(self.at.values())
        self.result.ignored_columns = [name for place, name in enumerate(sheet.header) if place not in used]
        cells = self._cells_to_judge()
        self.amounts = number_reading({c: cells[c] for c in AMOUNTS if c in cells}, decimal=options.decimal)
        self.dates = date_reading({c: cells[c] for c in DATES if c in cells}, order=options.date_order, zone=zone)
        self.result.understood = {**sheet.understood, **{c: self._said(c) for c in sorted(self.at)}}
        self.repeated, self.differing = self._repeated()

    def _said(self, column: str) -> str:
        reading: Reading[Any] | None = self.amounts.get(column) or self.dates.get(column)
        how = f", {reading.name}" if reading is not None and reading.name else ""
        return f"{self.sheet.header[self.at[column]]}{how}"

    def _cells_to_judge(self) -> dict[str, list[tuple[int, str]]]:
        """Each different text of the columns that can be read in more than one way, with the line where it comes first."""
        first: dict[str, dict[str, int]] = {c: {} for c in (*AMOUNTS, *DATES) if c in self.at}
        for line in self.sheet.lines():
            if line.problem is None:
                for column, texts in first.items():
                    text = cell_text(line.cells[self.at[column]])
                    if text is not None:
                        texts.setdefault(text, line.number)
        return {column: [(number, text) for text, number in texts.items()] for column, texts in first.items()}

    def _repeated(self) -> tuple[set[str], dict[str, tuple[int, int]]]:
        """Ids of several rows; and of those whose rows differ, the first two lines that do."""
        seen: dict[str, tuple[int, int]] = {}
        repeated: set[str] = set()
        differing: dict[str, tuple[int, int]] = {}
        for line in self.sheet.lines():
            try:
                row = self._row(line, Counter())
            except RecordError:
                continue
            own = hash(tuple(row.values()))
            first, other = seen.setdefault(row["source_invoice_id"], (line.number, own))
            if first != line.number:
                repeated.add(row["source_invoice_id"])
                if own != other:
                    differing.setdefault(row["source_invoice_id"], (first, line.number))
        return repeated, differing

    # --- rows ---

    def _row(self, line: Line, blanked: Counter[str]) -> dict[str, Any]:
        """A row of ours.

        Raises:
            RecordError: the line is none.
        """
        if line.problem is not None:
            raise RecordError(line.problem)
        texts = {column: cell_text(line.cells[place]) for column, place in self.at.items()}
        if _is_total(line, texts):
            raise RecordError("a line of totals")
        row: dict[str, Any] = {column: _plain(texts.get(column), column, blanked) for column in TEXTS}
        row["customer_address"] = _whole_address(row["customer_address"], [texts.get(c) for c in ADDRESS_PARTS])
        for column, dates in self.dates.items():
            row[column] = _read(dates, texts.get(column), column, blanked)
        for column, amounts in self.amounts.items():
            row[column] = amount(_read(amounts, texts.get(column), column, blanked), column, [])
        if row["source_invoice_id"] is None:
            raise RecordError("no source_invoice_id")
        if row["source_system"] is not None and row["source_system"].casefold() in SYSTEMS:
            row["source_system"] = row["source_system"].casefold()
        issued: date | None = row.get("invoice_date")
        row["month"] = f"{issued:%Y-%m}" if issued else UNDATED
        if self.options.id_with is not None:
            row["source_invoice_id"] = _told_apart(row["source_invoice_id"], issued, self.options.id_with)
        return row

    def _rows(self, bad: list[rejects.Reject]) -> Iterator[dict[str, Any]]:
        """The rows to store, each id once; what is set aside goes to `bad`."""
        done: set[str] = set()
        sums: dict[str, dict[str, Any]] = {}
        for line in self.sheet.lines():
            source_id: str | None = None
            try:
                row = self._row(line, self.result.blanked)
                source_id = row["source_invoice_id"]
                if source_id in self.repeated and self.options.lines == "sum":
                    is_another = source_id in sums
                    _add(sums.setdefault(row["source_invoice_id"], {}), row)
                    self.result.duplicate += is_another
                    continue
                self._refuse_differing(row["source_invoice_id"])
            except RecordError as error:
                self._set_aside(bad, line, source_id, str(error))
                continue
            if source_id in done:
                self.result.duplicate += 1
                continue
            if source_id in self.repeated:
                done.add(row["source_invoice_id"])
            yield row
        yield from sums.values()

    def _refuse_differing(self, source_id: str) -> None:
        if source_id in self.differing:
            first, other = self.differing[source_id]
            raise RecordError(
                f"lines {first} and {other} have this source_invoice_id and differ: say --lines sum where they are lines "
                "of one invoice, --id-with year or date where numbers start again"
            )

    def _set_aside(self, bad: list[rejects.Reject], line: Line, source_id: str | None, reason: str) -> None:
        said = reason if reason.startswith("line") else f"line {line.number}: {reason}"
        received = dict(zip(self.sheet.header, line.received, strict=False))
        beyond = line.received[len(self.sheet.header) :]
        body = msgspec.json.encode(received | ({"": beyond} if beyond else {}))
        if source_id is None and line.problem is None:
            source_id = cell_text(line.cells[self.at["source_invoice_id"]])
        bad.append(rejects.Reject(source_id, body, said, now_utc()))

    # --- storing ---

    def store(self, connection: Connection, account: str) -> None:
        """Store all rows and what is set aside."""
        # what the file does not speak of is not blanked
        given = [column for column in legacy.COLUMNS if column in self.at]
        given += ["customer_address"] if {*ADDRESS_PARTS} & {*self.at} and "customer_address" not in given else []
        given += ["month"] if "invoice_date" in given else []
        legacy.lock(connection, account)
        bad: list[rejects.Reject] = []
        chunk: list[dict[str, Any]] = []
        for row in self._rows(bad):
            chunk.append(row)
            if len(chunk) == CHUNK:
                self._store(connection, account, chunk, given, bad)
                chunk = []
        self._store(connection, account, chunk, given, bad)
        self.result.rejected = len(bad)
        self.result.problems = [reject.reason for reject in bad]
        rejects.store_rejects(
            connection, account=account, source="invoice", entity="legacy_invoices", sync_run_id=None, rejects=bad
        )

    def _store(
        self,
        connection: Connection,
        account: str,
        rows: list[dict[str, Any]],
        given: list[str],
        bad: list[rejects.Reject],
    ) -> None:
        others = {} if self.options.overwrite else legacy.other_invoices(connection, account=account, rows=rows)
        bad += [_another_invoice(row, others[i]) for row in rows if (i := row["source_invoice_id"]) in others]
        rows = [row for row in rows if row["source_invoice_id"] not in others]
        imported = legacy.upsert(connection, account=account, rows=rows, columns=given)
        self.result.created += imported.created
        self.result.updated += imported.updated
        self.result.unchanged += imported.unchanged
        self.result.months |= {row["month"] for row in rows}
        self.result.sample += [{c: row.get(c) for c in given} for row in rows[: SHOWN - len(self.result.sample)]]


def _another_invoice(row: Mapping[str, Any], known: Mapping[str, Any]) -> rejects.Reject:
    source_id = row["source_invoice_id"]
    said = (
        f"{source_id} is stored as another invoice ({known['invoice_date']}, {known['customer_name']}, {known['total']}): "
        "say --id-with year or date where numbers start again, --overwrite where this one is the right one"
    )
    return rejects.Reject(source_id, msgspec.json.encode(row), said, now_utc())


def _plain(text: str | None, column: str, blanked: Counter[str]) -> str | None:
    """A text without what a spreadsheet made of it."""
    if text is None or column not in NUMBERED:
        return text
    try:
        text = identifier(text)
    except ValueError as error:
        if column == "source_invoice_id":
            raise RecordError(f"{column}: {error}") from None
        blanked[f"{column} {error}"] += 1
        return None
    return None if text == "0" and column.startswith("source_") else text


def _told_apart(source_id: str, issued: date | None, by: Literal["year", "date"]) -> str:
    if issued is None:
        raise RecordError("no invoice_date to tell its number apart by")
    return f"{issued:%Y}-{source_id}" if by == "year" else f"{issued}-{source_id}"


def _read(reading: Reading[Any], text: str | None, column: str, blanked: Counter[str]) -> Any:
    if text is None:
        return None
    found = reading.read(text)
    if found is None:
        blanked[f"{column} stands for no date"] += 1
    return found


def _add(into: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Add a line to its invoice.

    Raises:
        RecordError: it is of another customer, or of another day.
    """
    if not into:
        into.update(row)
        return
    if any(into.get(column) != row.get(column) for column in (*CUSTOMER, "invoice_date")):
        raise RecordError("a line of an invoice with another customer or date; --id-with tells such numbers apart")
    for column in AMOUNTS:
        found: Decimal | None = row.get(column)
        if found is not None:
            into[column] = found + (into.get(column) or Decimal(0))


def _whole_address(address: str | None, parts: Sequence[str | None]) -> str | None:
    """An address with what columns beside it say: street, postcode, city, unless it says so itself."""
    said = (address or "").casefold()
    more = [part for part in parts if part and part.casefold() not in said]
    return ", ".join(filter(None, [address, *more])) or None


def _is_total(line: Line, texts: Mapping[str, str | None]) -> bool:
    if texts.get("customer_name") is not None or texts.get("invoice_date") is not None:
        return False
    label = next((text for cell in line.cells if (text := cell_text(cell)) and not text[0].isdigit()), "")
    return bool({folded(label), folded(label.partition(" ")[0])} & _totals())


@cache
def _totals() -> frozenset[str]:
    return frozenset(map(folded, entries("totals")))

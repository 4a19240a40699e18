"""Files and tables of other people's programs as rows of text: delimited text, workbooks, Parquet, a database."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from customer_assets.domain.files.delimited import SEPARATORS, Line, delimited
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.workbooks import shown_in

CHUNK = 20_000
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
LARGEST = 10**18  # of a number that is written out
MOST_SHEET_ROWS = 1_048_576
SHEET_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


@dataclass(frozen=True)
class Sheet:
    """Rows of text under headings.

    Attributes:
        header: the headings.
        lines: the rows, as often as asked for; `number` is the line in a text, else the row from 1.
        understood: how it was read, for people.
    """

    header: list[str]
    lines: Callable[[], Iterator[Line]]
    understood: dict[str, str] = field(default_factory=dict)


def open_sheet(
    location: str,
    *,
    table: str | None = None,
    query: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
) -> Sheet:
    """Open a file or a table.

    Args:
        location: path of a file, or an SQLAlchemy URL.
        table: the table, `schema.table` too, where `location` is a database; the sheet of a workbook.
        query: what is asked of a database instead; it is rolled back.
        encoding, separator: of a text, where they are not to be worked out.

    Raises:
        ConfigurationError: there is no such file or table, or it cannot be read.
    """
    if "://" in location:
        if query is not None and table is not None:
            raise ConfigurationError("--table and --query: give one of them")
        return _of_query(location, query) if query is not None else _of_table(location, table)
    if query is not None:
        raise ConfigurationError("--query is for a database URL")
    path = Path(location)
    if not path.is_file():
        raise ConfigurationError(f"no such file: {location}")
    suffix = path.suffix.lower()
    if suffix not in (known := (*TEXT_SUFFIXES, *SHEET_SUFFIXES, ".parquet")):
        raise ConfigurationError(f"{location}: {suffix or 'no suffix'} is none of {', '.join(known)}")
    try:
        if suffix in SHEET_SUFFIXES:
            return _of_workbook(path, table)
        return _of_parquet(path) if suffix == ".parquet" else _of_text(path, encoding, separator)
    except (ConfigurationError, OSError, ValueError) as error:
        raise ConfigurationError(f"{location}: {error}") from None


def _of_text(path: Path, encoding: str | None, separator: str | None) -> Sheet:
    found = delimited(path.read_bytes(), encoding=encoding, separator="\t" if separator == "\\t" else separator)
    understood = {"encoding": found.encoding, "separator": SEPARATORS.get(found.separator, found.separator)}
    if found.has_closing_separator:
        understood["rows"] = "each ends with a separator"
    return Sheet(found.header, found.lines, understood)


def _of_parquet(path: Path) -> Sheet:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        header = list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(f"cannot be read: {error}") from None

    def lines() -> Iterator[Line]:
        number = 0
        try:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=CHUNK):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield _line(number, row)
        except (pa.ArrowException, OSError, OverflowError, KeyError, ValueError) as error:
            raise ConfigurationError(f"{path}: a value after row {number} cannot be read: {error}") from None

    return Sheet(header, lines, {"format": "Parquet"})


def _of_workbook(path: Path, name: str | None) -> Sheet:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = {sheet: workbook.get_sheet_by_name(sheet) for sheet in workbook.sheet_names}
        filled = {name: sheet.to_python() for name, sheet in sheets.items()}
    except CalamineError as error:
        raise ConfigurationError(f"cannot be read: {error}") from None
    filled = {sheet: rows for sheet, rows in filled.items() if rows}
    if name is None and len(filled) > 1:
        raise ConfigurationError(f"it has {len(filled)} sheets; say which with --table: {', '.join(filled)}")
    if not filled or (name is not None and name not in filled):
        raise ConfigurationError(f"cannot be read: it has no sheet {name}" if name else "cannot be read: it is empty")
    found = name or next(iter(filled))
    header, *rows = _as_shown(path, found, filled[found], sheets[found].start or (0, 0))
    lines = [
        _line(number, row) for number, row in enumerate(rows, start=2) if any(cell not in ("", None) for cell in row)
    ]
    return Sheet([str(cell).strip() for cell in header], lambda: iter(lines), {"format": f"sheet {found}"})


def _as_shown(path: Path, name: str, rows: list[list[Any]], start: tuple[int, int]) -> list[list[Any]]:
    """The cells of a sheet, numbers with the leading zeros that they are shown with."""
    shown = shown_in(path, name)
    if shown.unworked:
        raise ConfigurationError(
            f"sheet {name}: {len(shown.unworked)} cells ({', '.join(shown.unworked[:3])}) hold formulas without a value; "
            "open it in a spreadsheet program, and save it"
        )
    for (row, column), digits in shown.digits.items():
        at, to = row - start[0], column - start[1]
        if 0 <= at < len(rows) and 0 <= to < len(rows[at]) and isinstance(value := rows[at][to], float | int):
            rows[at][to] = f"{int(value):0{digits}d}" if value == int(value) else value
    return rows


def _of_table(url: str, table: str | None) -> Sheet:
    from sqlalchemy import MetaData, Table, exc, select

    if table is None:
        raise ConfigurationError("a database URL needs --table (LEGACY_INVOICES_TABLE) or --query")
    schema, _, name = table.rpartition(".")

    def selected(connection: Any) -> Any:
        try:
            return select(Table(name, MetaData(), schema=schema or None, autoload_with=connection))
        except exc.NoSuchTableError:
            raise ConfigurationError(f"the database has no table {table!r}") from None

    return _of_database(url, selected, f"table {table}")


def _of_query(url: str, query: str) -> Sheet:
    from sqlalchemy import text

    return _of_database(url, lambda _connection: text(query), "query")


def _of_database(url: str, selected: Callable[[Any], Any], what: str) -> Sheet:
    """The rows of a statement; nothing that it did is committed."""
    from sqlalchemy import create_engine, exc

    file = url.partition(":///")[2].partition("?")[0] if url.startswith("sqlite") else ""
    if file and file != ":memory:" and not Path(file).is_file():
        raise ConfigurationError(f"no such file: {file}")  # SQLite would make an empty database of that name
    is_connected = False
    try:
        engine = create_engine(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
        with engine.connect() as connection:
            is_connected = True
            result = connection.execute(selected(connection))
            header = list(result.keys())
            rows = [_line(number, row) for number, row in enumerate(result, start=1)]
    except (exc.SQLAlchemyError, ImportError, ValueError) as error:
        # what is said of a login that failed may hold the address
        is_told = is_connected or not isinstance(error, exc.SQLAlchemyError)
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        reason = said[0] if is_told and said else type(error).__name__
        raise ConfigurationError(f"the database of the old invoices cannot be read: {reason}") from None
    return Sheet(header, lambda: iter(rows), {"format": what})


def _line(number: int, row: Any) -> Line:
    cells = [_as_text(value) for value in row]
    return Line(number, cells, None, tuple(cells))


def _as_text(value: Any) -> str:
    """A typed value as text that reads in one way only."""
    if value is None or value != value:  # noqa: PLR0124 (NaN is not itself)
        return ""
    if isinstance(value, float | Decimal):
        if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST:
            return str(int(value))
        exact = Decimal(str(value))
        text = f"{exact:f}" if exact.is_finite() and abs(exact) < LARGEST else str(value)
        # three places look like thousands
        return f"{text}0" if len(text.partition(".")[2]) == 3 else text
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)


# --- writing ----------------------------------------------------------------------------------------------------------

Cell = str | int | float | date | datetime | None


def write_sheet(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Write rows under headings as CSV, XLSX or Parquet, as the suffix says; what stood there is replaced when all is written.

    A day, or a time of no time zone, is one in a workbook and in Parquet; in CSV it is written as ISO 8601 does.

    Raises:
        ConfigurationError: there is no such format, or it cannot be written.
    """
    check_target(path)
    part = path.with_name(f"{path.name}.part")
    try:
        _WRITERS[path.suffix.lower()](part, header, rows)
        part.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


def check_target(path: Path) -> None:
    """Whether a file can be written there, as far as that is known beforehand.

    Raises:
        ConfigurationError: its format is none that is written, or its folder is not there.
    """
    if path.suffix.lower() not in _WRITERS:
        raise ConfigurationError(f"{path}: {path.suffix or 'no suffix'} is none of {', '.join(_WRITERS)}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: no such folder")


def _write_text(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_workbook(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    import xlsxwriter

    # texts stay texts: nothing that somebody typed becomes a formula or a link
    options: dict[str, Any] = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    options["default_date_format"] = "yyyy-mm-dd hh:mm:ss"
    if len(rows) >= MOST_SHEET_ROWS:
        raise ConfigurationError(f"{len(rows):,} rows are more than a workbook's sheet holds; write CSV or Parquet")
    with path.open("wb") as file, xlsxwriter.Workbook(file, options) as workbook:
        sheet, day = workbook.add_worksheet(), workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet.add_write_handler(
            date, lambda sheet, row, column, value, *_: sheet.write_datetime(row, column, value, day)
        )
        sheet.freeze_panes(1, 0)
        for number, row in enumerate((header, *rows)):
            sheet.write_row(number, 0, row)


def _write_parquet(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    pq.write_table(pa.table({name: list(column) for name, column in zip(header, columns, strict=True)}), path)


_WRITERS = {".csv": _write_text, ".xlsx": _write_workbook, ".parquet": _write_parquet}

"""Importing old invoices that carry customer fields: CSV, Parquet, or a table of any database SQLAlchemy reaches."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from customer_assets.domain.cache.values import amount, plain_date
from customer_assets.domain.clock import now_utc
from customer_assets.errors import ConfigurationError, RecordError
from customer_assets.pipeline.context import Context
from customer_assets.sources.registry import SYSTEMS
from customer_assets.store import marks, rejects
from customer_assets.store.database import Connection, connect
from customer_assets.store.invoices import legacy

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

CHUNK = 20_000
TEXTS = tuple(c for c in legacy.COLUMNS if c not in ("invoice_date", "due_date", "total", "balance", "month"))
# What other exports call our columns.
ALIASES = {
    "invoice_id": "source_invoice_id",
    "customer_vat": "customer_vat_number",
    "vat_number": "customer_vat_number",
}
ADDRESS_PARTS = ("customer_street", "customer_zipcode", "customer_postcode", "customer_city")
UNDATED = "undated"


@dataclass
class ImportResult:
    """What an import did.

    Attributes:
        created, updated, unchanged, duplicate, rejected: rows by outcome.
        ignored_columns: columns of the file that nothing reads.
        months: partitions that the imported rows belong to.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    ignored_columns: list[str] = field(default_factory=list)
    months: set[str] = field(default_factory=set)


def import_invoices(
    context: Context,
    location: str,
    *,
    table: str | None = None,
    mapping: Mapping[str, str] | None = None,
    account: str = "default",
) -> ImportResult:
    """Import old invoices into `legacy_invoices`; the same file twice writes nothing the second time.

    Args:
        context: database.
        location: path of a `.csv` or `.parquet` file, or an SQLAlchemy URL.
        table: the table, where `location` is a database.
        mapping: column of the file -> column of `legacy_invoices`.
        account: whose invoices.

    Raises:
        ConfigurationError: there is no such file or table, or it has no source_invoice_id.
    """
    result = ImportResult()
    with connect(context.url, name="customer_assets import-invoices") as connection:
        for frame in _frames(location, table):
            _import_frame(connection, frame, mapping or {}, account, result)
    return result


def import_if_changed(context: Context, location: str, *, table: str | None = None) -> ImportResult:
    """Import, unless this very file was imported before: the nightly sync need not read it again.

    A database is always read; a file counts as known while its content and the table's rows are what they were.
    """
    path = Path(location)
    if "://" in location or not path.is_file():
        return import_invoices(context, location, table=table)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with connect(context.url, name="customer_assets import-invoices") as connection:
        rows = legacy.count(connection)
        if marks.find(connection, f"import {location}") == f"{digest} {rows}":
            return ImportResult(unchanged=rows)
        result = import_invoices(context, location, table=table)
        if not result.rejected:
            marks.keep(connection, f"import {location}", f"{digest} {legacy.count(connection)}")
    return result


def _frames(location: str, table: str | None) -> Iterator[pd.DataFrame]:
    import pandas as pd

    if "://" in location:
        yield from _table_frames(location, table)
        return
    path = Path(location)
    if not path.is_file():
        raise ConfigurationError(f"no such file: {location}")
    try:
        match path.suffix.lower():
            case ".csv":
                # everything as text: 007 stays 007, and nothing is guessed to be missing
                yield from pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=CHUNK, encoding="utf-8-sig")
            case ".parquet":
                import pyarrow.parquet as pq

                for batch in pq.ParquetFile(path).iter_batches(batch_size=CHUNK):
                    yield batch.to_pandas(types_mapper=pd.ArrowDtype)  # integers with gaps stay integers
            case other:
                raise ConfigurationError(f"{location}: {other or 'no suffix'} is neither .csv nor .parquet")
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        UnicodeDecodeError,
        OSError,
        ValueError,
    ) as error:
        raise ConfigurationError(f"{location} cannot be read: {error}") from None


def _table_frames(url: str, table: str | None) -> Iterator[pd.DataFrame]:
    import pandas as pd
    from sqlalchemy import create_engine, exc

    if table is None:
        raise ConfigurationError("a database URL needs --table (LEGACY_INVOICES_TABLE)")
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            yield from pd.read_sql_table(table, connection, chunksize=CHUNK, dtype_backend="pyarrow")
    except ValueError:
        raise ConfigurationError(f"the database has no table {table!r}") from None
    except (exc.SQLAlchemyError, ImportError) as error:
        reason = type(error).__name__ if isinstance(error, exc.SQLAlchemyError) else str(error)
        raise ConfigurationError(f"the database of the old invoices cannot be read: {reason}") from None


def _renamed(frame: pd.DataFrame, mapping: Mapping[str, str]) -> pd.DataFrame:
    """The frame with our names for its columns."""
    unknown = [name for name in mapping if name not in frame.columns]
    if unknown:
        raise ConfigurationError(
            f"--map: the file has no column {', '.join(unknown)}; it has {', '.join(map(str, frame.columns))}"
        )
    wrong = [name for name in mapping.values() if name not in legacy.COLUMNS and name not in ADDRESS_PARTS]
    if wrong:
        raise ConfigurationError(f"--map: no column {', '.join(wrong)} to fill; there are {', '.join(legacy.COLUMNS)}")
    frame = frame.rename(columns=dict(mapping))
    frame = frame.rename(columns={old: new for old, new in ALIASES.items() if new not in frame.columns})
    if "source_invoice_id" not in frame.columns:
        raise ConfigurationError(
            f"no column source_invoice_id; name it with --map old=source_invoice_id. The file has {', '.join(map(str, frame.columns))}"
        )
    return frame


def _import_frame(
    connection: Connection,
    frame: pd.DataFrame,
    mapping: Mapping[str, str],
    account: str,
    result: ImportResult,
) -> None:
    frame = _renamed(frame, mapping)
    result.ignored_columns = [str(c) for c in frame.columns if c not in legacy.COLUMNS and c not in ADDRESS_PARTS]
    rows: dict[str, dict[str, Any]] = {}
    found_bad: list[rejects.Reject] = []
    for record in frame.to_dict("records"):
        try:
            row = _row({str(key): value for key, value in record.items()})
        except RecordError as error:
            body = msgspec.json.encode({str(k): str(v) for k, v in record.items()})
            found_bad.append(rejects.Reject(_text(record.get("source_invoice_id")), body, str(error), now_utc()))
            continue
        result.duplicate += row["source_invoice_id"] in rows
        rows[row["source_invoice_id"]] = row  # the last of equal ids wins, as in any upsert
    rejects.store_rejects(
        connection,
        account=account,
        source="invoice",
        entity="legacy_invoices",
        sync_run_id=None,
        rejects=found_bad,
    )
    # what the file does not speak of is not blanked
    given = [c for c in legacy.COLUMNS if c in frame.columns]
    given += ["customer_address"] if {*ADDRESS_PARTS} & {*frame.columns} and "customer_address" not in given else []
    given += ["month"] if "invoice_date" in given else []
    imported = legacy.upsert(connection, account=account, rows=list(rows.values()), columns=given)
    result.created += imported.created
    result.updated += imported.updated
    result.unchanged += imported.unchanged
    result.rejected += len(found_bad)
    result.months |= {row["month"] for row in rows.values()}


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    warnings: list[str] = []
    row: dict[str, Any] = {column: _text(record.get(column)) for column in TEXTS}
    if row["source_invoice_id"] is None:
        raise RecordError("no source_invoice_id")
    if row["customer_address"] is None:
        parts = [_text(record.get(part)) for part in ADDRESS_PARTS]
        row["customer_address"] = ", ".join(part for part in parts if part) or None
    for column in ("invoice_date", "due_date"):
        row[column] = plain_date(_text(record.get(column)), column, warnings)
    for column in ("total", "balance"):
        row[column] = amount(_text(record.get(column)), column, warnings)
    if warnings:
        raise RecordError("; ".join(warnings))
    if row["source_system"] is not None and row["source_system"].casefold() in SYSTEMS:
        row["source_system"] = row["source_system"].casefold()
    issued = row["invoice_date"]
    row["month"] = f"{issued:%Y-%m}" if issued else UNDATED
    return row


def _text(value: Any) -> str | None:
    """A cell as trimmed text; empty cells of every kind are None."""
    import pandas as pd

    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return str(value).replace("\x00", "").strip() or None

"""The identity engine on anybody's file, without a database."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customer_assets.domain.identity import ACCEPT, REVIEW, Clusters, Profile, profile, resolve
from customer_assets.errors import ConfigurationError

# What a column may be called, besides the names of legacy_invoices.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "invoice_id", "contact_id", "source_invoice_id", "rec_id", "record_id"),
    "source_system": ("source_system", "source", "system"),
    "source_customer_id": ("source_customer_id", "customer_id"),
    "name": ("customer_name", "name", "company", "company_name"),
    "phone": ("customer_phone", "phone", "phone_number", "tel", "mobile"),
    "email": ("customer_email", "email", "e_mail", "mail"),
    "vat": ("customer_vat_number", "customer_vat", "vat", "vat_number", "tax_id"),
    "address": ("customer_address", "address", "street"),
    "postcode": ("postcode", "zip", "zipcode", "zip_code"),
    "city": ("city", "town", "suburb"),
    "country": ("customer_country", "country"),
}


@dataclass(frozen=True)
class Deduped:
    """What a file gave: rows read, customers found, pairs for a person to decide, seconds."""

    rows: int
    customers: int
    reviews: int
    seconds: float


def dedupe(
    path: Path,
    out: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    accept: float = ACCEPT,
    review: float = REVIEW,
) -> Deduped:
    """Read a CSV or Parquet file, and write for each of its rows which customer it is of.

    Args:
        path: the file; its columns as in COLUMNS, others by `mapping`.
        out: CSV with the columns id, customer_key, rule, score.
        mapping: column of the file -> what it is here.
        accept, review: thresholds.

    Raises:
        ConfigurationError: the file cannot be read, or has no id or nothing to compare; the message names its columns.
    """
    started = time.monotonic()
    columns, rows = _read(path)
    of = _columns(columns, mapping or {})
    profiles = [_profile(row, of, number) for number, row in enumerate(rows)]
    clusters = resolve(profiles, accept=accept, review=review)
    doubled = {key for key, count in Counter(p.key[1] for p in profiles).items() if count > 1}
    try:
        _write(out, rows, of, profiles, clusters, doubled)
    except OSError as error:
        raise ConfigurationError(f"--out {out} cannot be written: {error.strerror}") from None
    return Deduped(len(rows), len(clusters.members), len(clusters.reviews), time.monotonic() - started)


def _write(
    out: Path, rows: list[dict[str, Any]], of: Mapping[str, str], profiles: list[Profile], clusters: Clusters,
    doubled: set[str],
) -> None:  # fmt: skip
    part = out.with_name(out.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer_key", "rule", "score"])
        for number, row in enumerate(rows):
            _, name, order = clusters.of[profiles[number].key]
            evidence = clusters.rule.get(profiles[number].key)
            # where rows share an id, the id alone would name two customers
            customer = f"{name}#{int(order)}" if name in doubled else name
            rule, score = (evidence.rule, evidence.score) if evidence else ("alone", 1.0)
            writer.writerow([_as_text(row[of["id"]]), customer, rule, score])
    part.replace(out)


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    if not path.exists():
        raise ConfigurationError(f"{path}: there is no such file")
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(path)
            return list(table.column_names), table.to_pylist()
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = list(reader)
            return list(reader.fieldnames or ()), found
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _columns(columns: list[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """What each of our columns is called in the file."""
    unknown = [old for old in mapping if old not in columns]
    if unknown:
        raise ConfigurationError(f"--map {unknown[0]}=...: the file has {', '.join(columns)}")
    named = {column.strip().casefold(): column for column in columns}
    of = {
        ours: named[name]
        for ours, names in COLUMNS.items()
        if (name := next((n for n in names if n in named), ""))
    }
    for old, new in mapping.items():
        ours = next((k for k, names in COLUMNS.items() if new in (k, *names)), None)
        if ours is None:
            raise ConfigurationError(f"--map {old}={new}: there are {', '.join(COLUMNS)}")
        of[ours] = old
    if "id" not in of:
        raise ConfigurationError(
            f"no column is the id of a row; name it with --map COLUMN=id; the file has {', '.join(columns)}"
        )
    if not of.keys() & {"name", "phone", "email", "vat", "address"}:
        raise ConfigurationError(
            f"nothing to compare; name columns with --map; the file has {', '.join(columns)}"
        )
    return of


def _profile(row: Mapping[str, Any], of: Mapping[str, str], number: int) -> Profile:
    def text(column: str) -> str | None:
        return _as_text(row.get(of.get(column, ""))) or None

    source_id = text("source_customer_id")
    # the id first, so that a customer's key does not depend on the order of the rows; the number tells doubled ids apart
    return profile(
        ("row", text("id") or f"row {number}", f"{number:09d}"), name=text("name"), vat=text("vat"), phones=[text("phone")],
        mails=[text("email")], address=text("address"), postcode=text("postcode"), city=text("city"),
        country=text("country"), source=(text("source_system") or "", source_id) if source_id else None,
    )  # fmt: skip


def _as_text(value: Any) -> str:
    """A cell as people would write it: whole numbers without a point, nothing for what is no number."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 (NaN)
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return str(value).strip()

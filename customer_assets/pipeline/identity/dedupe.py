"""The identity engine on anybody's file, without a database."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from customer_assets.domain.files.columns import cell_text, identifier
from customer_assets.domain.identity.evidence import ACCEPT, REVIEW, Profile, profile
from customer_assets.domain.identity.resolution import Clusters, resolve
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.files import open_sheet
from customer_assets.pipeline.identity.collector import collector_held

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
# What a spreadsheet may have taken for a number.
NUMBERED = ("id", "source_customer_id", "phone", "vat", "postcode")
# What a value may be spread over, in the order in which it is read.
PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "name": (("given_name", "first_name"), ("surname", "last_name", "family_name")),
    "address": (("street", "address_1", "street_name"), ("street_number", "house_number")),
}


@dataclass(frozen=True)
class Deduped:
    """What a file gave: rows read, customers found, pairs for a person to decide, seconds, and lines that are no rows."""

    rows: int
    customers: int
    reviews: int
    seconds: float
    problems: list[str]


def dedupe(
    path: Path,
    out: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    accept: float = ACCEPT,
    review: float = REVIEW,
) -> Deduped:
    """Read a file, and write for each of its rows which customer it is of.

    Args:
        path: the file; its columns as in COLUMNS, others by `mapping`.
        out: CSV with the columns id, customer_key, rule, score.
        mapping: column of the file -> what it is here; several of one are joined with a space.
        accept, review: thresholds.

    Raises:
        ConfigurationError: the file cannot be read, or has no id or nothing to compare; the message names its columns.
    """
    started = time.monotonic()
    with collector_held():
        ids, profiles, problems = read_profiles(path, mapping)
        clusters = resolve(profiles, accept=accept, review=review, is_all=True)
    try:
        _write(out, ids, profiles, clusters)
    except OSError as error:
        raise ConfigurationError(f"--out {out} cannot be written: {error.strerror}") from None
    seconds = time.monotonic() - started
    return Deduped(len(profiles), len(clusters.members), len(clusters.reviews), seconds, problems)


def read_profiles(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[list[str], list[Profile], list[str]]:
    """The ids of a file's rows, what each row says, and the lines that are none.

    Raises:
        ConfigurationError: as `dedupe`.
    """
    cells, problems = _read(path, mapping or {})
    return cells["id"], [_profile(number, row) for number, row in enumerate(_rows(cells))], problems


def _write(out: Path, ids: list[str], profiles: list[Profile], clusters: Clusters) -> None:
    doubled = {key for key, count in Counter(p.key[1] for p in profiles).items() if count > 1}
    part = out.with_name(out.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer_key", "rule", "score"])
        for own_id, row_profile in zip(ids, profiles, strict=True):
            _, name, order = clusters.of[row_profile.key]
            evidence = clusters.rule.get(row_profile.key)
            # where rows share an id, the id alone would name two customers
            customer = f"{name}#{int(order)}" if name in doubled else name
            rule, score = (evidence.rule, evidence.score) if evidence else ("alone", 1.0)
            writer.writerow([own_id, customer, rule, score])
    part.replace(out)


Cells = dict[str, list[str]]  # our name of a column -> its cells as text, blank where there is none


def _read(path: Path, mapping: Mapping[str, str]) -> tuple[Cells, list[str]]:
    """The cells that say something, and the lines that are no rows."""
    sheet = open_sheet(str(path))
    of = _columns(sheet.header, mapping)
    cells: Cells = {ours: [] for ours in of}
    targets = [
        (ours, cells[ours], [sheet.header.index(name) for name in theirs], dict[str, str]())
        for ours, theirs in of.items()
    ]
    problems: list[str] = []
    for line in sheet.lines():
        if line.problem is not None:
            problems.append(line.problem)
            continue
        for ours, column, places, known in targets:
            found = []
            for place in places:
                cell = line.cells[place]
                if (plain := known.get(cell)) is None:
                    plain = known[cell] = _plain(cell, ours)
                if plain:
                    found.append(plain)
            column.append(found[0] if len(found) == 1 else " ".join(found))
    return cells, problems


def _plain(cell: str, column: str) -> str:
    """A cell as it was before a spreadsheet had it; blank where it says nothing."""
    text = cell_text(cell) or ""
    try:
        plain = identifier(text) if column in NUMBERED else text
    except ValueError:
        return ""
    return "" if plain == "0" and column == "source_customer_id" else plain


def _columns(columns: list[str], mapping: Mapping[str, str]) -> dict[str, list[str]]:
    """What each of our columns is called in the file; several, where it is spread over them."""
    unknown = [old for old in mapping if old not in columns]
    if unknown:
        raise ConfigurationError(f"--map {unknown[0]}=...: the file has {', '.join(columns)}")
    named = {column.strip().casefold(): column for column in columns}
    of = {ours: [found] for ours, names in COLUMNS.items() if (found := _first_of(names, named))}
    for ours, parts in PARTS.items():
        spread = [found for names in parts if (found := _first_of(names, named))]
        if len(spread) > 1:
            of[ours] = spread
    mapped: dict[str, list[str]] = {}
    for old, new in mapping.items():
        ours = next((k for k, names in COLUMNS.items() if new in (k, *names)), "")
        if not ours:
            raise ConfigurationError(f"--map {old}={new}: there are {', '.join(COLUMNS)}")
        mapped.setdefault(ours, []).append(old)
    of |= mapped
    if "id" not in of:
        raise ConfigurationError(
            f"no column is the id of a row; name it with --map COLUMN=id; the file has {', '.join(columns)}"
        )
    if not of.keys() & {"name", "phone", "email", "vat", "address"}:
        raise ConfigurationError(f"nothing to compare; name columns with --map; the file has {', '.join(columns)}")
    return of


def _first_of(names: Iterable[str], named: Mapping[str, str]) -> str | None:
    return next((named[name] for name in names if name in named), None)


def _rows(cells: Cells) -> Iterator[tuple[str, ...]]:
    """The file's rows, with the columns of COLUMNS in their order."""
    blank = [""] * len(cells["id"])
    return zip(*(cells.get(column, blank) for column in COLUMNS), strict=True)


def _profile(number: int, row: tuple[str, ...]) -> Profile:
    own_id, system, source_id, name, phone, email, vat, address, postcode, city, country = row
    # the id first, so that a customer's key does not depend on the order of the rows; the number tells doubled ids apart
    return profile(
        ("row", own_id or f"row {number}", f"{number:09d}"),
        name=name or None,
        vat=vat or None,
        phones=(phone,),
        mails=(email,),
        address=address or None,
        postcode=postcode or None,
        city=city or None,
        country=country or None,
        source=(system, source_id) if source_id else None,
    )

"""The identity engine on anybody's file, without a database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from customer_assets.domain.files.columns import cell_text, identifier
from customer_assets.domain.files.headings import meanings
from customer_assets.domain.identity.engine import IN_PROCESS, Engine
from customer_assets.domain.identity.evidence import (
    Evidence,
    Key,
    Profile,
    Record,
)
from customer_assets.domain.identity.resolution import Clusters, Decisions, resolve
from customer_assets.domain.identity.taking import profiles_of
from customer_assets.domain.identity.weighing import weigh_profiles
from customer_assets.errors import ConfigurationError
from customer_assets.pipeline.files import CHUNK, check_target, open_sheet, write_sheet
from customer_assets.pipeline.identity.bulk import bulk
from customer_assets.pipeline.identity.engines import engines_of
from customer_assets.settings import Settings

# What a column is called here; where none is, as exports in many languages call it (`data/headings.txt`).
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "invoice_id", "contact_id", "source_invoice_id", "rec_id", "record_id"),
    "source_system": ("source_system", "source", "system"),
    "source_customer_id": ("source_customer_id", "customer_id"),
    "name": ("customer_name", "name", "company", "company_name"),
    "phone": ("customer_phone", "phone", "phone_number", "tel", "mobile"),
    "email": ("customer_email", "email", "e_mail", "mail"),
    "vat": ("customer_vat_number", "customer_vat", "vat", "vat_number", "tax_id"),
    "address": ("customer_address", "address", "street", "customer_street"),
    "postcode": ("customer_postcode", "postcode", "zip", "zipcode", "zip_code"),
    "city": ("customer_city", "city", "town", "suburb"),
    "country": ("customer_country", "country"),
    "date_of_birth": ("date_of_birth", "birth_date", "birthdate", "dob", "born"),
}
SEVERAL = ("phone", "email")  # columns of which a file may have more than one, as a phone and a mobile
_KEY = "key "  # before the name of a column that holds an id of its own kind
# What a spreadsheet may have taken for a number.
NUMBERED = ("id", "source_customer_id", "phone", "vat", "postcode")
# What a value may be spread over, in the order in which it is read.
PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "name": (("given_name", "first_name"), ("surname", "last_name", "family_name")),
    "address": (("street", "address_1", "street_name"), ("street_number", "house_number")),
}


ANSWERS = ("same", "different")  # in the order of Decisions
REVIEW_COLUMNS = ("one", "other", "decision", "weight", "reasons", "one_says", "other_says")


@dataclass(frozen=True)
class Options:
    """How a file is to be read and resolved.

    Attributes:
        mapping: column of the file -> what it is here; several of one are joined with a space.
        keys: columns that hold ids of customers of any kind: who shares one is one customer.
        settings: thresholds, and the engine.
        decisions: file of answered pairs, as `write_reviews` writes it.
        written: how the file is written, where that is not to be worked out: table, encoding, separator.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    keys: Sequence[str] = ()
    settings: Settings = field(default_factory=Settings)
    decisions: Path | None = None
    written: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Deduped:
    """A file whose customers were found.

    Attributes:
        ids: id of each row.
        profiles: what each says.
        clusters: the customers.
        problems: lines that are no rows.
        columns: our columns -> those of the file that they were read from.
        ignored: columns of the file that were not looked at.
        said: what each row says, for people.
        seconds: it took.
    """

    ids: list[str]
    profiles: list[Profile]
    clusters: Clusters
    problems: list[str]
    columns: Mapping[str, Sequence[str]]
    ignored: Sequence[str]
    said: list[str]
    seconds: float

    def customer_keys(self) -> list[str]:
        """The customer of each row: the id of its first row; where rows share an id, with the number of the row."""
        keys = [one.key for one in self.profiles]
        ids = Counter(name for _, name, _ in keys)
        mark = "#"
        while any(f"{name}{mark}{int(order)}" in ids for _, name, order in keys):
            mark += "#"
        of = (self.clusters.of[key] for key in keys)
        return [f"{name}{mark}{int(order)}" if ids[name] > 1 else name for _, name, order in of]


def dedupe(path: Path, options: Options | None = None, *, progress: Callable[[str], None] | None = None) -> Deduped:
    """Read a file, and find which rows of it are of one customer.

    Args:
        path: the file; its columns as in COLUMNS, others by the options' mapping.
        options: how.
        progress: told what is being done.

    Raises:
        ConfigurationError: the file cannot be read, or has no id or nothing to compare; the message names its columns.
    """
    options, tell = options or Options(), progress or (lambda _: None)
    started = time.monotonic()
    with bulk():
        cells, problems, columns, ignored = _read(path, options)
        tell("read: " + ", ".join(f"{ours} from {' and '.join(theirs)}" for ours, theirs in columns.items()))
        if ignored:
            tell(f"not looked at (--map COLUMN=... names one): {', '.join(ignored)}")
        tell(f"{len(cells['id']):,} rows read in {time.monotonic() - started:.1f} s")
        with engines_of(options.settings) as engine_for:
            engine = engine_for(len(cells["id"]))
            profiles = _profiles(cells, options.keys, engine)
            tell(f"taken apart in {time.monotonic() - started:.1f} s; now they are compared")
            decisions = _decisions(options.decisions, cells["id"], profiles) if options.decisions else Decisions()
            clusters = resolve(
                profiles,
                accept=options.settings.identity_accept,
                review=options.settings.identity_review,
                decisions=decisions,
                is_all=True,
                engine=engine,
            )
    seconds = time.monotonic() - started
    return Deduped(cells["id"], profiles, clusters, problems, columns, ignored, _said(cells), seconds)


def read_profiles(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[list[str], list[Profile], list[str]]:
    """The ids of a file's rows, what each row says, and the lines that are none.

    Raises:
        ConfigurationError: as `dedupe`.
    """
    cells, problems, _, _ = _read(path, Options(mapping or {}))
    return cells["id"], _profiles(cells, (), IN_PROCESS), problems


def check_targets(path: Path, out: Path, review: Path | None, decisions: Path | None) -> None:
    """Whether the files to write can be written, and none of them is a file that is read, or holds answers.

    Raises:
        ConfigurationError: one cannot, or is one.
    """
    read = [given for given in (path, decisions) if given is not None]
    for target in filter(None, (out, review)):
        check_target(target)
        if any(target.exists() and given.exists() and target.samefile(given) for given in read):
            raise ConfigurationError(f"{target} is read here and would be written over: name another file")
    if review is not None and review.resolve() == out.resolve():
        raise ConfigurationError(f"{out} would be written twice: --out and --review are two files")
    if review is not None and review.exists() and review.stat().st_size and _has_answers(review):
        raise ConfigurationError(
            f"{review} holds answers: read them with --decisions {review}, and write another --review"
        )


def _has_answers(path: Path) -> bool:
    try:
        sheet = open_sheet(str(path))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"--review {path} is there, and may hold answers: name another file ({error})"
        ) from None
    if "decision" not in sheet.header:
        return False
    at = sheet.header.index("decision")
    return any(line.problem is None and cell_text(line.cells[at]) for line in sheet.lines())


def write_customers(found: Deduped, out: Path) -> None:
    """Write id, customer_key, rule, score of each row; the suffix says the format.

    Raises:
        ConfigurationError: it cannot be written.
    """
    with bulk():
        rows = []
        for own_id, one, customer in zip(found.ids, found.profiles, found.customer_keys(), strict=True):
            evidence = found.clusters.rule.get(one.key)
            rule, score = (evidence.rule, evidence.score) if evidence else ("alone", 1.0)
            rows.append((own_id, customer, rule, score))
        write_sheet(out, ("id", "customer_key", "rule", "score"), rows)


def write_reviews(found: Deduped, out: Path) -> None:
    """Write the pairs in doubt, the surest first, with a column for the answer: same or different.

    Raises:
        ConfigurationError: it cannot be written.
    """
    numbers = {one.key: number for number, one in enumerate(found.profiles)}
    rows = []
    for review in found.clusters.reviews:
        one, other = numbers[review.one], numbers[review.other]
        reasons = ", ".join(f"{name} {weight:+g}" for name, weight in review.evidence.parts)
        pair = (found.ids[one], found.ids[other], "", review.evidence.weight, reasons)
        rows.append((*pair, found.said[one], found.said[other]))
    write_sheet(out, REVIEW_COLUMNS, rows)


def explain_rows(found: Deduped, one: str, other: str) -> list[tuple[str, str, Evidence]]:
    """Why two rows are of one customer: the accepted evidence from one to the other; where they are not, what there is.

    Raises:
        ConfigurationError: no row has one of the ids.
    """
    numbers = {own_id: number for number, own_id in reversed(list(enumerate(found.ids)))}
    if missing := [name for name in (one, other) if name not in numbers]:
        raise ConfigurationError(f"--explain {missing[0]}: no row has this id")
    first, second = (found.profiles[numbers[name]] for name in (one, other))
    ids = dict(zip((p.key for p in found.profiles), found.ids, strict=True))
    path = found.clusters.path(first.key, second.key)
    if path:
        return [(ids[edge.one], ids[edge.other], edge.evidence) for edge in path]
    return [(one, other, weigh_profiles(first, second, found.profiles))]


def _decisions(path: Path, ids: Sequence[str], profiles: Sequence[Profile]) -> Decisions:
    """Answered pairs of a file: columns one, other, decision (same or different; blank: not answered)."""
    keys = {own_id: one.key for own_id, one in reversed(list(zip(ids, profiles, strict=True)))}
    sheet = open_sheet(str(path))
    if lacking := [name for name in REVIEW_COLUMNS[:3] if name not in sheet.header]:
        raise ConfigurationError(f"{path}: no column {lacking[0]}; it is a file as --review writes it, answered")
    at = [sheet.header.index(name) for name in REVIEW_COLUMNS[:3]]
    answers: dict[tuple[Key, Key], str] = {}
    for line in sheet.lines():
        if line.problem is not None:
            raise ConfigurationError(f"{path}: {line.problem}")
        one, other, decision = ((cell_text(line.cells[place]) or "") for place in at)
        if not decision:
            continue
        if decision.casefold() not in ANSWERS:
            raise ConfigurationError(f"{path}: line {line.number}: {decision}: the answer is same or different")
        if missing := [name for name in (one, other) if name not in keys]:
            raise ConfigurationError(f"{path}: line {line.number}: no row has the id {missing[0]}")
        pair = min(keys[one], keys[other]), max(keys[one], keys[other])
        if answers.setdefault(pair, decision.casefold()) != decision.casefold():
            raise ConfigurationError(f"{path}: line {line.number}: {one} and {other} were answered otherwise before")
    return Decisions(*(frozenset(pair for pair, said in answers.items() if said == answer) for answer in ANSWERS))


Cells = dict[str, list[str]]  # our name of a column -> its cells as text, blank where there is none


def _read(path: Path, options: Options) -> tuple[Cells, list[str], dict[str, list[str]], list[str]]:
    """The cells that say something, the lines that are no rows, what was read from which columns, and from which nothing."""
    sheet = open_sheet(str(path), **options.written)
    of = _columns(sheet.header, options.mapping, options.keys)
    columns = [_Column(ours, [sheet.header.index(name) for name in theirs]) for ours, theirs in of.items()]
    problems: list[str] = []
    lines = sheet.lines()
    while some := list(islice(lines, CHUNK)):
        rows = [line.cells for line in some if line.problem is None]
        problems += [line.problem for line in some if line.problem is not None]
        for column in columns:
            column.take(rows)
    used = {name for theirs in of.values() for name in theirs}
    ignored = [name for name in sheet.header if name and name not in used]
    return {column.ours: column.cells for column in columns}, problems, of, ignored


class _Column:
    """A column of ours, which is read many rows at once; each distinct cell is looked at once."""

    def __init__(self, ours: str, places: Sequence[int]) -> None:
        self.ours, self.places = ours, places
        self.cells: list[str] = []
        self._known: dict[str, str] = {}

    def take(self, rows: Sequence[Sequence[str]]) -> None:
        """Add the cells of some rows, those of several places joined."""
        parts = [self._plain([row[place] for row in rows]) for place in self.places]
        self.cells += (
            parts[0] if len(parts) == 1 else [" ".join(filter(None, found)) for found in zip(*parts, strict=True)]
        )

    def _plain(self, cells: Sequence[str]) -> list[str]:
        known = self._known
        known |= {cell: _plain(cell, self.ours) for cell in set(cells).difference(known)}
        return [known[cell] for cell in cells]


def _plain(cell: str, column: str) -> str:
    """A cell as it was before a spreadsheet had it; blank where it says nothing."""
    text = cell_text(cell) or ""
    try:
        plain = identifier(text) if column in NUMBERED or column.startswith(_KEY) else text
    except ValueError:
        return ""
    return "" if plain == "0" and column == "source_customer_id" else plain


def _columns(columns: list[str], mapping: Mapping[str, str], keys: Sequence[str]) -> dict[str, list[str]]:
    """What each of our columns is called in the file; several, where it is spread over them."""
    if unknown := [old for old in mapping if old not in columns]:
        raise ConfigurationError(f"--map {unknown[0]}=...: the file has {', '.join(columns)}")
    if unknown := [key for key in keys if key not in columns]:
        raise ConfigurationError(f"--key {unknown[0]}: the file has {', '.join(columns)}")
    others = [name for name in columns if name not in mapping and name not in keys]
    named = {column.strip().casefold(): column for column in reversed(others)}
    of = {ours: found for ours, names in COLUMNS.items() if (found := [named[name] for name in names if name in named])}
    for heading, legacy in meanings(others).items():
        meant = next((column for column, called in COLUMNS.items() if legacy in called), None)
        if meant is not None and (meant not in of or meant in SEVERAL):
            of.setdefault(meant, []).append(heading)
    of = {ours: list(dict.fromkeys(found)) if ours in SEVERAL else found[:1] for ours, found in of.items()}
    for ours, parts in PARTS.items():
        spread = [name for names in parts if (name := _first_of(names, named))]
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
    of |= {_KEY + key: [key] for key in keys}
    if not keys and not of.keys() & {"name", "phone", "email", "vat", "address"}:
        raise ConfigurationError(f"nothing to compare; name columns with --map; the file has {', '.join(columns)}")
    return of


def _first_of(names: Iterable[str], named: Mapping[str, str]) -> str | None:
    return next((named[name] for name in names if name in named), None)


def _rows(cells: Cells, keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The file's rows, with the columns of COLUMNS in their order, and then its keys."""
    blank = [""] * len(cells["id"])
    return zip(*(cells.get(column, blank) for column in (*COLUMNS, *(_KEY + key for key in keys))), strict=True)


def _said(cells: Cells) -> list[str]:
    """What rows say, each in one line."""
    shown = [column for column in cells if column not in ("id", "source_system", "source_customer_id")]
    return [" | ".join(filter(None, row)) for row in zip(*(cells[column] for column in shown), strict=True)]


def _profiles(cells: Cells, keys: Sequence[str], engine: Engine) -> list[Profile]:
    """What each row says."""
    return profiles_of(enumerate(_rows(cells, keys)), partial(_record, keys), engine)


def _record(keys: Sequence[str], numbered: tuple[int, tuple[str, ...]]) -> Record:
    number, row = numbered
    own_id, system, source_id, name, phone, email, vat, address, postcode, city, country, born, *own_keys = row
    # the id first, so that a customer's key does not depend on the order of the rows; the number tells doubled ids apart
    return Record(
        ("row", own_id or f"row {number}", f"{number:09d}"),
        name=name,
        vat=vat,
        phones=(phone,),
        mails=(email,),
        address=address,
        postcode=postcode,
        city=city,
        country=country,
        source=(system, source_id) if source_id else None,
        born=born,
        keys=dict(zip(keys, own_keys, strict=True)) if keys else None,
    )

"""Set-based application of mapped records to the cache tables.

One batch is one transaction: an anti-join on the content hash finds the few rows that need a look, only those are
fetched (and locked, in key order), merged with what the record says, and written: new ones by COPY, changed ones
through a temporary table. A batch in which nothing changed writes nothing.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec
import psycopg

from customer_assets.domain.cache.mapping import MappedRecord, content_hash
from customer_assets.domain.cache.overlay import Overlays, source_values, visible_values
from customer_assets.domain.cache.versions import supersedes
from customer_assets.store.database import Connection

MOST_TRIES = 5  # of one batch, against deadlocks and rows that somebody else inserted meanwhile
_json = msgspec.json.Encoder()


@dataclass(slots=True)
class Counts:
    """What became of records. `fetched` is their sum: every record is counted once."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    skipped: int = 0
    duplicate: int = 0
    rejected: int = 0
    deactivated: int = 0
    errors: int = 0

    @property
    def synced(self) -> int:
        """Records that the cache now holds as the source has them."""
        return self.created + self.updated + self.unchanged

    @property
    def fetched(self) -> int:
        """Records seen."""
        return self.synced + self.stale + self.skipped + self.duplicate + self.rejected

    def add(self, other: Counts) -> None:
        """Add the counts of another batch."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))

    def as_dict(self) -> dict[str, int]:
        """All counts by name, `synced` first."""
        return {"synced": self.synced} | {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mapped record and when it was seen (asked for, or signed)."""

    record: MappedRecord
    seen_at: datetime


Visible = Callable[
    [Mapping[str, Any], Overlays, int | None, bool], tuple[dict[str, Any], dict[str, Any] | None]
]


@dataclass(frozen=True)
class CacheTable:
    """One base table of the cache.

    Attributes:
        entity: its name in metadata and rejects.
        name: table name.
        id_column: the source's id.
        source_columns: columns that hold source values.
        blanks: values of a new row's columns that the source does not speak of.
        columns: all columns that a load writes.
        json_columns: those of type jsonb.
        visible: source values -> row.
        has_changes: changes are logged in customer_changes.
    """

    entity: str
    name: str
    id_column: str
    source_columns: tuple[str, ...]
    blanks: Mapping[str, Any]
    derived_columns: tuple[str, ...]
    json_columns: frozenset[str]
    visible: Visible
    has_changes: bool

    @property
    def columns(self) -> tuple[str, ...]:
        own = ("account", "source", self.id_column)
        times = (
            "content_hash",
            "record_hash",
            "source_modified_at",
            "source_time_given",
            "deleted_at",
            "last_seen_at",
        )
        extra = ("covered",) if self.has_changes else ()
        return (*own, *self.source_columns, *self.derived_columns, *extra, *times)


CUSTOMERS = CacheTable(
    entity="customers",
    name="customer_rows",
    id_column="source_customer_id",
    source_columns=(
        "name", "company_name", "legal_form", "vat_number", "default_vat_tariff", "phone", "mobile", "website",
        "general_email", "billing_email", "street", "street2", "city", "state", "zipcode", "country", "role",
        "assignee", "gl_account", "status", "external_sales_person", "follow_up_date", "whatsapp_client",
        "accessible_via_peppol", "is_active", "contact_persons", "extra_fields",
    ),
    blanks={
        "name": "Unknown Customer", "whatsapp_client": False, "accessible_via_peppol": False, "is_active": True,
        "contact_persons": [], "extra_fields": {},
    },
    derived_columns=("primary_phone", "metadata"),
    json_columns=frozenset({"contact_persons", "extra_fields", "metadata", "covered"}),
    visible=lambda values, overlays, row_id, deleted: visible_values(values, overlays, row_id=row_id, deleted=deleted),
    has_changes=True,
)  # fmt: skip

INVOICES = CacheTable(
    entity="invoices",
    name="invoice_rows",
    id_column="source_invoice_id",
    source_columns=(
        "source_customer_id", "invoice_number", "total", "balance", "currency_code", "invoice_date", "due_date",
        "status",
    ),
    blanks={},
    derived_columns=(),
    json_columns=frozenset(),
    visible=lambda values, _overlays, _row_id, _deleted: (dict(values), None),
    has_changes=False,
)  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """What a batch belongs to.

    Attributes:
        account, source: whose records.
        origin: sync, webhook, edit, migration or push; stands in customer_changes.
        sync_run_id, delivery_ids: what brought them; delivery ids by source id.
        touch: rows are marked as seen even where nothing changed (by id, delivery).
        incremental: changed rows are marked as seen (a full scan dates all rows at once instead).
        whole_metadata: the record's metadata replaces the stored one, else it is merged into it.
        scanned_at: start of the last complete scan: what it left as it was, was so then.
        rederives: every row is worked out again, such as by a changed rule for phone numbers.
    """

    account: str
    source: str
    overlays: Overlays
    origin: str = "sync"
    sync_run_id: int | None = None
    delivery_ids: Mapping[str, str] = field(default_factory=dict)
    touch: bool = False
    incremental: bool = False
    whole_metadata: bool = True
    scanned_at: datetime | None = None
    rederives: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """Counts of a batch, and the outcome (and row id, for rows that were there) of each source id."""

    counts: Counts
    outcomes: dict[str, str]


def unchanged_records(
    connection: Connection, table: CacheTable, batch: Batch, records: Sequence[tuple[str, bytes]]
) -> list[bool]:
    """Which records are stored exactly as received, so that nothing need be read of them.

    Args:
        connection: database.
        table, batch: whose records.
        records: (source id, record hash) of each.
    """
    rows = connection.execute(
        f"""
        select {table.id_column} as source_id, record_hash
        from {table.name}
        where account = %(account)s
            and source = %(source)s
            and {table.id_column} = any(%(ids)s)
            and deleted_at is null
            and record_hash is not null
        """,
        {"account": batch.account, "source": batch.source, "ids": [source_id for source_id, _ in records]},
        binary=True,
    )
    stored = {row["source_id"]: row["record_hash"] for row in rows}
    return [stored.get(source_id) == digest for source_id, digest in records]


def apply_batch(
    connection: Connection, table: CacheTable, batch: Batch, sightings: Sequence[Sighting]
) -> Applied:
    """Bring a batch of records into the cache, newest wins; retried on deadlock, in one transaction each time.

    Raises:
        psycopg.Error: the database refused for another reason.
    """
    newest, duplicates = _newest_of_each(sightings)
    for attempt in range(1, MOST_TRIES + 1):
        try:
            with connection.transaction():
                applied = _apply(connection, table, batch, newest)
                applied.counts.duplicate += duplicates
                return applied
        except (
            psycopg.errors.DeadlockDetected,
            psycopg.errors.SerializationFailure,
            psycopg.errors.UniqueViolation,
        ):
            if attempt == MOST_TRIES:
                raise
            time.sleep(0.05 * attempt)
    raise AssertionError("the loop returns or raises")


def _newest_of_each(sightings: Sequence[Sighting]) -> tuple[list[Sighting], int]:
    """One sighting per id, the newest (the later one of equals), in key order; and how many were dropped."""
    newest: dict[str, Sighting] = {}
    for sighting in sightings:
        held = newest.get(sighting.record.source_id)
        if held is None or supersedes(
            stored_at=held.record.modified_at or held.seen_at,
            stored_given=held.record.modified_at is not None,
            modified_at=sighting.record.modified_at,
            seen_at=sighting.seen_at,
        ):
            newest[sighting.record.source_id] = sighting
    return [newest[key] for key in sorted(newest)], len(sightings) - len(newest)


def _apply(connection: Connection, table: CacheTable, batch: Batch, sightings: list[Sighting]) -> Applied:
    counts = Counts()
    outcomes: dict[str, str] = {}
    hashes = [content_hash(s.record.values, table.blanks) for s in sightings]
    new, known = _needing_a_look(connection, table, batch, sightings, hashes)
    inserts = [_new_row(table, batch, sightings[number], hashes[number]) for number in new]
    counts.created = len(inserts)
    outcomes.update((sightings[number].record.source_id, "created") for number in new)
    updates: list[dict[str, Any]] = []
    changes: list[tuple[Any, ...]] = []
    for number, row in known:
        sighting = sightings[number]
        outcome, update = _merged(table, batch, sighting, row)
        outcomes[sighting.record.source_id] = outcome
        setattr(counts, outcome, getattr(counts, outcome) + 1)
        if update is not None:
            updates.append(update)
            if table.has_changes:
                changes.extend(changes_of(table, batch, sighting.record.source_id, row, update))
    counts.unchanged += len(sightings) - len(new) - len(known)
    _copy(connection, table.name, table.columns, table.json_columns, inserts)
    write_updates(connection, table, updates)
    if changes:
        write_changes(connection, changes)
    if batch.touch:
        _touch(connection, table, batch, sightings)
    return Applied(counts, outcomes)


def _needing_a_look(
    connection: Connection, table: CacheTable, batch: Batch, sightings: list[Sighting], hashes: list[bytes]
) -> tuple[list[int], list[tuple[int, dict[str, Any]]]]:
    """Numbers of sightings without a row, and those whose row differs, with the row, locked in key order."""
    # By key list, not by join: the planner knows nothing of a table that is being filled, and would scan it per batch.
    stored = {
        row["source_id"]: row
        for row in connection.execute(
            f"""
            select
                id, {table.id_column} as source_id, content_hash, record_hash, source_modified_at, source_time_given,
                deleted_at
            from {table.name}
            where account = %(account)s
                and source = %(source)s
                and {table.id_column} = any(%(ids)s)
            """,
            {
                "account": batch.account,
                "source": batch.source,
                "ids": [s.record.source_id for s in sightings],
            },
            binary=True,
        )
    }
    new: list[int] = []
    differing: dict[int, int] = {}
    for number, (sighting, content) in enumerate(zip(sightings, hashes, strict=True)):
        row = stored.get(sighting.record.source_id)
        if row is None:
            new.append(number)
        elif batch.rederives or _differs(row, sighting.record, content):
            differing[row["id"]] = number
    if not differing:
        return new, []
    rows = connection.execute(
        f"""
        select *
        from {table.name}
        where id = any(%(ids)s)
        order by {table.id_column}
        for update
        """,
        {"ids": list(differing)},
    )
    return new, [(differing[row["id"]], row) for row in rows]


def _differs(row: Mapping[str, Any], record: MappedRecord, content: bytes) -> bool:
    """Whether a stored row needs a look: received otherwise, gone before, or a time of change that is not stored yet.

    Other content alone would miss keys that no column holds; a record of unknown form (a delivery) is always looked at.
    """
    if (
        row["content_hash"] != content
        or row["record_hash"] != record.record_hash
        or row["deleted_at"] is not None
    ):
        return True
    modified_at = record.modified_at
    return modified_at is not None and (
        not row["source_time_given"] or modified_at > row["source_modified_at"]
    )


def _new_row(table: CacheTable, batch: Batch, sighting: Sighting, digest: bytes) -> dict[str, Any]:
    record = sighting.record
    source = dict.fromkeys(table.source_columns) | dict(table.blanks) | record.insert_values
    source |= {
        column: value
        for column, value in record.values.items()
        if value is not None or column not in table.blanks
    }
    if record.insert_values:
        digest = content_hash(source, table.blanks)
    row = _row(table, batch, sighting, source, digest, row_id=None, metadata=record.metadata)
    row["last_seen_at"] = sighting.seen_at if batch.touch or batch.incremental else None
    return row


def _merged(
    table: CacheTable, batch: Batch, sighting: Sighting, row: dict[str, Any]
) -> tuple[str, dict[str, Any] | None]:
    """What becomes of a stored row: (outcome, the row to write or None)."""
    record = sighting.record
    if row["deleted_at"] is not None and sighting.seen_at <= row["deleted_at"]:
        return "stale", None
    given = record.modified_at is not None
    stored_at = row["source_modified_at"]
    if not row["source_time_given"] and batch.scanned_at is not None and stored_at is not None:
        stored_at = max(stored_at, batch.scanned_at)
    if not supersedes(
        stored_at=stored_at,
        stored_given=row["source_time_given"],
        modified_at=record.modified_at,
        seen_at=sighting.seen_at,
    ):
        return "stale", None
    source = source_values(row, table.source_columns)
    source |= {
        column: value
        for column, value in record.values.items()
        if value is not None or column not in table.blanks
    }
    metadata = row.get("metadata") or {}
    metadata = record.metadata if batch.whole_metadata else metadata | record.metadata
    digest = content_hash(source, table.blanks)
    merged = _row(table, batch, sighting, source, digest, row_id=row["id"], metadata=metadata)
    merged["id"] = row["id"]
    revived = row["deleted_at"] is not None
    if merged["content_hash"] == bytes(row["content_hash"]) and not revived:
        if any(merged[column] != row[column] for column in table.derived_columns):
            # keys that no column holds, or a number read by another rule: the customer's own fields are the same
            return "unchanged", merged | {"last_seen_at": row["last_seen_at"]}
        if given and (row["source_modified_at"] != record.modified_at or not row["source_time_given"]):
            # the source says that it is newer: kept, so that an older version arriving late does not pass for newer
            return "unchanged", merged | {
                "updated_at": row["updated_at"],
                "last_seen_at": row["last_seen_at"],
            }
        return "unchanged", None
    merged["last_seen_at"] = sighting.seen_at if batch.touch or batch.incremental else row["last_seen_at"]
    return "updated", merged


def _row(
    table: CacheTable,
    batch: Batch,
    sighting: Sighting,
    source: dict[str, Any],
    digest: bytes,
    *,
    row_id: int | None,
    metadata: dict[str, Any],
) -> dict[str, Any]:
    """A row with every column that a load writes."""
    shown, covered = table.visible(source, batch.overlays, row_id, False)
    return shown | {
        "account": batch.account,
        "source": batch.source,
        table.id_column: sighting.record.source_id,
        "metadata": metadata,
        "covered": covered,
        "content_hash": digest,
        "record_hash": sighting.record.record_hash,
        "source_modified_at": sighting.record.modified_at or sighting.seen_at,
        "source_time_given": sighting.record.modified_at is not None,
        "deleted_at": None,
    }


def changes_of(
    table: CacheTable, batch: Batch, source_id: str, row: Mapping[str, Any], update: Mapping[str, Any]
) -> Iterable[tuple[Any, ...]]:
    """What an update changes, one entry per field."""
    for column in (*table.source_columns, "primary_phone", "deleted_at"):
        old, new = row[column], update[column]
        if old != new:
            yield (
                row["id"], column, _as_text(old), _as_text(new), batch.origin, batch.sync_run_id,
                batch.delivery_ids.get(source_id),
            )  # fmt: skip


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return _json.encode(value).decode()


# --- writing ----------------------------------------------------------------------------------------------------------


def _csv(columns: Sequence[str], json_columns: frozenset[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as COPY's CSV: None is unquoted nothing, so no column may hold an empty text (blank is null everywhere)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")  # so that a lone \r in a text is quoted, too
    bytes_at = [number for number, column in enumerate(columns) if column.endswith("_hash")]
    json_at = [number for number, column in enumerate(columns) if column in json_columns]
    pick = itemgetter(*columns)
    for row in rows:
        values = list(pick(row))
        for number in json_at:
            if values[number] is not None:
                values[number] = _json.encode(values[number]).decode()
        for number in bytes_at:
            digest = values[number]
            if digest is not None:
                values[number] = f"\\x{bytes(digest).hex()}"
        writer.writerow(values)
    return buffer.getvalue()


def _copy(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    json_columns: frozenset[str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    if rows:
        with connection.cursor().copy(f"copy {table} ({', '.join(columns)}) from stdin (format csv)") as copy:
            copy.write(_csv(columns, json_columns, rows))


def write_updates(connection: Connection, table: CacheTable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write whole rows by their id, through a temporary table."""
    if not rows:
        return
    staging = f"staged_{table.name}"
    connection.execute(
        f"create temporary table if not exists {staging} as select * from {table.name} with no data"
    )
    connection.execute(f"truncate {staging}")
    columns = (*table.columns, "updated_at")
    rows = [{"updated_at": None, **row} for row in rows]
    _copy(connection, f"pg_temp.{staging}", ("id", *columns), table.json_columns, rows)
    written = [c for c in columns if c not in ("account", "source", table.id_column, "updated_at")]
    assignments = ",\n            ".join(f"{column} = s.{column}" for column in written)
    connection.execute(
        f"""
        update {table.name} r
        set {assignments},
            updated_at = coalesce(s.updated_at, now())
        from pg_temp.{staging} s
        where r.id = s.id
        """
    )


def write_changes(connection: Connection, changes: Sequence[tuple[Any, ...]]) -> None:
    """Log changes as `changes_of` gives them."""
    columns = "cache_id, field, old_value, new_value, origin, sync_run_id, delivery_id"
    with connection.cursor().copy(f"copy customer_changes ({columns}) from stdin") as copy:
        for change in changes:
            copy.write_row(change)


def _touch(connection: Connection, table: CacheTable, batch: Batch, sightings: Sequence[Sighting]) -> None:
    connection.execute(
        f"""
        update {table.name} r
        set last_seen_at = greatest(r.last_seen_at, k.seen_at)
        from unnest(%(ids)s::text[], %(times)s::timestamptz[]) as k (source_id, seen_at)
        where r.account = %(account)s
            and r.source = %(source)s
            and r.{table.id_column} = k.source_id
            and r.deleted_at is null
            and r.last_seen_at is distinct from greatest(r.last_seen_at, k.seen_at)
        """,
        {
            "account": batch.account,
            "source": batch.source,
            "ids": [s.record.source_id for s in sightings],
            "times": [s.seen_at for s in sightings],
        },
    )

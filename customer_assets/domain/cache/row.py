"""What becomes of a row: newest wins by source time, absent keeps, a row that comes back is revived.

Pure: rows and records come in, rows and changes go out; `store/cache/upsert.py` reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import msgspec

from customer_assets.domain.cache.mapping import MappedRecord, content_hash
from customer_assets.domain.cache.overlay import Overlays, source_values
from customer_assets.domain.cache.tables import CacheTable
from customer_assets.domain.cache.versions import believable, corrects, supersedes

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


class Sighting(NamedTuple):
    """A mapped record and when it was seen (asked for, or signed)."""

    record: MappedRecord
    seen_at: datetime


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
        clock_tolerance: how far a source's clock may be ahead.
        believes: ids that are taken as they are, though they are older than what is stored: complete scans said so twice.
        believes_all: so are all: somebody asked for them now.
        gone_by_hand: ids of rows that somebody marked as deleted by hand: whoever landed is there, before it, too.
        new_since: rows stored since then are new, not changed: what else is said of them is no change.
        now: when it is brought in: what was stored as of later is of a clock of ours that was ahead.
        is_first: nothing of this source was there when the load began: rows are inserted without a look at first.
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
    clock_tolerance: timedelta = timedelta(minutes=10)
    believes: frozenset[str] = frozenset()
    believes_all: bool = False
    gone_by_hand: frozenset[str] = frozenset()
    new_since: datetime | None = None
    now: datetime | None = None
    is_first: bool = False

    @classmethod
    def of_deliveries(
        cls,
        account: str,
        source: str,
        overlays: Overlays,
        *,
        scanned_at: datetime | None,
        delivery_ids: Mapping[str, str],
        clock_tolerance: timedelta,
        now: datetime,
    ) -> Self:
        """Records that webhook deliveries carry: they say only what they say, and each is a sight of its row."""
        return cls(
            account,
            source,
            overlays,
            origin="webhook",
            delivery_ids=delivery_ids,
            touch=True,
            incremental=True,
            whole_metadata=False,
            scanned_at=scanned_at,
            clock_tolerance=clock_tolerance,
            now=now,
        )

    @classmethod
    def of_edit(cls, account: str, source: str, overlays: Overlays) -> Self:
        """What a person changed here."""
        return cls(account, source, overlays, origin="edit")

    @classmethod
    def of_migration(cls, account: str, source: str, overlays: Overlays) -> Self:
        """Customers that only old invoices know."""
        return cls(account, source, overlays, origin="migration", incremental=True)

    @classmethod
    def of_push(cls, account: str, source: str, overlays: Overlays, *, sync_run_id: int) -> Self:
        """What a system took."""
        return cls(
            account, source, overlays, origin="push", sync_run_id=sync_run_id, incremental=True, whole_metadata=False
        )


def newest_of_each(batch: Batch, sightings: Sequence[Sighting]) -> tuple[list[Sighting], int]:
    """One sighting per id, the newest (the later one of equals), in key order; and how many were dropped."""
    newest: dict[str, Sighting] = {}
    for sighting in sightings:
        best = newest.get(sighting.record.source_id)
        best_at = best and _changed_at(batch, best)
        if best is None or supersedes(
            stored_at=best_at or best.seen_at,
            stored_given=best_at is not None,
            modified_at=_changed_at(batch, sighting),
            seen_at=sighting.seen_at,
        ):
            newest[sighting.record.source_id] = sighting
    return [newest[key] for key in sorted(newest)], len(sightings) - len(newest)


def differs(row: Mapping[str, Any], record: MappedRecord, content: bytes) -> bool:
    """Whether a stored row needs a look: received otherwise, gone before, or a time of change that is not stored yet.

    Other content alone would miss keys that no column holds; a record of unknown form (a delivery) is always looked at.
    """
    if row["content_hash"] != content or row["record_hash"] != record.record_hash or row["deleted_at"] is not None:
        return True
    modified_at = record.modified_at
    return modified_at is not None and (not row["source_time_given"] or modified_at > row["source_modified_at"])


def new_row(table: CacheTable, batch: Batch, sighting: Sighting, digest: bytes) -> dict[str, Any]:
    record = sighting.record
    source = {**table.unsaid, **record.insert_values, **record.values}
    for column, blank in table.blanks.items():
        if source[column] is None:
            source[column] = record.insert_values.get(column, blank)
    if record.insert_values:
        digest = content_hash(source, table.blanks)
    row = _row(table, batch, sighting, source, digest, row_id=None, metadata=record.metadata)
    row["last_seen_at"] = sighting.seen_at if batch.touch or batch.incremental else None
    return row


def is_sealed(table: CacheTable, row: Mapping[str, Any]) -> bool:
    """Whether a row's source values are those that were stored with their hash: nobody changed them by hand."""
    digest = row["content_hash"]
    return not digest or content_hash(source_values(row, table.source_columns), table.blanks) == bytes(digest)


def said_of(table: CacheTable, record: MappedRecord) -> dict[str, Any]:
    """What a record says of its columns; one that is never null keeps what it has where nothing is said."""
    return {c: value for c, value in record.values.items() if value is not None or c not in table.blanks}


def merged_row(
    table: CacheTable, batch: Batch, sighting: Sighting, row: dict[str, Any]
) -> tuple[str, dict[str, Any] | None]:
    """What becomes of a stored row: (outcome, the row to write or None)."""
    record = sighting.record
    is_gone = row["deleted_at"] is not None and record.source_id not in batch.gone_by_hand
    if is_gone and _is_from_before(batch, sighting, row["deleted_at"]):
        return "stale", None
    given = record.modified_at is not None
    if not (_is_believed(batch, sighting, row) or _is_newer(batch, sighting, row)):
        return "stale", None
    source = source_values(row, table.source_columns)
    source |= said_of(table, record)
    metadata = row.get("metadata") or {}
    metadata = record.metadata if batch.whole_metadata else metadata | record.metadata
    digest = content_hash(source, table.blanks)
    merged = _row(table, batch, sighting, source, digest, row_id=row["id"], metadata=metadata)
    merged["id"] = row["id"]
    revived = row["deleted_at"] is not None
    # the hash alone would not notice a cell that somebody changed by hand
    is_as_stored = all(merged[column] == row[column] for column in table.source_columns)
    if is_as_stored and merged["content_hash"] == bytes(row["content_hash"]) and not revived:
        if any(merged[column] != row[column] for column in table.worked_out):
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


def _is_believed(batch: Batch, sighting: Sighting, row: Mapping[str, Any]) -> bool:
    """Whether an older version is taken all the same; never over what was stored after it was asked for."""
    if sighting.seen_at < row["updated_at"]:
        return False
    return batch.believes_all or (sighting.record.source_id in batch.believes and is_set_back(batch, sighting, row))


def _is_newer(batch: Batch, sighting: Sighting, row: Mapping[str, Any]) -> bool:
    """Whether a sighting is at least as new as the stored row."""
    stored_at, stored_given = row["source_modified_at"], row["source_time_given"]
    if stored_given and believable(stored_at, seen_at=sighting.seen_at, tolerance=batch.clock_tolerance) is None:
        return corrects(
            stored_at=stored_at,
            stored_since=row["updated_at"],
            modified_at=sighting.record.modified_at,
            seen_at=sighting.seen_at,
        )
    if not stored_given and _lies_ahead(batch, stored_at):
        return True
    if not stored_given and batch.scanned_at is not None and not _lies_ahead(batch, batch.scanned_at):
        stored_at = batch.scanned_at if stored_at is None else max(stored_at, batch.scanned_at)
    return supersedes(
        stored_at=stored_at,
        stored_given=stored_given,
        modified_at=_changed_at(batch, sighting),
        seen_at=sighting.seen_at,
    )


def _is_from_before(batch: Batch, sighting: Sighting, deleted_at: datetime) -> bool:
    """Whether a sight is of before a row was found gone; of a delivery also its record, sent again as it was."""
    if _lies_ahead(batch, deleted_at):
        return False
    changed_at = _changed_at(batch, sighting) if batch.origin == "webhook" else None
    return sighting.seen_at <= deleted_at or (changed_at is not None and changed_at < deleted_at)


def _lies_ahead(batch: Batch, at: datetime | None) -> bool:
    """Whether a time of our own is one that cannot have been: the clock was ahead."""
    return at is not None and batch.now is not None and at - batch.now > batch.clock_tolerance


def is_set_back(batch: Batch, sighting: Sighting, row: Mapping[str, Any]) -> bool:
    """Whether the source shows an older version than it did, asked after what is stored was stored: a restored backup."""
    return (
        row["deleted_at"] is None
        and row["source_time_given"]
        and _changed_at(batch, sighting) is not None
        and sighting.seen_at >= row["updated_at"]
    )


def _changed_at(batch: Batch, sighting: Sighting) -> datetime | None:
    return believable(sighting.record.modified_at, seen_at=sighting.seen_at, tolerance=batch.clock_tolerance)


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
    record = sighting.record
    shown |= {
        "account": batch.account,
        "source": batch.source,
        table.id_column: record.source_id,
        "metadata": metadata,
        "covered": covered,
        "content_hash": digest,
        "record_hash": record.record_hash,
        "source_modified_at": record.modified_at or sighting.seen_at,
        "source_time_given": record.modified_at is not None,
        "deleted_at": None,
    }
    return shown


def changes_of(
    table: CacheTable, batch: Batch, source_id: str, row: Mapping[str, Any], update: Mapping[str, Any]
) -> Iterable[tuple[Any, ...]]:
    """What an update changes, one entry per field."""
    if batch.new_since is not None and row["created_at"] >= batch.new_since:
        return
    for column in (*table.logged_columns, "deleted_at"):
        old, new = row[column], update[column]
        if old != new:
            yield (
                row["id"],
                column,
                _as_text(old),
                _as_text(new),
                batch.origin,
                batch.sync_run_id,
                batch.delivery_ids.get(source_id),
            )


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return _json.encode(value).decode()

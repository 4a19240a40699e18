"""Set-based application of mapped records to the cache tables.

One batch is one transaction: the hashes of its keys' rows tell the few that need a look, only those are fetched whole (and locked, in key order), merged with what the record says, and written: new ones by COPY, changed ones
through a temporary table. A batch in which nothing changed writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import psycopg

from customer_assets.domain.cache.columns import COLUMN_OF
from customer_assets.domain.cache.mapping import content_hash
from customer_assets.domain.cache.row import (
    Batch,
    Counts,
    Sighting,
    changes_of,
    differs,
    is_set_back,
    merged_row,
    new_row,
    newest_of_each,
)
from customer_assets.domain.cache.tables import CacheTable
from customer_assets.store.database import Connection
from customer_assets.store.erasures import erased_among
from customer_assets.store.lines import line_of
from customer_assets.store.owned import gather_statistics

ERASED = "erased"  # what becomes of a customer who was erased: nothing
MOST_TRIES = 5  # of one batch, against deadlocks and rows that somebody else inserted meanwhile


@dataclass(frozen=True, slots=True)
class Applied:
    """Counts of a batch, the outcome of each source id, and which stale ones the source shows older than it did."""

    counts: Counts
    outcomes: dict[str, str]
    set_back: list[str] = field(default_factory=list)


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


def apply_batch(connection: Connection, table: CacheTable, batch: Batch, sightings: Sequence[Sighting]) -> Applied:
    """Bring a batch of records into the cache, newest wins; retried on deadlock, in one transaction each time.

    Raises:
        psycopg.Error: the database refused for another reason.
    """
    sightings, duplicates = newest_of_each(batch, sightings)
    for attempt in range(1, MOST_TRIES + 1):
        try:
            with connection.transaction():
                newest, erased = _not_erased(connection, table, batch, sightings)
                applied = _apply(connection, table, batch, newest, looks=attempt > 1 or not batch.is_first)
                applied.counts.duplicate += duplicates
                applied.counts.skipped += len(erased)
                applied.outcomes.update(dict.fromkeys(erased, ERASED))
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


def _not_erased(
    connection: Connection, table: CacheTable, batch: Batch, sightings: list[Sighting]
) -> tuple[list[Sighting], frozenset[str]]:
    """Sightings without those of erased customers, and the ids of these."""
    if not table.has_changes or not sightings:
        return sightings, frozenset()
    ids = [s.record.source_id for s in sightings]
    erased = erased_among(connection, account=batch.account, source=batch.source, ids=ids)
    return [s for s in sightings if s.record.source_id not in erased] if erased else sightings, erased


def _apply(
    connection: Connection, table: CacheTable, batch: Batch, sightings: list[Sighting], *, looks: bool
) -> Applied:
    counts = Counts()
    outcomes = dict.fromkeys((s.record.source_id for s in sightings), "unchanged")
    hashes = [content_hash(s.record.values, table.blanks) for s in sightings]
    new, known = (
        _needing_a_look(connection, table, batch, sightings, hashes) if looks else (list(range(len(sightings))), [])
    )
    inserts = [new_row(table, batch, sightings[number], hashes[number]) for number in new]
    counts.created = len(inserts)
    outcomes.update((sightings[number].record.source_id, "created") for number in new)
    if known and table.has_changes:
        batch = with_edits_of(connection, batch, [row["id"] for _, row in known])
    updates: list[dict[str, Any]] = []
    set_back: list[str] = []
    changes: list[tuple[Any, ...]] = []
    for number, row in known:
        sighting = sightings[number]
        outcome, update = merged_row(table, batch, sighting, row)
        outcomes[sighting.record.source_id] = outcome
        setattr(counts, outcome, getattr(counts, outcome) + 1)
        if outcome == "stale" and is_set_back(batch, sighting, row):
            set_back.append(sighting.record.source_id)
        if update is not None:
            updates.append(update)
            if table.has_changes:
                changes.extend(changes_of(table, batch, sighting.record.source_id, row, update))
    counts.unchanged += len(sightings) - len(new) - len(known)
    _copy(connection, table.name, table, table.columns, inserts)
    write_updates(connection, table, updates)
    if changes:
        write_changes(connection, batch.account, changes)
    if batch.touch:
        _touch(connection, table, batch, sightings)
    return Applied(counts, outcomes, set_back)


def with_edits_of(connection: Connection, batch: Batch, row_ids: Sequence[int]) -> Batch:
    """The batch with the edits of these rows, which are locked, as they are now: one may have come since it was made."""
    edits: dict[int, dict[str, Any]] = {}
    for row in connection.execute(
        "select row_id, field, value from ops.field_edits where released_at is null and row_id = any(%s)",
        [list(row_ids)],
    ):
        edits.setdefault(row["row_id"], {})[row["field"]] = edited_value(row["field"], row["value"])
    return replace(batch, overlays=replace(batch.overlays, edits=edits))


def edited_value(field: str, value: Any) -> Any:
    """The value of an edit as its column holds it: jsonb knows no dates."""
    return date.fromisoformat(value) if COLUMN_OF[field].kind == "date" and value is not None else value


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
        elif batch.rederives or differs(row, sighting.record, content):
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


# --- writing ----------------------------------------------------------------------------------------------------------


def _copy(
    connection: Connection, into: str, table: CacheTable, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows into a table, or one of its shape, by COPY."""
    if rows:
        line = line_of(columns, table.kinds)
        with connection.cursor().copy(f"copy {into} ({', '.join(columns)}) from stdin") as copy:
            copy.write("".join(map(line, rows)))


def write_updates(connection: Connection, table: CacheTable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write whole rows by their id, through a temporary table."""
    if not rows:
        return
    staging = f"staged_{table.name}"
    connection.execute(f"create temporary table if not exists {staging} as select * from {table.name} with no data")
    connection.execute(f"truncate {staging}")
    columns = (*table.columns, "updated_at")
    rows = [{"updated_at": None, **row} for row in rows]
    _copy(connection, f"pg_temp.{staging}", table, ("id", *columns), rows)
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


def write_changes(connection: Connection, account: str, changes: Sequence[tuple[Any, ...]]) -> None:
    """Log changes of an account's rows, as `changes_of` gives them."""
    columns = "account, cache_id, field, old_value, new_value, origin, sync_run_id, delivery_id"
    with connection.cursor().copy(f"copy customer_changes ({columns}) from stdin") as copy:
        for change in changes:
            copy.write_row((account, *change))


def _touch(connection: Connection, table: CacheTable, batch: Batch, sightings: Sequence[Sighting]) -> None:
    connection.execute(
        f"""
        update {table.name} r
        set last_seen_at = greatest(r.last_seen_at, k.seen_at)
        from unnest(%(ids)s::text[], %(times)s::timestamptz[]) as k (source_id, seen_at)
        where r.account = %(account)s
            and r.source = %(source)s
            and r.{table.id_column} = k.source_id
            and r.{table.id_column} = any(%(ids)s) -- a list of keys is looked up even where no statistics are yet
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


def refresh_statistics(connection: Connection, table: CacheTable) -> None:
    """Statistics of the columns that queries look rows up by; autovacuum's come a minute later, and plans are bad until then."""
    keys = ["account", "source", table.id_column, *(column.name for column in table.declared if column.indexed)]
    gather_statistics(connection, table.name, keys)

"""Raw pages: every API answer as received, compressed, stored once per content, and the scans that saw them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import zstandard
from psycopg.types.json import Jsonb

from customer_assets.store.database import Connection, scalar

_compressor = zstandard.ZstdCompressor(level=1)


@dataclass(frozen=True, slots=True)
class StreamKey:
    """Whose stream: (account, source, stream)."""

    account: str
    source: str
    stream: str

    def parameters(self) -> dict[str, str]:
        """As query parameters."""
        return {"account": self.account, "source": self.source, "stream": self.stream}


@dataclass(frozen=True, slots=True)
class LandedPage:
    """A page to store, or one read back."""

    position: int
    body: bytes
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of a stream, as recorded."""

    id: int
    kind: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    total_records: int | None
    records: int | None
    parameters: dict[str, Any]
    loaded_at: datetime | None


def page_hash(body: bytes) -> bytes:
    """What identifies a page's content."""
    return blake2b(body, digest_size=16).digest()


def store_pages(connection: Connection, key: StreamKey, bodies: Sequence[bytes]) -> list[int]:
    """Store bodies, each content once; returns the page id of each, in order."""
    hashes = [page_hash(body) for body in bodies]
    known = _known_pages(connection, key, hashes)
    new = {h: body for h, body in zip(hashes, bodies, strict=True) if h not in known}
    if new:
        connection.execute(
            """
            insert into ops.raw_pages (account, source, stream, content_hash, body, size)
            select %(account)s, %(source)s, %(stream)s, p.content_hash, p.body, p.size
            from unnest(%(hashes)s::bytea[], %(bodies)s::bytea[], %(sizes)s::int[]) as p (content_hash, body, size)
            on conflict (account, source, stream, content_hash) do nothing
            """,
            {
                **key.parameters(),
                "hashes": list(new),
                "bodies": [_compressor.compress(body) for body in new.values()],
                "sizes": [len(body) for body in new.values()],
            },
        )
        known |= _known_pages(connection, key, list(new))
    return [known[h] for h in hashes]


def _known_pages(connection: Connection, key: StreamKey, hashes: list[bytes]) -> dict[bytes, int]:
    rows = connection.execute(
        """
        select id, content_hash
        from ops.raw_pages
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and content_hash = any(%(hashes)s)
        """,
        {**key.parameters(), "hashes": hashes},
    )
    return {bytes(row["content_hash"]): row["id"] for row in rows}


# --- scans ------------------------------------------------------------------------------------------------------------


def begin_scan(
    connection: Connection, key: StreamKey, *, kind: str, parameters: dict[str, Any], sync_run_id: int | None
) -> Scan:
    """Record that a scan begins."""
    row = connection.execute(
        """
        insert into ops.raw_scans (account, source, stream, kind, parameters, sync_run_id)
        values (%(account)s, %(source)s, %(stream)s, %(kind)s, %(parameters)s, %(sync_run_id)s)
        returning *
        """,
        {**key.parameters(), "kind": kind, "parameters": Jsonb(parameters), "sync_run_id": sync_run_id},
    ).fetchone()
    return _scan(row)


def resumable_scan(
    connection: Connection, key: StreamKey, *, kind: str, parameters: dict[str, Any], max_age_hours: float
) -> Scan | None:
    """The newest scan of this stream, when it was cut (not finished) and is young enough to go on with."""
    row = connection.execute(
        """
        select *
        from ops.raw_scans
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
        order by id desc
        limit 1
        """,
        key.parameters(),
    ).fetchone()
    if row is None or row["status"] not in ("running", "failed") or row["kind"] != kind:
        return None
    if row["parameters"] != parameters:
        return None
    age = scalar(connection, "select extract(epoch from now() - %s) / 3600", [row["started_at"]])
    return _scan(row) if float(age) <= max_age_hours else None


def landed_positions(connection: Connection, scan_id: int) -> frozenset[int]:
    """Positions whose pages are stored already."""
    rows = connection.execute("select position from ops.raw_scan_pages where scan_id = %s", [scan_id])
    return frozenset(row["position"] for row in rows)


def land_pages(connection: Connection, key: StreamKey, scan_id: int, pages: Sequence[LandedPage]) -> None:
    """Store pages as part of a scan, in one transaction. A page landed again at its position replaces the older."""
    if not pages:
        return
    with connection.transaction():
        ids = store_pages(connection, key, [page.body for page in pages])
        connection.execute(
            """
            insert into ops.raw_scan_pages (scan_id, position, page_id, requested_at)
            select %(scan_id)s, p.position, p.page_id, p.requested_at
            from unnest(%(positions)s::int[], %(ids)s::bigint[], %(times)s::timestamptz[])
                as p (position, page_id, requested_at)
            on conflict (scan_id, position) do update
            set page_id = excluded.page_id,
                requested_at = excluded.requested_at
            """,
            {
                "scan_id": scan_id,
                "positions": [page.position for page in pages],
                "ids": ids,
                "times": [page.requested_at for page in pages],
            },
        )


def end_scan(
    connection: Connection,
    scan_id: int,
    *,
    status: str,
    kind: str | None = None,
    records: int | None = None,
    total: int | None = None,
    error: str | None = None,
) -> None:
    """Record how a scan ended: complete, incomplete or failed; and as which kind, where it turned out another."""
    connection.execute(
        """
        update ops.raw_scans
        set status = %(status)s,
            kind = coalesce(%(kind)s, kind),
            finished_at = clock_timestamp(),
            records = %(records)s,
            total_records = %(total)s,
            error = %(error)s
        where id = %(scan_id)s
        """,
        {
            "scan_id": scan_id,
            "status": status,
            "kind": kind,
            "records": records,
            "total": total,
            "error": error,
        },
    )


def mark_loaded(connection: Connection, scan_id: int) -> None:
    """Record that the cache holds a scan."""
    connection.execute("update ops.raw_scans set loaded_at = clock_timestamp() where id = %s", [scan_id])


def last_complete_scan(connection: Connection, key: StreamKey, *, before: int | None = None) -> Scan | None:
    """The newest complete full scan, or the newest before the scan of that id."""
    row = connection.execute(
        """
        select *
        from ops.raw_scans
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and kind = 'full'
            and status = 'complete'
            and (%(before)s::bigint is null or id < %(before)s)
        order by id desc
        limit 1
        """,
        {**key.parameters(), "before": before},
    ).fetchone()
    return _scan(row) if row else None


def pending_scans(connection: Connection, key: StreamKey) -> list[Scan]:
    """Ended scans that the cache does not hold yet, oldest first; of full ones only the newest counts."""
    rows = connection.execute(
        """
        select *
        from ops.raw_scans
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and status in ('complete', 'incomplete')
            and loaded_at is null
        order by id
        """,
        key.parameters(),
    )
    scans = [_scan(row) for row in rows]
    newest_full = max((s.id for s in scans if s.kind == "full" and s.status == "complete"), default=0)
    for superseded in (scan for scan in scans if scan.id < newest_full):
        mark_loaded(connection, superseded.id)  # the newer full scan holds all that it could tell
    return [scan for scan in scans if scan.id >= newest_full]


def scans_to_rebuild(connection: Connection, key: StreamKey) -> list[Scan]:
    """The last complete full scan and every later ended one, oldest first."""
    full = last_complete_scan(connection, key)
    if full is None:
        return []
    rows = connection.execute(
        """
        select *
        from ops.raw_scans
        where account = %(account)s
            and source = %(source)s
            and stream = %(stream)s
            and status in ('complete', 'incomplete')
            and id >= %(first)s
        order by id
        """,
        {**key.parameters(), "first": full.id},
    )
    return [_scan(row) for row in rows]


def read_pages(connection: Connection, scan_id: int, *, batch: int = 50) -> Iterator[LandedPage]:
    """The pages of a scan in their order, a batch at a time."""
    decompressor = zstandard.ZstdDecompressor()
    after = -1
    while True:
        rows = connection.execute(
            """
            select s.position, s.requested_at, p.body
            from ops.raw_scan_pages s
            join ops.raw_pages p on p.id = s.page_id
            where s.scan_id = %(scan_id)s
                and s.position > %(after)s
            order by s.position
            limit %(batch)s
            """,
            {"scan_id": scan_id, "after": after, "batch": batch},
            binary=True,
        ).fetchall()
        if not rows:
            return
        for row in rows:
            yield LandedPage(row["position"], decompressor.decompress(row["body"]), row["requested_at"])
        after = rows[-1]["position"]


def _scan(row: dict[str, Any] | None) -> Scan:
    if row is None:
        raise RuntimeError("no scan")
    return Scan(
        id=row["id"],
        kind=row["kind"],
        status=row["status"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        total_records=row["total_records"],
        records=row["records"],
        parameters=row["parameters"],
        loaded_at=row["loaded_at"],
    )


# --- what a scan saw --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """What a list page shows of one record.

    Attributes:
        source_id: its id.
        version: tells a changed record: its time of change, else a hash of it.
        refers_to: id of the customer that an invoice names.
    """

    source_id: str
    version: str
    refers_to: str | None


class SeenIds:
    """The records of one scan, in a temporary table: a million of them cost the client nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.execute(
            "create temporary table if not exists seen_ids (source_id text, version text, refers_to text)"
        )
        connection.execute("truncate pg_temp.seen_ids")
        self.count = 0

    def add(self, records: Sequence[SeenRecord]) -> None:
        """Add the records of one or more pages."""
        with self._connection.cursor().copy("copy pg_temp.seen_ids from stdin") as copy:
            for record in records:
                copy.write_row((record.source_id, record.version, record.refers_to))
        self.count += len(records)

    def distinct(self) -> int:
        """How many different ids there are."""
        self._connection.execute("analyze pg_temp.seen_ids")
        return int(scalar(self._connection, "select count(distinct source_id) from pg_temp.seen_ids"))

    def missing_from(
        self, table: str, id_column: str, *, account: str, source: str, before: datetime
    ) -> list[str]:
        """Ids of live rows, stored or seen before that time, that the scan did not see; oldest first."""
        rows = self._connection.execute(
            f"""
            select r.{id_column} as source_id
            from {table} r
            where r.account = %(account)s
                and r.source = %(source)s
                and r.deleted_at is null
                and greatest(r.created_at, r.last_seen_at) < %(before)s
                and not exists (select from pg_temp.seen_ids s where s.source_id = r.{id_column})
            order by r.id
            """,
            {"account": account, "source": source, "before": before},
        )
        return [row["source_id"] for row in rows]

    def unknown_references(self, key: StreamKey) -> list[str]:
        """Customers that invoices name, which are neither cached nor listed nor asked for in the stream `key`."""
        rows = self._connection.execute(
            """
            select distinct s.refers_to as source_id
            from pg_temp.seen_ids s
            where s.refers_to is not null
                and not exists (
                    select
                    from customer_rows r
                    where r.account = %(account)s
                        and r.source = %(source)s
                        and r.source_customer_id = s.refers_to
                )
                and not exists (
                    select
                    from ops.raw_details d
                    where d.account = %(account)s
                        and d.source = %(source)s
                        and d.stream = %(stream)s
                        and d.source_id = s.refers_to
                )
            order by 1
            """,
            key.parameters(),
        )
        return [row["source_id"] for row in rows]


# --- pruning ----------------------------------------------------------------------------------------------------------


def prune(connection: Connection, *, keep_days: float) -> int:
    """Delete old scans and the pages that nothing needs any more. Returns the number of pages deleted.

    Spared: whatever the last complete scan of a stream and any scan since it or of the last `keep_days` days saw, and
    every detail that is the last answer for its id.
    """
    connection.execute(
        """
        delete from ops.raw_scans s
        where s.started_at < now() - make_interval(secs => %(seconds)s)
            and s.id < (
                select max(f.id)
                from ops.raw_scans f
                where (f.account, f.source, f.stream) = (s.account, s.source, s.stream)
                    and f.kind = 'full'
                    and f.status = 'complete'
                    and f.loaded_at is not null
            )
        """,
        {"seconds": keep_days * 86400},
    )
    deleted = connection.execute(
        """
        delete from ops.raw_pages p
        where p.first_seen_at < now() - make_interval(secs => %(seconds)s)
            and not exists (select from ops.raw_scan_pages s where s.page_id = p.id)
            and not exists (select from ops.raw_details d where d.page_id = p.id)
        """,
        {"seconds": keep_days * 86400},
    )
    return deleted.rowcount

"""Scans: which pages of a stream were seen together, in which order, and whether that was all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.store.database import Connection, scalar
from customer_assets.store.raw.pages import SCANNED, StreamKey


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
    gate_scan_id: int | None
    gate_upto: int | None


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
    # since it went on last: one that takes several nights is begun once
    age = scalar(
        connection,
        f"""
        select extract(epoch from now() - greatest(%(started_at)s, %(finished_at)s, max(p.first_seen_at))) / 3600
        from ({SCANNED}) s
        join ops.raw_pages p on p.id = s.page_id
        """,
        {"scan_id": row["id"], "started_at": row["started_at"], "finished_at": row["finished_at"]},
    )
    return _scan(row) if float(age) <= max_age_hours else None


def landed_positions(connection: Connection, scan_id: int) -> frozenset[int]:
    """Positions whose pages are stored already."""
    rows = connection.execute(f"select position from ({SCANNED}) s", {"scan_id": scan_id})
    return frozenset(row["position"] for row in rows)


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
        gate_scan_id=row["gate_scan_id"],
        gate_upto=row["gate_upto"],
    )

"""Watermarks: where each stream of each account stands (`sync_metadata`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from customer_assets.domain.cache.row import Counts
from customer_assets.store.database import Connection


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where one entity of one account and source stands."""

    watermark: datetime | None = None
    last_full_started_at: datetime | None = None
    last_full_at: datetime | None = None
    last_full_rows: int | None = None


def stream_state(connection: Connection, *, account: str, source: str, entity: str) -> StreamState:
    """The recorded state; all None before the first sync."""
    row = connection.execute(
        """
        select watermark, last_full_started_at, last_full_at, last_full_rows
        from sync_metadata
        where account = %s
            and source = %s
            and entity = %s
        """,
        [account, source, entity],
    ).fetchone()
    return StreamState(**row) if row else StreamState()


def record_load(
    connection: Connection,
    *,
    account: str,
    source: str,
    entity: str,
    counts: Counts,
    status: str,
    started_at: datetime,
    finished_at: datetime,
    watermark: datetime | None,
    is_full: bool,
    rows: int | None,
) -> None:
    """Record that a scan is in the cache. The watermark never steps back, and moves only with a complete scan."""
    connection.execute(
        """
        insert into sync_metadata as m
            (account, source, entity, watermark, last_full_started_at, last_full_at, last_full_rows,
             last_incremental_at, last_status, last_counts)
        values
            (%(account)s, %(source)s, %(entity)s, %(watermark)s, %(full_started_at)s, %(full_at)s, %(rows)s,
             %(incremental_at)s, %(status)s, %(counts)s)
        on conflict (account, source, entity) do update
        set watermark = greatest(m.watermark, excluded.watermark),
            last_full_started_at = greatest(m.last_full_started_at, excluded.last_full_started_at),
            last_full_at = greatest(m.last_full_at, excluded.last_full_at),
            last_full_rows = coalesce(excluded.last_full_rows, m.last_full_rows),
            last_incremental_at = greatest(m.last_incremental_at, excluded.last_incremental_at),
            last_status = excluded.last_status,
            last_counts = excluded.last_counts,
            updated_at = now()
        """,
        {
            "account": account,
            "source": source,
            "entity": entity,
            "watermark": watermark,
            "full_started_at": started_at if is_full else None,
            "full_at": finished_at if is_full else None,
            "rows": rows if is_full else None,
            "incremental_at": None if is_full else finished_at,
            "status": status,
            "counts": Jsonb(counts.as_dict()),
        },
    )

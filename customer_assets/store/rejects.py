"""Rejected records: set aside with their reason, retried by the next load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from customer_assets.store.database import Connection


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be mapped."""

    source_id: str | None
    record: bytes
    reason: str
    seen_at: datetime


def store_rejects(
    connection: Connection,
    *,
    account: str,
    source: str,
    entity: str,
    sync_run_id: int | None,
    rejects: Iterable[Reject],
) -> None:
    """Set records aside with their reason; the same record again writes nothing."""
    for reject in rejects:
        connection.execute(
            """
            insert into ops.rejected_records
                (account, source, entity, source_id, record_hash, record, reason, requested_at, sync_run_id)
            values
                (%(account)s, %(source)s, %(entity)s, %(source_id)s, %(hash)s, %(record)s, %(reason)s, %(seen_at)s,
                 %(sync_run_id)s)
            on conflict (account, source, entity, record_hash) do update
            set reason = excluded.reason,
                last_seen_at = now(),
                resolved_at = null,
                sync_run_id = excluded.sync_run_id
            where rejected_records.resolved_at is not null
                or rejected_records.reason <> excluded.reason
            """,
            {
                "account": account,
                "source": source,
                "entity": entity,
                "source_id": reject.source_id,
                "hash": blake2b(reject.record, digest_size=16).digest(),
                "record": reject.record.decode("utf-8", errors="backslashreplace").replace("\x00", "\\x00"),
                "reason": reject.reason,
                "seen_at": reject.seen_at,
                "sync_run_id": sync_run_id,
            },
        )


def open_rejects(connection: Connection, *, account: str, source: str, entity: str) -> list[dict[str, Any]]:
    """Rejected records that nothing resolved yet."""
    return connection.execute(
        """
        select id, record, source_id, coalesce(requested_at, first_seen_at) as seen_at
        from ops.rejected_records
        where account = %s
            and source = %s
            and entity = %s
            and resolved_at is null
        order by id
        """,
        [account, source, entity],
    ).fetchall()


def resolve_rejects(connection: Connection, reject_ids: Sequence[int]) -> None:
    """Close rejects that could be mapped now."""
    if reject_ids:
        connection.execute("update ops.rejected_records set resolved_at = now() where id = any(%s)", [list(reject_ids)])

"""Conflicts: fields that both sides changed, open or decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from customer_assets.store.database import Connection


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed."""

    link_id: int
    field: str
    base_value: Any
    local_value: Any
    local_at: datetime | None
    remote_value: Any
    remote_at: datetime | None


def store_conflict(connection: Connection, conflict: Conflict, *, resolution: str | None, by: str | None) -> None:
    """Keep a conflict: open (it waits), or resolved by the policy (so that nobody's edit vanishes without a trace)."""
    parameters = {
        "link": conflict.link_id,
        "field": conflict.field,
        "base": Jsonb(conflict.base_value),
        "local": Jsonb(conflict.local_value),
        "local_at": conflict.local_at,
        "remote": Jsonb(conflict.remote_value),
        "remote_at": conflict.remote_at,
        "resolution": resolution,
        "by": by,
    }
    if resolution is not None:
        close_conflict(connection, conflict.link_id, conflict.field, resolution="superseded", by=by)
    connection.execute(
        """
        insert into ops.sumit_conflicts as c
            (link_id, field, base_value, local_value, local_at, remote_value, remote_at, status, resolution, resolved_by,
             resolved_at)
        values
            (%(link)s, %(field)s, %(base)s, %(local)s, %(local_at)s, %(remote)s, %(remote_at)s,
             case when %(resolution)s::text is null then 'open' else 'resolved' end, %(resolution)s, %(by)s,
             case when %(resolution)s::text is not null then now() end)
        on conflict (link_id, field) where status = 'open' do update
        set local_value = excluded.local_value,
            local_at = excluded.local_at,
            remote_value = excluded.remote_value,
            remote_at = excluded.remote_at
        """,
        parameters,
    )


def close_conflict(connection: Connection, link_id: int, field_name: str, *, resolution: str, by: str | None) -> None:
    """An open conflict has been decided, or is none any more."""
    connection.execute(
        """
        update ops.sumit_conflicts
        set status = 'resolved',
            resolution = %s,
            resolved_by = %s,
            resolved_at = now()
        where link_id = %s
            and field = %s
            and status = 'open'
        """,
        [resolution, by, link_id, field_name],
    )


def list_conflicts(connection: Connection, *, status: str = "open") -> list[dict[str, Any]]:
    """Conflicts with the customer that they are about."""
    return connection.execute(
        """
        select c.id, coalesce(l.origin_id, l.row_id) as row_id, l.row_id as sumit_row_id, l.origin_id, l.remote_id, l.account,
            r.name, c.field, c.base_value, c.local_value, c.local_at, c.remote_value, c.remote_at, c.status, c.resolution,
            c.resolved_by, c.created_at, c.resolved_at
        from ops.sumit_conflicts c
        join ops.sumit_links l on l.id = c.link_id
        left join customer_rows r on r.id = coalesce(l.row_id, l.origin_id)
        where c.status = %s
        order by c.id
        """,
        [status],
    ).fetchall()


def open_conflict(connection: Connection, conflict_id: int) -> dict[str, Any] | None:
    """One open conflict, locked."""
    return connection.execute(
        """
        select c.*, l.row_id, l.account
        from ops.sumit_conflicts c
        join ops.sumit_links l on l.id = c.link_id
        where c.id = %s
            and c.status = 'open'
        for update
        """,
        [conflict_id],
    ).fetchone()

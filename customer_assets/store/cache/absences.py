"""What a complete scan did not see: marked as gone when that is certain, never too much at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_assets.domain.cache.completeness import too_many
from customer_assets.domain.cache.row import Batch
from customer_assets.domain.cache.tables import CacheTable
from customer_assets.store.cache.rows import count_live
from customer_assets.store.database import Connection
from customer_assets.store.raw.details import UNLISTED


@dataclass(frozen=True, slots=True)
class Absences:
    """What became of rows that a complete scan missed.

    Attributes:
        deactivated: marked as deleted now.
        waiting: missing, and to be marked when the next complete scan misses them too.
        blocked: missing, but more than the share of all rows that one run may mark.
    """

    deactivated: int = 0
    waiting: int = 0
    blocked: int = 0


def settle_absences(
    connection: Connection,
    table: CacheTable,
    batch: Batch,
    *,
    scan_id: int,
    scan_started_at: datetime,
    detail_stream: str,
    most_share: float,
    allow_mass_delete: bool,
) -> Absences:
    """Mark rows that are gone: confirmed by id since the scan began, or missed by an earlier complete scan as well.

    Expects the ids of the scan in `pg_temp.seen_ids`. Rows that came in while the scan ran are not missing, nor are those
    that answered when asked for by id (a merged contact is in no list, yet it is there).
    """
    parameters = {
        "account": batch.account,
        "source": batch.source,
        "entity": table.entity,
        "scan_id": scan_id,
        "started_at": scan_started_at,
        "stream": detail_stream,
        "all": allow_mass_delete,
        "unlisted": UNLISTED,
    }
    with connection.transaction():
        _forget_those_seen(connection, table, parameters)
        missing = _missing(connection, table, parameters)
        certain = [row["id"] for row in missing if row["is_certain"]]
        live = count_live(connection, table, account=batch.account, source=batch.source)
        if too_many(len(missing), live=live, share=most_share) and not allow_mass_delete:
            return Absences(blocked=len(missing))
        mark_deleted(connection, table, batch, certain)
        waiting = [row["id"] for row in missing if not row["is_certain"]]
        connection.execute(
            """
            insert into ops.absences (entity, row_id, scan_id)
            select %(entity)s, id, %(scan_id)s
            from unnest(%(ids)s::bigint[]) as id
            on conflict do nothing
            """,
            {**parameters, "ids": waiting},
        )
        return Absences(deactivated=len(certain), waiting=len(waiting))


def forget_all(connection: Connection, table: CacheTable, batch: Batch) -> None:
    """No live row is missing: none waits any more to be missed a second time."""
    connection.execute(
        f"""
        delete from ops.absences a
        using {table.name} r
        where a.entity = %(entity)s
            and r.id = a.row_id
            and r.account = %(account)s
            and r.source = %(source)s
        """,
        {"entity": table.entity, "account": batch.account, "source": batch.source},
    )


def _forget_those_seen(connection: Connection, table: CacheTable, parameters: Mapping[str, Any]) -> None:
    """Rows that waited and were seen, or answered by id, are not absent any more."""
    connection.execute(
        f"""
        delete from ops.absences a
        using {table.name} r
        where a.entity = %(entity)s
            and r.id = a.row_id
            and r.account = %(account)s
            and r.source = %(source)s
            and (
                r.deleted_at is not null
                or exists (select from pg_temp.seen_ids s where s.source_id = r.{table.id_column})
                or exists (
                    select
                    from ops.raw_details d
                    where d.account = r.account
                        and d.source = r.source
                        and d.stream = %(stream)s
                        and d.source_id = r.{table.id_column}
                        and d.requested_at >= %(started_at)s
                        and d.gone_at is null
                )
            )
        """,
        parameters,
    )


def _missing(connection: Connection, table: CacheTable, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Live rows that the scan did not see, and whether each is certain to be gone."""
    return connection.execute(
        f"""
        select
            r.id,
            %(all)s
                or d.gone_at >= %(started_at)s
                -- what only an invoice names is in no list at any time: there only its id tells
                or (a.scan_id < %(scan_id)s and d.landed_version is distinct from %(unlisted)s) as is_certain
        from {table.name} r
        left join ops.absences a
            on a.entity = %(entity)s
            and a.row_id = r.id
        left join ops.raw_details d
            on d.account = r.account
            and d.source = r.source
            and d.stream = %(stream)s
            and d.source_id = r.{table.id_column}
        where r.account = %(account)s
            and r.source = %(source)s
            and r.deleted_at is null
            and greatest(r.created_at, r.last_seen_at) < %(started_at)s
            and not exists (select from pg_temp.seen_ids s where s.source_id = r.{table.id_column})
            and (d.requested_at is null or d.requested_at < %(started_at)s or d.gone_at is not null)
        order by r.id
        """,
        parameters,
    ).fetchall()


def mark_deleted(
    connection: Connection, table: CacheTable, batch: Batch, row_ids: Sequence[int], *, reason: str | None = None
) -> int:
    """Mark rows as gone at the source; the rows, their ids and their links stay. Returns how many were marked.

    A reason, where there is one besides that it is gone, stands in customer_changes as `deleted_because`.
    """
    if not row_ids:
        return 0
    if not table.has_changes:
        done = connection.execute(
            f"update {table.name} set deleted_at = now(), updated_at = now() where id = any(%s) and deleted_at is null",
            [list(row_ids)],
        )
        return done.rowcount
    connection.execute(
        f"""
        with gone as (
            update {table.name} r
            set is_active = false,
                deleted_at = now(),
                updated_at = now(),
                covered = case when r.is_active then coalesce(r.covered, '{{}}') || '{{"is_active": true}}' else r.covered end
            from {table.name} was
            where was.id = r.id
                and r.id = any(%(ids)s)
                and r.deleted_at is null
            returning r.id, r.account, was.is_active as was_active, r.deleted_at
        )
        insert into customer_changes (account, cache_id, field, old_value, new_value, origin, sync_run_id)
        select g.account, g.id, c.field, c.old_value, c.new_value, %(origin)s, %(sync_run_id)s
        from gone g
        cross join lateral (
            values
                ('deleted_at', null, g.deleted_at::text),
                ('is_active', g.was_active::text, 'false'),
                ('deleted_because', null, %(reason)s)
        ) as c (field, old_value, new_value)
        where c.old_value is distinct from c.new_value
        """,
        {"ids": list(row_ids), "origin": batch.origin, "sync_run_id": batch.sync_run_id, "reason": reason},
    )
    return len(row_ids)


# A deletion that a sync or a delivery made stands among the changes.
UNLOGGED = """
    not exists (
        select
        from public.customer_changes h
        where h.cache_id = {row}.id
            and h.field = 'deleted_at'
            and h.new_value::timestamptz = {row}.deleted_at
    )
"""


def gone_by_hand(connection: Connection, batch: Batch) -> list[str]:
    """Customers, by their source's id, that somebody marked as deleted by hand since the last complete scan."""
    rows = connection.execute(
        f"""
        select r.source_customer_id
        from customer_rows r
        left join sync_metadata m on m.account = r.account and m.source = r.source and m.entity = 'customers'
        where r.account = %s
            and r.source = %s
            and r.deleted_at > coalesce(m.last_full_started_at, '-infinity')
            and {UNLOGGED.format(row="r")}
        """,
        [batch.account, batch.source],
    ).fetchall()
    return [row["source_customer_id"] for row in rows]


def row_ids(connection: Connection, table: CacheTable, batch: Batch, source_ids: Sequence[str]) -> list[int]:
    """Ids of the live rows with these source ids."""
    rows = connection.execute(
        f"""
        select id
        from {table.name}
        where account = %(account)s
            and source = %(source)s
            and {table.id_column} = any(%(ids)s)
            and deleted_at is null
        """,
        {"account": batch.account, "source": batch.source, "ids": list(source_ids)},
    )
    return [row["id"] for row in rows]

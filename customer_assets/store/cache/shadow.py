"""A second, empty set of the cache's tables, seen by one transaction alone: what is loaded goes there.

Temporary tables come before all others where a name has no schema, and every statement of a load names them so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from customer_assets.domain.cache.tables import CacheTable
from customer_assets.store.cache.absences import UNLOGGED
from customer_assets.store.database import Connection, scalar

SHADOWED = ("customer_rows", "invoice_rows", "customer_changes")


def shadow_tables(connection: Connection) -> None:
    """Have the transaction see empty tables of the cache until it ends."""
    for table in SHADOWED:
        connection.execute(
            f"create temporary table {table} (like public.{table} including defaults including identity) on commit drop"
        )
    connection.execute("alter table pg_temp.customer_rows add unique (account, source, source_customer_id)")
    connection.execute("alter table pg_temp.invoice_rows add unique (account, source, source_invoice_id)")
    connection.execute("alter table pg_temp.customer_rows add primary key (id)")
    connection.execute("alter table pg_temp.invoice_rows add primary key (id)")


def differing_rows(
    connection: Connection, table: CacheTable, *, account: str, source: str
) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """Rows that are not the same in both: (the stored one, the shadow); None where one of them has none.

    Live ones, and customers that are marked as deleted by hand.
    """
    by_hand = f"s.deleted_at is null and {UNLOGGED.format(row='p')}" if table.has_changes else "false"
    columns = (*table.source_columns, *table.worked_out)
    stored, shadow = (", ".join(f"{name}.{column}" for column in columns) for name in "ps")
    rows = connection.execute(
        f"""
        select p.id as stored_id, s.id as shadow_id
        from (select * from public.{table.name} where account = %(account)s and source = %(source)s) p
        full join (select * from pg_temp.{table.name} where account = %(account)s and source = %(source)s) s
            on s.{table.id_column} = p.{table.id_column}
        where case
                when p.deleted_at is null then p.id is null or s.id is null or row({stored}) is distinct from row({shadow})
                else s.id is not null and {by_hand}
            end
        """,
        {"account": account, "source": source},
    ).fetchall()
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        one = _by_id(connection, f"public.{table.name}", [r["stored_id"] for r in part])
        other = _by_id(connection, f"pg_temp.{table.name}", [r["shadow_id"] for r in part])
        for row in part:
            yield one.get(row["stored_id"]), other.get(row["shadow_id"])


def _by_id(connection: Connection, table: str, ids: list[int | None]) -> dict[int | None, dict[str, Any]]:
    rows = connection.execute(f"select * from {table} where id = any(%s)", [[i for i in ids if i is not None]])
    return {row["id"]: row for row in rows}


def count_unproved(connection: Connection) -> int:
    """Live rows that no system gave: made of old invoices."""
    return int(scalar(connection, "select count(*) from customer_rows where source = 'invoice' and deleted_at is null"))


def awaited_rows(connection: Connection, table: CacheTable, *, account: str, source: str) -> dict[int, str]:
    """Rows of which no raw record can tell yet, and why: written by a push since the last scan, or missing once."""
    rows = connection.execute(
        f"""
        select a.row_id as id, 'missing from the last complete scan, to be marked by the next' as reason
        from ops.absences a
        where a.entity = %(entity)s
        union all
        select r.id, 'pushed since the last complete scan'
        from public.{table.name} r
        join sync_metadata m on m.account = r.account and m.source = r.source and m.entity = %(entity)s
        where r.account = %(account)s
            and r.source = %(source)s
            and exists (
                select
                from ops.sumit_links l
                join ops.push_results p on p.row_id in (l.row_id, l.origin_id)
                where l.row_id = r.id
                    and p.outcome in ('created', 'updated', 'adopted')
                    and p.pushed_at > m.last_full_started_at
            )
        """,
        {"entity": table.entity, "account": account, "source": source},
    )
    return {row["id"]: row["reason"] for row in rows}

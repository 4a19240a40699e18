"""Aliases: ids of customers that were merged into another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from customer_assets.store.database import Connection


def aliases(connection: Connection) -> dict[int, list[int]]:
    """Ids that were merged into others -> the cache rows that had them."""
    return {r["old_id"]: r["row_ids"] for r in connection.execute("select old_id, row_ids from customer_aliases")}


def store_aliases(
    connection: Connection, merged: Mapping[int, tuple[int, Sequence[int]]], given_back: Sequence[int]
) -> None:
    """Keep under which id a merged customer goes on; older aliases follow it.

    Args:
        connection: database.
        merged: old id -> (id it goes on under, rows that had the old one).
        given_back: aliases that are customers again.
    """
    if given_back:
        connection.execute("delete from customer_aliases where old_id = any(%s)", [list(given_back)])
    for old, (new, row_ids) in sorted(merged.items()):
        connection.execute("update customer_aliases set golden_id = %s where golden_id = %s", [new, old])
        connection.execute(
            """
            insert into customer_aliases as a (account, old_id, golden_id, row_ids)
            select account, %s, id, %s
            from customers
            where id = %s
            on conflict (old_id) do update
            set merged_at = case when a.golden_id = excluded.golden_id then a.merged_at else now() end,
                golden_id = excluded.golden_id,
                row_ids = excluded.row_ids
            """,
            [old, list(row_ids), new],
        )

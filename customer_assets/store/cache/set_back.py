"""Records that a complete scan showed older than they are stored."""

from __future__ import annotations

from collections.abc import Sequence

from customer_assets.store.database import Connection


def set_back_ids(connection: Connection, *, before: int, account: str, source: str, entity: str) -> frozenset[str]:
    """Ids that the complete scan before that one showed so; a scan that is loaded again is no second one."""
    rows = connection.execute(
        "select source_id from ops.set_back_rows where entity = %s and account = %s and source = %s and scan_id < %s",
        [entity, account, source, before],
    )
    return frozenset(row["source_id"] for row in rows)


def replace_set_back(
    connection: Connection, ids: Sequence[str], *, scan_id: int, account: str, source: str, entity: str
) -> None:
    """Note which ids a complete scan showed so; those of earlier ones do not count any more."""
    whose = {"entity": entity, "account": account, "source": source}
    with connection.transaction():
        connection.execute(
            "delete from ops.set_back_rows where entity = %(entity)s and account = %(account)s and source = %(source)s",
            whose,
        )
        connection.execute(
            """
            insert into ops.set_back_rows (entity, account, source, source_id, scan_id)
            select %(entity)s, %(account)s, %(source)s, i.id, %(scan_id)s
            from unnest(%(ids)s::text[]) as i (id)
            on conflict do nothing
            """,
            {**whose, "ids": list(ids), "scan_id": scan_id},
        )

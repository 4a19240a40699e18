"""Single cache rows: reading them whole, finding them by their source's id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from customer_assets.domain.cache.tables import CacheTable
from customer_assets.store.database import Connection, scalar


def read_rows(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Rows by id; those that do not exist are left out."""
    rows = connection.execute("select * from customer_rows where id = any(%s)", [list(ids)])
    return {row["id"]: row for row in rows}


def lock_row(connection: Connection, row_id: int) -> dict[str, Any] | None:
    """One row, locked until the transaction ends."""
    return connection.execute("select * from customer_rows where id = %s for update", [row_id]).fetchone()


def row_id_of(connection: Connection, *, account: str, source: str, source_id: str) -> int:
    """The id of a row that is there."""
    return int(
        scalar(
            connection,
            "select id from customer_rows where account = %s and source = %s and source_customer_id = %s",
            [account, source, source_id],
        )
    )


def lock_rows(connection: Connection, ids: Sequence[int]) -> None:
    """Lock rows until the transaction ends, in the order that everybody takes."""
    connection.execute(
        "select from customer_rows where id = any(%s) order by source_customer_id for update", [list(ids)]
    )


def join_customer(connection: Connection, row_id: int, *, origin_id: int) -> None:
    """A row that was made of another one is the same real customer, until the resolution says otherwise."""
    connection.execute(
        """
        update customer_rows r
        set golden_id = o.golden_id
        from customer_rows o
        where r.id = %s
            and o.id = %s
            and r.golden_id is null
            and o.golden_id is not null
        """,
        [row_id, origin_id],
    )


def count_live(connection: Connection, table: CacheTable, *, account: str, source: str) -> int:
    """Rows of an account and source that are not deleted."""
    return int(
        scalar(
            connection,
            f"select count(*) from {table.name} where account = %s and source = %s and deleted_at is null",
            [account, source],
        )
    )


def has_rows(connection: Connection, table: CacheTable, *, account: str, source: str) -> bool:
    """Whether there is any row of an account and source."""
    query = f"select from {table.name} where account = %s and source = %s limit 1"
    return connection.execute(query, [account, source]).fetchone() is not None


def all_rows(
    connection: Connection, table: CacheTable, *, account: str | None = None, source: str | None = None
) -> Iterator[dict[str, Any]]:
    """Every row that systems gave, or of one of them, some at a time."""
    with connection.transaction(), connection.cursor("all_rows") as cursor:
        cursor.itersize = 2000
        cursor.execute(
            f"""
            select *
            from {table.name}
            where source <> 'invoice'
                and account = coalesce(%(account)s, account)
                and source = coalesce(%(source)s, source)
            """,
            {"account": account, "source": source},
        )
        yield from cursor

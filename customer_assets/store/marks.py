"""What a database is for: made-up data, or a company's own. The first to fill it decides."""

from __future__ import annotations

from customer_assets.store.database import Connection, scalar


def is_empty(connection: Connection) -> bool:
    """Whether nobody made a table in it."""
    query = "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    return not scalar(connection, query)


def data_mark(connection: Connection) -> str | None:
    """`sandbox` or `real`; None where nobody said yet."""
    if not scalar(connection, "select to_regclass('ops.database_marks')"):
        return None
    mark = scalar(connection, "select value from ops.database_marks where mark = 'data'")
    return None if mark is None else str(mark)


def mark_data(connection: Connection, data: str) -> None:
    """Say it, unless somebody did."""
    connection.execute("insert into ops.database_marks values ('data', %s) on conflict do nothing", [data])

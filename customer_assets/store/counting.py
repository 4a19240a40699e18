"""How many rows each table has, as of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from customer_assets.store.database import Connection, scalar


@contextmanager
def one_moment(connection: Connection) -> Iterator[str]:
    """Inside, the connection sees the database as of one moment; gives the name by which others can see the same."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        yield str(scalar(connection, "select pg_export_snapshot()"))


def rows_by_table(connection: Connection) -> dict[str, int]:
    """Table, with its schema where that is not public -> rows. Empty where there is no table."""
    tables = connection.execute(
        """
        select schemaname, tablename
        from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema')
            and schemaname not like 'pg_temp%'
        order by 1, 2
        """
    ).fetchall()
    counts: dict[str, int] = {}
    for row in tables:
        name = row["tablename"] if row["schemaname"] == "public" else f"{row['schemaname']}.{row['tablename']}"
        query = sql.SQL("select count(*) from {}").format(sql.Identifier(row["schemaname"], row["tablename"]))
        found = connection.execute(query).fetchone()
        counts[name] = found["count"] if found else 0
    return counts

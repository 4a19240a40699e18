"""What is known of this database: whether its data is made up (the first to fill it decides), what was migrated last."""

from __future__ import annotations

from customer_assets.store.database import Connection, scalar


def is_empty(connection: Connection) -> bool:
    """Whether nobody made a table in it."""
    query = "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    return not scalar(connection, query)


def data_mark(connection: Connection) -> str | None:
    """`sandbox` or `real`; None where nobody said yet."""
    return find(connection, "data") if scalar(connection, "select to_regclass('ops.database_marks')") else None


def mark_data(connection: Connection, data: str) -> None:
    """Say it, unless somebody did."""
    connection.execute("insert into ops.database_marks values ('data', %s) on conflict do nothing", [data])


def find(connection: Connection, mark: str) -> str | None:
    """What is known of the database under this name."""
    value = scalar(connection, "select value from ops.database_marks where mark = %s", [mark])
    return None if value is None else str(value)


def keep(connection: Connection, mark: str, value: str) -> None:
    """Note it, in place of what was known."""
    connection.execute(
        """
        insert into ops.database_marks as m (mark, value)
        values (%s, %s)
        on conflict (mark) do update
        set value = excluded.value
        where m.value <> excluded.value
        """,
        [mark, value],
    )


def seconds_since(connection: Connection, mark: str) -> float | None:
    """How long ago `keep_now` was called for this mark; None for never."""
    found = find(connection, mark)
    if found is None:
        return None
    return float(scalar(connection, "select extract(epoch from now()) - %s::float", [found]))


def keep_now(connection: Connection, mark: str) -> None:
    """Note that it was done just now, in seconds since 1970."""
    keep(connection, mark, str(scalar(connection, "select extract(epoch from now())")))

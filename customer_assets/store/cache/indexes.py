"""Secondary indexes of a table that is loaded for the first time: built once afterwards, not row by row.

What was dropped is noted in the same transaction, so that a load that was killed leaves it to the next one.
"""

from __future__ import annotations

import logging

import psycopg

from customer_assets.store.database import Connection

log = logging.getLogger(__name__)

FROM_RECORDS = 10_000  # below it costs more than it saves


def postpone_indexes(connection: Connection, table: str) -> None:
    """Drop the secondary indexes of a table, if it is empty and ours; unique ones stay."""
    if connection.execute(f"select from {table} limit 1").fetchone() is not None:
        return
    try:
        with connection.transaction():
            connection.execute("set local lock_timeout = '2s'")
            # one at a time, and only where still nobody wrote: what another drops meanwhile cannot be read
            connection.execute(f"lock table {table} in access exclusive mode")
            if connection.execute(f"select from {table} limit 1").fetchone() is not None:
                return
            dropped = connection.execute(
                """
                insert into ops.postponed_indexes (name, table_name, definition)
                select i.relname, %(table)s::text, pg_get_indexdef(i.oid)
                from pg_index x
                join pg_class i on i.oid = x.indexrelid
                join pg_class t on t.oid = x.indrelid
                where t.oid = %(table)s::text::regclass
                    and not x.indisunique
                    and pg_has_role(t.relowner, 'usage')
                on conflict (name) do nothing
                returning name
                """,
                {"table": table},
            ).fetchall()
            for row in dropped:
                connection.execute(f"drop index {row['name']}")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
        log.info("%s is in use: its indexes are kept while it is loaded", table)


def build_postponed_indexes(connection: Connection, table: str) -> None:
    """Build what was dropped before, by this load or one that did not come to its end."""
    rows = connection.execute(
        "select name from ops.postponed_indexes where table_name = %s order by name", [table]
    ).fetchall()
    for row in rows:
        with connection.transaction():
            # two first loads may end together: one builds it, the other waits, and finds it built
            left = connection.execute(
                "select definition from ops.postponed_indexes where name = %s for update", [row["name"]]
            ).fetchone()
            if left is not None:
                connection.execute(left["definition"].replace("CREATE INDEX", "create index if not exists", 1))
                connection.execute("delete from ops.postponed_indexes where name = %s", [row["name"]])

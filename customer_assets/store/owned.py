"""What only the owner of a table may do: by itself, or, for a role that only reads and writes rows, by a function of its."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from customer_assets.store.database import Connection, scalar


def owns(connection: Connection, table: str) -> bool:
    """Whether a table is this role's, or of a role that it is a member of."""
    query = "select pg_has_role(relowner, 'usage') from pg_class where oid = %s::text::regclass"
    return bool(scalar(connection, query, [table]))


def gather_statistics(connection: Connection, table: str, columns: Sequence[str] = ()) -> None:
    """Statistics of a table's columns, of all of them for none."""
    if owns(connection, table):
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        of = sql.SQL(" ({})").format(names) if columns else sql.SQL("")
        connection.execute(sql.SQL("analyze {}{}").format(sql.SQL(table), of))
    else:
        connection.execute("select ops.gather_statistics(%s::text::regclass, %s)", [table, list(columns)])

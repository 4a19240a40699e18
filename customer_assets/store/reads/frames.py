"""What analysts work with, as Arrow tables: the same views that they would query by SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from customer_assets.store.database import Connection

if TYPE_CHECKING:
    import pyarrow as pa

LOOSE_SCALE = 9  # of a number that its column does not limit
_JSON = ("json", "jsonb")


def customers(connection: Connection) -> pa.Table:
    """Golden records: one row per real customer."""
    return _table(connection, "select * from customers order by id")


def customers_cache(connection: Connection) -> pa.Table:
    """One row per customer record of a system."""
    return _table(connection, "select * from customers_cache order by id")


def invoices(connection: Connection) -> pa.Table:
    """All invoices, imported ones and those of systems."""
    return _table(connection, "select * from invoices_all order by id")


def changes(connection: Connection, since: datetime | None) -> pa.Table:
    """What changed of customers since a time (UTC where it names no zone); None: all that is kept."""
    return _table(
        connection,
        """
        select h.*, r.account, r.source, r.source_customer_id, r.golden_id
        from customer_changes h
        join customer_rows r on r.id = h.cache_id
        where %(since)s::timestamptz is null
            or h.changed_at >= %(since)s
        order by h.id
        """,
        {"since": since},
    )


def customers_as_of(connection: Connection, at: datetime) -> pa.Table:
    """Golden records as they were at a time."""
    return _table(connection, "select * from customers_as_of(%(at)s) order by id", {"at": at})


def _table(connection: Connection, query: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
    import pyarrow as pa
    from psycopg.rows import tuple_row

    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(query, parameters)
        described = [(column.name, str(column.type_display)) for column in cursor.description or ()]
        rows = cursor.fetchall()
    columns = zip(*rows, strict=True) if rows else iter(() for _ in described)
    arrays, names = [], []
    for (name, kind), values in zip(described, columns, strict=True):
        found = [_as_json(value) for value in values] if kind in _JSON else list(values)
        arrays.append(pa.array(found, type=_arrow_type(kind)))
        names.append(name)
    return pa.Table.from_arrays(arrays, names=names)


def _arrow_type(kind: str) -> pa.DataType:
    """The type of a PostgreSQL type; what is none of ours is text."""
    import pyarrow as pa

    if kind.endswith("[]"):
        return pa.list_(_arrow_type(kind[:-2]))
    kinds: dict[str, Any] = {
        "int8": pa.int64(),
        "int4": pa.int64(),
        "int2": pa.int64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
        "float8": pa.float64(),
        "bytea": pa.binary(),
    }
    name, _, size = kind.partition("(")
    if name == "numeric":  # (18,2): digits, and how many of them behind the point
        return pa.decimal128(38, int(size.rstrip(")").partition(",")[2] or LOOSE_SCALE))
    return kinds.get(name, pa.string())


def _as_json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

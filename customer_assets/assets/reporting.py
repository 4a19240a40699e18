"""Metadata of materializations: counts, calls, bytes, duration, row count, table name, column schema.

No personal data, and no event per record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from customer_assets.store.database import connect, scalar

OWNERS = ["team:data"]


def table_metadata(
    url: str, table: str, *, shown_as: str | None = None, where: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Row count, name and columns of a table, from the same source as the DDL.

    Args:
        url: database.
        table: base table, `schema.name` outside public.
        shown_as: the view that users read instead.
        where: only rows with these values count.
    """
    from customer_assets.store.schema import metadata

    described = metadata.tables[table]
    with connect(url) as connection:
        condition = " and ".join(f"{column} = %({column})s" for column in where or {}) or "true"
        rows = scalar(connection, f"select count(*) from {table} where {condition}", where)
    columns = [
        dg.TableColumn(
            column.name,
            str(column.type).lower(),
            description=column.comment,
            constraints=dg.TableColumnConstraints(
                nullable=bool(column.nullable), unique=bool(column.primary_key)
            ),
        )
        for column in described.columns
    ]
    return {
        "dagster/row_count": rows,
        "dagster/table_name": shown_as or table,
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


def counts_metadata(counts: Mapping[str, int]) -> dict[str, Any]:
    """Counts as metadata entries."""
    return {name: dg.MetadataValue.int(int(value)) for name, value in counts.items()}

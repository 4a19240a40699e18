"""What analysts read, as the live schema describes it."""

from __future__ import annotations

from typing import Any

from customer_assets.store.database import Connection

LOADED_AT = "last_synced_at"  # when the row was read at its source


def dbt_sources(connection: Connection, *, name: str, freshness_hours: int) -> dict[str, Any]:
    """The tables and views of schema public as a dbt source: descriptions, not_null and unique tests, freshness.

    Args:
        connection: database.
        name: of the source.
        freshness_hours: age from which dbt warns; twice that is an error.
    """
    columns = connection.execute(
        """
        select
            c.relname as relation, obj_description(c.oid) as said_of_relation, a.attname as name,
            format_type(a.atttypid, a.atttypmod) as type, col_description(c.oid, a.attnum) as said, a.attnotnull as not_null,
            exists (
                select
                from pg_index i
                where i.indrelid = c.oid
                    and i.indisunique
                    and i.indnkeyatts = 1
                    and i.indkey[0] = a.attnum
                    and i.indpred is null
            ) as is_unique
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'v')
            and c.relname not in ('alembic_version', 'customer_rows', 'invoice_rows')
            and a.attnum > 0
            and not a.attisdropped
        order by c.relname, a.attnum
        """
    ).fetchall()
    tables: dict[str, dict[str, Any]] = {}
    for column in columns:
        table = tables.setdefault(
            column["relation"],
            {"name": column["relation"], "description": column["said_of_relation"] or "", "columns": []},
        )
        is_key = column["is_unique"] or (column["name"] == "id" and column["relation"] != "invoices_all")
        tests = ["unique"] * is_key + ["not_null"] * (column["not_null"] or is_key)
        described = {"name": column["name"], "description": column["said"] or "", "data_type": column["type"]}
        table["columns"].append(described | ({"data_tests": tests} if tests else {}))
        if column["name"] == LOADED_AT and column["relation"].endswith("_cache"):
            table["loaded_at_field"] = column["name"]
            table["freshness"] = {
                "warn_after": {"count": freshness_hours, "period": "hour"},
                "error_after": {"count": 2 * freshness_hours, "period": "hour"},
            }
    database = connection.info.dbname
    source = {"name": name, "database": database, "schema": "public", "tables": list(tables.values())}
    return {"version": 2, "sources": [source]}

"""What the JSON API reads: pages by key, with declared filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from customer_assets.store.database import Connection

QUERIES = {
    "customers": "select c.*, encode(c.content_hash, 'hex') as content_hash from customers_cache c",
    "golden-customers": """
        select c.*, array(select r.id from customer_rows r where r.golden_id = c.id order by r.id) as customer_ids
        from customers c
    """,
    "invoices": """
        select i.*, encode(i.content_hash, 'hex') as content_hash, c.name as customer_name, c.primary_phone as customer_phone
        from invoices_cache i
        left join customer_rows c on c.id = i.customer_id
    """,
    "reminders": """
        select r.*, c.name as customer_name, i.invoice_number, i.balance, i.currency_code, i.due_date
        from payment_reminders r
        join invoice_rows i on i.id = r.invoice_id
        left join customer_rows c on c.id = r.customer_id
    """,
}
FILTERS = {
    "customers": (
        "id",
        "account",
        "source",
        "source_customer_id",
        "role",
        "country",
        "country_code",
        "is_active",
        "vat_number",
        "vat_normalized",
        "email_normalized",
        "golden_id",
    ),
    "golden-customers": ("id", "account", "role", "country_code", "is_active", "vat_normalized", "email_normalized"),
    "invoices": ("id", "account", "source", "source_invoice_id", "customer_id", "golden_id", "status", "currency_code"),
    "reminders": ("id", "account", "invoice_id", "customer_id", "golden_id", "status", "scheduled_date"),
}
# what an item of each list is, said in every answer
ITEMS = {
    "customers": "customer records of systems; one customer may have several: golden-customers",
    "golden-customers": "real customers; customer_ids are their records in customers",
    "invoices": "invoices of systems",
    "reminders": "payment reminders, one per invoice and date",
}


class UnknownFilterError(ValueError):
    """A filter that this list does not have, or a value that it cannot take."""


def page(
    connection: Connection, name: str, *, filters: Mapping[str, Any], after: int, limit: int
) -> list[dict[str, Any]]:
    """Rows of a list with an id above `after`, in order of their ids.

    Raises:
        UnknownFilterError: the list has no such filter.
    """
    import psycopg

    unknown = filters.keys() - set(FILTERS[name])
    if unknown:
        raise UnknownFilterError(f"no filter {', '.join(sorted(unknown))}; there are {', '.join(FILTERS[name])}")
    conditions = [sql.SQL("q.{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in filters]
    query = sql.SQL("select * from ({}) q where q.id > %(after)s {} order by q.id limit %(limit)s").format(
        sql.SQL(QUERIES[name]),
        sql.SQL("").join(sql.SQL("and {} ").format(condition) for condition in conditions),
    )
    try:
        return connection.execute(query, {**filters, "after": after, "limit": limit}).fetchall()
    except psycopg.DataError:
        raise UnknownFilterError("a filter has a value that its column cannot hold") from None


def health(connection: Connection) -> dict[str, Any]:
    """When each entity of each system was synced last, and how it went."""
    rows = connection.execute(
        """
        select account, source, entity, last_status, greatest(last_full_at, last_incremental_at) as last_synced_at
        from sync_metadata
        order by account, source, entity
        """
    ).fetchall()
    return {"database": "ok", "synced": rows}

"""What the console shows of a real customer: the golden record, and all that stands behind it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from customer_assets.store.database import Connection
from customer_assets.store.identity import edges
from customer_assets.store.reads.listings import DAYS_OVERDUE, OWED

_OF_ROWS = "select id from customer_rows where golden_id = %(id)s"
_QUERIES = {
    "rows": """
        select c.id, c.source, c.source_customer_id, c.name, c.vat_number, c.general_email, c.primary_phone, c.city, c.role,
            c.is_active, c.deleted_at, c.updated_at
        from customer_rows c
        where c.golden_id = %(id)s
        order by c.deleted_at is not null, c.source, c.id
        limit 200
    """,
    "invoices": f"""
        select i.id, i.invoice_number, i.invoice_date, i.due_date, i.total, i.balance, i.currency_code, i.status, i.source,
            {DAYS_OVERDUE}
        from invoice_rows i
        where i.customer_id in ({_OF_ROWS})
        order by i.invoice_date desc nulls last, i.id desc
        limit 200
    """,
    "open": f"""
        select i.currency_code, count(*) as invoices, sum(i.balance) as balance,
            coalesce(sum(i.balance) filter (where i.due_date < current_date), 0) as overdue
        from invoice_rows i
        where i.customer_id in ({_OF_ROWS})
            and {OWED}
        group by i.currency_code
        order by i.currency_code
    """,
    "legacy": f"""
        select l.source_invoice_id, l.invoice_date, l.total, l.currency_code, l.customer_name, l.match_rule, l.match_score
        from legacy_invoices l
        where l.customer_id in ({_OF_ROWS})
        order by l.invoice_date desc nulls last, l.id desc
        limit 100
    """,
    "reminders": f"""
        select r.scheduled_date, r.reminder_type, r.status, r.skip_reason, i.invoice_number
        from payment_reminders r
        join invoice_rows i on i.id = r.invoice_id
        where r.customer_id in ({_OF_ROWS})
        order by r.scheduled_date desc, r.id desc
        limit 100
    """,
    "contacts": """
        select k.kind, k.value, k.is_shared, c.source
        from customer_contacts k
        left join customer_rows c on c.id = k.row_id
        where k.golden_id = %(id)s
        order by k.kind desc, k.value
        limit 100
    """,
    "changes": f"""
        select h.changed_at, c.source, h.field, h.old_value, h.new_value, h.origin
        from customer_changes h
        join customer_rows c on c.id = h.cache_id
        where h.cache_id in ({_OF_ROWS})
        order by h.id desc
        limit 100
    """,
    "pushes": f"""
        select p.pushed_at, p.outcome, p.reason
        from ops.push_results p
        where p.row_id in ({_OF_ROWS})
        order by p.id desc
        limit 20
    """,
}


def golden_customer(connection: Connection, golden_id: int) -> dict[str, Any] | None:
    """A golden record with its rows, invoices, reminders, contacts, changes and the evidence; None where there is none."""
    customer = connection.execute("select * from customers where id = %s", [golden_id]).fetchone()
    if customer is None:
        return None
    found: dict[str, Any] = {
        name: connection.execute(query, {"id": golden_id}).fetchall() for name, query in _QUERIES.items()
    }
    account, refs = refs_of(connection, golden_id)
    found["evidence"] = edges.edges_of(connection, refs, account=account)
    return {"customer": customer, "refs": refs} | found


def refs_of(connection: Connection, golden_id: int) -> tuple[str, list[str]]:
    """The account of a customer, and system:id of each of its records; empty where there is none."""
    query = "select account, source || ':' || source_customer_id as ref from customer_rows where golden_id = %s"
    rows = connection.execute(query, [golden_id]).fetchall()
    return rows[0]["account"] if rows else "", [row["ref"] for row in rows]


def id_now(connection: Connection, golden_id: int) -> int | None:
    """The customer that a merged one is part of now; None where the id was never merged."""
    row = connection.execute("select golden_id from customer_aliases where old_id = %s", [golden_id]).fetchone()
    return int(row["golden_id"]) if row else None


def row_standing_for(connection: Connection, golden_id: int) -> int | None:
    """A cache row of a customer, a living one where there is one."""
    row = connection.execute(
        """
        select id
        from customer_rows
        where golden_id = %s
        order by deleted_at is not null, id
        limit 1
        """,
        [golden_id],
    ).fetchone()
    return int(row["id"]) if row else None


def rows_of(connection: Connection, golden_id: int) -> set[int]:
    """Ids of the cache rows of a customer."""
    return {row["id"] for row in connection.execute(_OF_ROWS, {"id": golden_id})}


def customers_of(connection: Connection, row_ids: Collection[int]) -> dict[int, int]:
    """Of each row, the customer that it is of now."""
    rows = connection.execute("select id, golden_id from customer_rows where id = any(%s)", [list(row_ids)])
    return {row["id"]: row["golden_id"] for row in rows}


def in_short(connection: Connection, row_ids: Collection[int]) -> list[dict[str, Any]]:
    """The customers that some rows are of, as one compares them: name, numbers, place, and how many records and invoices."""
    return connection.execute(
        """
        select
            c.id, c.name, c.vat_number, c.primary_phone, c.email, c.city, c.role, c.row_count as records,
            (select count(*) from invoices_cache i where i.golden_id = c.id) as invoices,
            array(
                select r.source || ':' || r.source_customer_id
                from customer_rows r
                where r.golden_id = c.id
                order by r.source, r.source_customer_id
            ) as refs
        from customers c
        where c.id in (select golden_id from customer_rows where id = any(%s))
        order by c.id
        """,
        [list(row_ids)],
    ).fetchall()


def names(connection: Connection, *, most: int) -> list[tuple[int, str]]:
    """Ids and names of all golden records; none where there are more than `most`."""
    rows = connection.execute("select id, name from customers limit %s", [most + 1]).fetchall()
    return [] if len(rows) > most else [(row["id"], row["name"]) for row in rows]
